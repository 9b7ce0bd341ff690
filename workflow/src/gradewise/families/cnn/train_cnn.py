"""Step `train_cnn`: a convolutional network on the pixels of a view.

Takes the view's cache and the split of one repeat, leaves the network, its predictions and its curves in the run's
folder. While it runs, `checkpoint-*.safetensors` files lie there, from which a killed run goes on.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from gradewise import command
from gradewise.families.choose import choose, require_validation
from gradewise.families.cnn.convnet import layer_table
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.cnn.temperature import choose_temperature
from gradewise.families.cnn.training import Trained, train_network
from gradewise.families.run import Cost, Identity, write_run
from gradewise.provenance import derive_seed
from gradewise.views.samples import read_samples


def train_cnn(
    *,
    samples: Path,
    splits: Path,
    manifest: Path,
    repeat: int,
    dataset: str,
    model: str,
    view: str,
    classes: list[str],
    candidates: list[CnnSettings],
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Train a convolutional network and write it, its predictions and `run.json`.

    Where validation groups agree that it helps, its probabilities are made as sure as its answers on them are right
    (see `temperature`), which changes no answer.

    Runs on CUDA where there is a device. On the CPU the result is the same each time for the same seed, settings,
    samples and threads.

    Parameters
    ----------
    samples : Path
        The view's cache.
    splits, manifest : Path
        The dataset's tables of that name.
    repeat : int
        Which split.
    dataset, model, view : str
        Names in the configuration.
    classes : list of str
        In the order of the configuration.
    candidates : list of CnnSettings
        Settings to choose among by accuracy on the validation samples; one for no choice.
    seed : int
        Of the configuration.
    threads : int
        Of the CPU; sums are grouped by it, so another number changes the last digits.
    output : Path
        The run's folder.

    Raises
    ------
    UserError
        Where the samples are too small for the network or too few, settings need validation samples and there are
        none, or training diverges.
    """
    start = time.perf_counter()
    torch.set_num_threads(threads)
    data = read_samples(samples, splits, manifest, repeat)
    validation = data.of("validation")
    expected = data.targets(classes)[validation]
    require_validation(candidates, len(validation))
    own_seed = derive_seed(seed, dataset, model, repeat)
    checkpoints = [output / f"checkpoint-{number}.safetensors" for number in range(1, len(candidates) + 1)]
    seconds_before = 0.0

    def fit(settings: CnnSettings) -> Trained:
        nonlocal seconds_before
        trained = train_network(data, classes, settings, own_seed, checkpoints[candidates.index(settings)])
        seconds_before += trained.seconds_before
        return trained

    def accuracy(trained: Trained) -> float:
        probabilities = trained.classifier.predict_proba(data.pixels[validation])
        return float((probabilities.argmax(axis=1) == expected).mean())

    choice = choose(candidates, fit, accuracy)
    settings, trained = choice.settings, choice.fitted
    classifier = trained.classifier
    if len(validation):
        groups = data.table["group"].to_numpy()[validation]
        scores = torch.cat(list(classifier.predict_scores(data.pixels, validation))).cpu().numpy()
        classifier = replace(classifier, temperature=choose_temperature(scores, expected, groups))
    seconds = time.perf_counter() - start + seconds_before
    facts: dict[str, Any] = {
        "curves": trained.curves,
        "kept": trained.kept,
        "temperature": classifier.temperature,
        "precision": trained.precision,
        "layers": [asdict(layer) for layer in layer_table(classifier.network, classifier.shape)],
        "tried": choice.tried,
    }
    on_gpu = classifier.device.type == "cuda"
    if on_gpu:
        facts["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
    classifier.write(output)
    device = torch.cuda.get_device_name() if on_gpu else "cpu"
    parameters = sum(value.numel() for value in classifier.network.parameters())
    identity = Identity(dataset, model, "cnn", view, repeat, classes, own_seed)
    write_run(
        output,
        identity,
        data,
        samples,
        settings,
        Cost(seconds, threads, device, parameters, facts),
        classifier.predict_proba,
    )
    # With those that a run killed in the middle of writing has left.
    for path in output.glob("*checkpoint-*.safetensors*"):
        path.unlink()


if __name__ == "__main__":
    command.run(train_cnn)
