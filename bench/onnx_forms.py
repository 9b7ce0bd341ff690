"""Size, time and probabilities of models in their own form and as ONNX, for every family.

    python bench/onnx_forms.py [--images 120] [--rounds 7] > bench/onnx_forms.txt

The models are those of the embedded example, fitted to simulated images with networks trained for two epochs only,
which changes neither size nor time. Both forms use one processor. They alternate; a round predicts all test samples in
batches of 64, then the first of them one by one, as a service would. Samples of noise join the test samples in the
comparison of probabilities.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from threadpoolctl import threadpool_limits

from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.families import pca, registry
from gradewise.families.graph import load_graph
from gradewise.families.training_set import Components, TrainingSet
from gradewise.simulate.simulate import draw
from gradewise.studies.config import load
from gradewise.views.apply import make_samples
from gradewise.views.samples import Samples

CONFIG = Path(__file__).parents[1] / "config.yaml"
SIMULATIONS = {"nanofibres": NanofibreSimulation, "mangoes": MangoSimulation}
BATCH, SINGLE, NOISE = 64, 20, 200


def training_set(folder: Path, classes: list[str], images: list, view) -> TrainingSet:
    """Samples of a view; of three images two are for training and one for test."""
    rows, pixels = [], []
    for number, image in enumerate(images):
        samples, _ = make_samples(image.pixels, view, np.random.default_rng(number))
        role = "test" if number % 3 == 2 else "train"
        common = {"image_id": str(number), "group": str(number), "role": role, "label": image.label}
        rows += [common | {"sample_id": f"{number}#{k}", "row": 0, "column": k} for k in range(len(samples))]
        pixels.append(samples)
    return TrainingSet(Samples(table=pd.DataFrame(rows), pixels=np.concatenate(pixels)), classes, 1, 1, folder)


def with_components(training: TrainingSet, count: int | None) -> TrainingSet:
    if count is None:
        return training
    pixels = training.samples.pixels
    fitted = pca.fit(pixels, training.train[0], count)
    components = Components(fitted, fitted.project(pixels), 0.0)
    return TrainingSet(training.samples, training.classes, 1, 1, training.folder, components)


def seconds(predict: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, batch: int) -> float:
    """Time per sample."""
    start = time.perf_counter()
    for first in range(0, len(pixels), batch):
        predict(pixels[first : first + batch])
    return (time.perf_counter() - start) / len(pixels)


def milliseconds(values: list[float]) -> str:
    return f"{1e3 * statistics.median(values):8.3f} ({1e3 * min(values):.3f} to {1e3 * max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = load(yaml.safe_load(CONFIG.read_text()))
    print(f"{arguments.images} images per dataset, {arguments.rounds} rounds; ms per sample: median (range)")
    with threadpool_limits(1):
        for name, dataset in config.datasets.items():
            simulation = SIMULATIONS[name].model_validate({"kind": name, "images": arguments.images})
            images = [draw(simulation, 1, number) for number in range(arguments.images)]
            for model in dataset.models:
                compare(config, model, list(dataset.classes), images, arguments.rounds)


def compare(config, model: str, classes: list[str], images: list, rounds: int) -> None:
    """Fit a model, and print how its forms compare."""
    entry = config.models[model]
    if entry.family == "blend":
        return
    family, settings = registry.family(entry.family), entry.candidates[0]
    if entry.family == "cnn":
        settings = settings.model_copy(update={"epochs": 2, "iterations": None})
    with tempfile.TemporaryDirectory() as folder:
        training = training_set(Path(folder), classes, images, config.views[entry.view])
        training = with_components(training, family.components(settings))
        classifier = family.fit(training, settings).classifier
        classifier.write(Path(folder))
        content = family.to_onnx(classifier).SerializeToString()
        native_bytes = sum((Path(folder) / name).stat().st_size for name in family.files)
        pixels = training.samples.pixels[training.samples.table["role"] == "test"]
        forms = {"native": classifier.predict_proba, "ONNX": load_graph(content)}
        noise = np.random.default_rng(1).integers(0, 256, (NOISE, *pixels.shape[1:]), dtype=np.uint8)
        native, onnx = (predict(np.concatenate([pixels, noise])) for predict in forms.values())
        times: dict[tuple[str, int], list[float]] = {(form, size): [] for form in forms for size in (BATCH, 1)}
        for _ in range(rounds):
            for form, predict in forms.items():
                times[form, BATCH].append(seconds(predict, pixels, BATCH))
                times[form, 1].append(seconds(predict, pixels[:SINGLE], 1))
    shape = " x ".join(map(str, pixels.shape[1:]))
    print(f"{model} ({family.label}, samples of {shape}, {len(pixels)} for test, {len(classes)} classes)")
    print(f"  largest difference {np.abs(native - onnx).max():.1e} on {len(native)} samples", end=", ")
    print(f"{(native.argmax(axis=1) != onnx.argmax(axis=1)).sum()} with another class")
    for form, size in (("native", native_bytes), ("ONNX", len(content))):
        batches, single = milliseconds(times[form, BATCH]), milliseconds(times[form, 1])
        print(f"  {form:6} {size / 1e6:7.2f} MB, batches of {BATCH} {batches}, one by one {single}")


if __name__ == "__main__":
    main()
