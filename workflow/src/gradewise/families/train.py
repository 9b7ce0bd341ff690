"""The step `train` fits a model of any family to a view's samples. The rule of a family is `train_<family>`.

It takes the view's cache and the split of one repeat, and writes the model, the hashes of its
files, its predictions and `run.json` into the run's folder.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.config.backbones import NamedBackbone
from gradewise.config.choosing import ChooseBy
from gradewise.families import registry
from gradewise.families.candidates import fit_best
from gradewise.families.hashes import write_hashes
from gradewise.families.pca import read_pca, read_scores
from gradewise.families.run import BACKBONE, Identity, write_run
from gradewise.families.training_set import Components, Pretrained, TrainingSet
from gradewise.locks import locked
from gradewise.provenance import derive_seed
from gradewise.views.samples import Samples, read_samples


def train(
    *,
    family: str,
    samples: Path,
    splits: Path,
    manifest: Path,
    features: Path | None = None,
    pca: Path | None = None,
    backbone: Path | None = None,
    pretrained: NamedBackbone | None = None,
    weights: Path | None = None,
    positive: str | None = None,
    repeat: int,
    dataset: str,
    model: str,
    view: str,
    classes: list[str],
    candidates: list[dict[str, Any]],
    choose_by: ChooseBy | None = None,
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Train a model and write it, its predictions and `run.json`.

    Parameters
    ----------
    family : str
        The model's family.
    samples : Path
        The view's cache, or the features that `extract` made of it.
    splits, manifest : Path
        The dataset's tables of that name.
    features, pca : Path, optional
        `features.parquet` and `pca.safetensors` of `fit_pca`, same view and repeat, for a family that asks for
        principal components.
    backbone : Path, optional
        The backbone that made the features, for a model that predicts from pixels.
    pretrained : NamedBackbone, optional
        The backbone whose weights training starts from, as JSON, for a family that fine-tunes.
    weights : Path, optional
        The file with its weights.
    positive : str, optional
        The class that is not normal, for a family that learns from one class.
    repeat : int
        Number of the split.
    dataset, model, view : str
        Names in the configuration.
    classes : list of str
        In the order of the configuration.
    candidates : list of dict
        Settings of the family. Several are compared on validation, or on folds of the training groups where validation
        has few groups.
    choose_by : ChooseBy, optional
        By what several candidates are compared; by default the accuracy of verdicts on images.
    seed : int
        The configuration's seed.
    threads : int
        For training and prediction. It affects the order of a network's sums, and so their last digits.
    output : Path
        The run's folder.

    Raises
    ------
    UserError
        If a class has no training sample, if there is nothing to choose settings on, if the family cannot be fitted to
        the samples, or if another process is training in the folder.
    """
    kind = registry.family(family)
    data = read_samples(samples, splits, manifest, repeat)
    training = TrainingSet(
        data,
        classes,
        derive_seed(seed, dataset, model, repeat),
        threads,
        output,
        None if features is None or pca is None else _components(data, features, pca, repeat),
        pretrained=None if pretrained is None or weights is None else Pretrained(pretrained, weights),
        positive=positive,
    )
    section = kind.settings_with(backbone=pretrained is not None)
    options = [section.model_validate(settings) for settings in candidates]
    labels = tables.read(manifest, columns=["image_id", "label"]).set_index("image_id")["label"]
    kind.import_libraries()
    with locked(output), threadpool_limits(threads):
        start = time.perf_counter()
        settings, fitted = fit_best(kind, training, options, choose_by or ChooseBy(), labels)
        seconds = time.perf_counter() - start + fitted.seconds_elsewhere
        fitted.classifier.write(output)
        share(backbone, output / BACKBONE)
        identity = Identity(dataset, model, family, view, repeat, classes, training.seed)
        write_run(output, identity, data, samples, settings, fitted, seconds, threads)
        write_hashes(output)
        # Also removes partial files left by a run that was killed while writing.
        for path in output.glob("*checkpoint-*"):
            path.unlink()


def share(backbone: Path | None, target: Path) -> None:
    """Put the backbone beside a model, as a link where the file system has them; without one, remove an earlier one."""
    target.unlink(missing_ok=True)
    if backbone is not None:
        try:
            target.hardlink_to(backbone)
        except OSError:
            shutil.copyfile(backbone, target)


def _components(data: Samples, features: Path, pca: Path, repeat: int) -> Components:
    fitted, notes = read_pca(pca)
    scores = read_scores(features, data.table["sample_id"].to_numpy(), repeat)
    return Components(fitted, scores, notes["seconds_fit"])


if __name__ == "__main__":
    command.run(train)
