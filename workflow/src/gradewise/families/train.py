"""The step `train`: fits a model of any family to a view's samples. The rule of a family is `train_<family>`.

Takes the view's cache and the split of one repeat, leaves the model, its predictions and `run.json` in the run's
folder.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from gradewise import command
from gradewise.families import registry
from gradewise.families.choose import require_validation
from gradewise.families.pca import read_pca, read_scores
from gradewise.families.run import Identity, write_run
from gradewise.families.training_set import Components, TrainingSet
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
    repeat: int,
    dataset: str,
    model: str,
    view: str,
    classes: list[str],
    candidates: list[dict[str, Any]],
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Train a model and write it, its predictions and `run.json`.

    Parameters
    ----------
    family : str
        Which kind of model.
    samples : Path
        The view's cache.
    splits, manifest : Path
        The dataset's tables of that name.
    features, pca : Path, optional
        `features.parquet` and `pca.safetensors` of `fit_pca`, same view and repeat, for a family that asks for
        principal components.
    repeat : int
        Which split.
    dataset, model, view : str
        Names in the configuration.
    classes : list of str
        In the order of the configuration.
    candidates : list of dict
        Settings of the family to choose among by accuracy on the validation samples; one for no choice.
    seed : int
        Of the configuration.
    threads : int
        For training and prediction. Sums of a network are grouped by it, so another number changes its last digits.
    output : Path
        The run's folder.

    Raises
    ------
    UserError
        Where a class has no training sample, settings need validation samples and there are none, or the family
        cannot be fitted to the samples.
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
    )
    options = [kind.settings.model_validate(settings) for settings in candidates]
    require_validation(options, len(training.validation[0]))
    output.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(threads):
        start = time.perf_counter()
        settings, fitted = kind.fit_best(training, options)
        seconds = time.perf_counter() - start + fitted.seconds_elsewhere
        fitted.classifier.write(output)
        identity = Identity(dataset, model, family, view, repeat, classes, training.seed)
        write_run(output, identity, data, samples, settings, fitted, seconds, threads)
    # With those that a run killed in the middle of writing has left.
    for path in output.glob("*checkpoint-*"):
        path.unlink()


def _components(data: Samples, features: Path, pca: Path, repeat: int) -> Components:
    fitted, notes = read_pca(pca)
    scores = read_scores(features, data.table["sample_id"].to_numpy(), repeat)
    return Components(fitted, scores, notes["seconds_fit"])


if __name__ == "__main__":
    command.run(train)
