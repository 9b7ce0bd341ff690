"""Writes what predicts without gradewise: a trained model as an ONNX file, and the script that uses it.

Input of the file is a batch of uint8 samples (n, height, width, channels) of the model's view, output their calibrated
probabilities, float32 (n, classes). The names of the classes are in its metadata, in the order of the output.
"""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, helper
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from gradewise import tables
from gradewise.command import UserError
from gradewise.families import registry
from gradewise.families.backbones.embedded import EmbeddedClassifier
from gradewise.families.backbones.onnx import to_onnx as embedded_onnx
from gradewise.families.classifier import Classifier
from gradewise.families.graph import load_graph
from gradewise.families.load import load
from gradewise.families.stored import read_record
from gradewise.predict import predict_onnx
from gradewise.predict.description import Description
from gradewise.predict.predictor import Predictor

LARGEST = 2**31 - 1
"""Bytes that an ONNX file can have."""

ROUNDS = 5

MOST_SAMPLES = 64
"""Samples on which ONNX forms are compared with the models and timed."""

SCRIPT = "predict_onnx.py"
"""Name of the script beside `model.json`."""


class NoOnnxError(UserError):
    """The model has no ONNX form, or its images cannot be read without gradewise; the message says why."""


class _Run(BaseModel):
    """What is needed of `run.json`."""

    model: str
    family: str
    view: str
    model_bytes: int


def export_onnx(folder: Path, output: Path, samples: np.ndarray) -> dict[str, float]:
    """Write the model of a run as an ONNX file and compare the two on samples.

    Parameters
    ----------
    folder : Path
        The run's folder, `results/{dataset}/models/{model}/{repeat}`, or one with a copy of its files.
    output : Path
        The ONNX file.
    samples : ndarray of uint8, shape (n, height, width, channels)
        Samples of the model's view, at least one; some dozens give a fair time.

    Returns
    -------
    dict
        `bytes` and `native_bytes`: sizes of both forms. `seconds_per_sample` and `native_seconds_per_sample`: medians
        over rounds with one processor. `largest_difference` between probabilities; `other_classes`: the number of
        samples whose most probable class differs; `samples`: their number.

    Raises
    ------
    NoOnnxError
        If the family has no ONNX form, or the file would be too large.
    UserError
        If the folder holds no model.
    """
    classifier = load(folder)
    record = folder / "run.json"
    run = read_record(record, _Run)
    model = _graph(run.family, classifier)
    if model is None:
        raise NoOnnxError(f"{record}: the family {run.family} has no ONNX form")
    facts = {"classes": json.dumps(classifier.classes), "view": run.view, "model": run.model}
    helper.set_model_props(model, facts)
    size = model.ByteSize()
    if size > LARGEST:
        raise NoOnnxError(f"{record}: the ONNX form of {run.model} would have {size} bytes; {LARGEST} are possible")
    with tables.replacing(output) as partial:
        partial.write_bytes(model.SerializeToString())
    converted = load_graph(output.read_bytes())
    with threadpool_limits(1):
        expected, actual = classifier.predict_proba(samples), converted(samples)
        native_seconds, seconds = _medians(samples, classifier.predict_proba, converted)
    return {
        "bytes": size,
        "native_bytes": run.model_bytes,
        "seconds_per_sample": seconds,
        "native_seconds_per_sample": native_seconds,
        "largest_difference": float(np.abs(actual - expected).max()),
        "other_classes": int((actual.argmax(axis=1) != expected.argmax(axis=1)).sum()),
        "samples": len(samples),
    }


def export_members(
    predictor: Predictor, folders: Sequence[Path], outputs: Sequence[Path], images: Iterable[Path]
) -> list[dict[str, float] | NoOnnxError]:
    """Write the ONNX form of each member of a model, and compare the two on samples of some images.

    Parameters
    ----------
    predictor : Predictor
    folders : sequence of Path
        With the files of each member.
    outputs : sequence of Path
        The ONNX file of each member.
    images : iterable of Path
        At least one.

    Returns
    -------
    list
        For each member what `export_onnx` returns, or why it has no ONNX form.
    """
    samples = [predictor.samples_of(image) for image in images]
    exported: list[dict[str, float] | NoOnnxError] = []
    for member, folder, output in zip(predictor.members, folders, outputs, strict=True):
        pixels = np.concatenate([of_image[member.view][0] for of_image in samples])[:MOST_SAMPLES]
        try:
            exported.append(export_onnx(folder, output, pixels))
        except NoOnnxError as error:
            exported.append(error)
    return exported


def _graph(family: str, classifier: Classifier) -> ModelProto | None:
    """The ONNX form of a classifier, with its backbone if it has one."""
    if isinstance(classifier, EmbeddedClassifier):
        head = registry.family(family).to_onnx(classifier.head)
        return None if head is None else embedded_onnx(classifier.embedding.graph, head)
    return registry.family(family).to_onnx(classifier)


def script_obstacle(description: Description) -> str | None:
    """Why `predict_onnx.py` cannot make the samples of a model, e.g. since a package provides an operation; or None."""
    return predict_onnx.obstacle(description.model_dump(mode="json"))


def write_script(description: Description, folder: Path) -> None:
    """Write `predict_onnx.py`, which classifies image files with the ONNX files that a `model.json` beside it lists.

    Parameters
    ----------
    description : Description
        With the views of the model's members only.
    folder : Path
        Where `model.json` is.

    Raises
    ------
    NoOnnxError
        If there is a `script_obstacle`.
    """
    obstacle = script_obstacle(description)
    if obstacle is not None:
        raise NoOnnxError(obstacle)
    with tables.replacing(folder / SCRIPT) as partial:
        shutil.copyfile(predict_onnx.__file__, partial)


def _medians(samples: np.ndarray, *models: Callable[[np.ndarray], np.ndarray]) -> list[float]:
    """Median time per sample of each model, in alternating rounds [s]."""
    seconds: list[list[float]] = [[] for _ in models]
    for _ in range(ROUNDS):
        for predict, of_model in zip(models, seconds, strict=True):
            start = time.perf_counter()
            predict(samples)
            of_model.append((time.perf_counter() - start) / len(samples))
    return list(map(statistics.median, seconds))
