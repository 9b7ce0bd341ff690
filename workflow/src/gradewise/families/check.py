"""`check_family` tests whether a family fulfils the contract of `family.Family`.

It fits small models to synthetic samples in memory, so it takes seconds and needs no result files.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from gradewise.command import UserError
from gradewise.config.section import Section
from gradewise.families import pca, registry
from gradewise.families.classifier import Classifier, Locator, maps_of
from gradewise.families.family import Family, Fitted
from gradewise.families.graph import load_graph
from gradewise.families.training_set import Components, Pretrained, TrainingSet
from gradewise.resources import Resources
from gradewise.views.samples import Samples

ONNX_TOLERANCE = 1e-5
CLASSES = ["A", "B", "C"]
HEAVY = ("numpy", "pandas", "torch", "sklearn", "matplotlib")
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth")


class ContractError(AssertionError):
    """A family violates the contract; the message says how."""


def check_family(
    name: str,
    settings: Mapping[str, Any],
    shape: tuple[int, int, int] = (16, 16, 1),
    pretrained: Pretrained | None = None,
) -> None:
    """Fit, store, load and misuse models of a family.

    The checks cover: the declarations of the family; quick import; probabilities and the order of classes; equal
    results for equal seeds; bit-equal predictions of a loaded model, from the declared files and without pickle;
    predictions that do not depend on which samples are predicted together; an ONNX form, if the family has one, that
    predicts the same; maps of where a class shows, if the models draw them; two and three classes, or of a family that
    learns from one class what is normal and what is not; few samples, with and without validation samples; and clear
    errors, also about model files that are cut, altered or missing.

    Parameters
    ----------
    name : str
        The family's name in the configuration.
    settings : mapping
        Settings that fit quickly.
    shape : tuple of int
        Height, width and channels of the samples.
    pretrained : Pretrained, optional
        A backbone that the models start from.

    Raises
    ------
    ContractError
        At the first violation.
    """
    family = registry.family(name)
    section = family.settings_with(backbone=pretrained is not None).model_validate(settings)
    make = partial(_training, family, section, shape, pretrained)
    _check_declaration(family, section)
    _check_import(name)
    with TemporaryDirectory(prefix="gradewise-") as folder:
        parent = Path(folder)
        most = CLASSES[:2] if family.one_class else CLASSES
        for classes in (most, CLASSES[:2], most[::-1]):
            _check_model(family, section, make(classes, parent / "-".join(classes)))
        _check_damage(family, parent / "-".join(most))
        _check_seeds(family, section, partial(make, most), parent)
        few = make(most, parent / "few", groups=9, validation=False)
        _probabilities(family.fit(few, section).classifier, few)
        if family.one_class:
            _check_one_class(family, section, make, parent)
        else:
            _check_absent_class(family, section, make, parent)


def _require(condition: bool, violation: str) -> None:
    if not condition:
        raise ContractError(violation)


def _check_declaration(family: Family[Any], settings: Section) -> None:
    _require(issubclass(family.settings, Section), "settings must be a subclass of Section, which refuses unknown keys")
    _require(
        family.fine_tuning is None or issubclass(family.fine_tuning, Section),
        "fine_tuning must be a subclass of Section, which refuses unknown keys",
    )
    _require(bool(family.files), "files is empty; list every file that a classifier writes")
    taken = {"predictions.parquet", "run.json"} & set(family.files)
    _require(not taken, f"files lists {sorted(taken)}, which every run writes in addition to the model")
    needs = family.resources([settings])
    _require(isinstance(needs, Resources), f"resources must return Resources, not {needs!r}")
    count = family.components(settings)
    _require(count is None or count >= 1, f"components must return a number from 1, or None, not {count!r}")


def _check_import(name: str) -> None:
    code = f"import sys; import {registry.module_of(name)}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    _require(not imported, f"importing the family imports {imported}; do so inside fit and load")


def _check_model(family: Family[Any], settings: Section, training: TrainingSet) -> None:
    chosen, fitted = family.fit_best(training, [settings])
    _require(chosen == settings, f"fit_best returned the settings {chosen!r} of the only candidate {settings!r}")
    _check_fitted(fitted, training)
    probabilities = _probabilities(fitted.classifier, training)
    positions, targets = training.train
    right = float((probabilities[positions].argmax(axis=1) == targets).mean())
    _require(
        right > 1.3 / len(training.classes),
        f"only {right:.0%} of {len(positions)} easy training samples are predicted correctly; "
        "the columns of probabilities must follow the order of classes",
    )
    training.folder.mkdir(parents=True, exist_ok=True)
    fitted.classifier.write(training.folder)
    written = {path.name for path in training.folder.iterdir() if not path.name.startswith("checkpoint-")}
    _require(written == set(family.files), f"the model wrote {sorted(written)}, but files lists {sorted(family.files)}")
    pickles = [file for file in written if file.endswith(PICKLES)]
    _require(not pickles, f"{pickles} look like pickles; opening one runs untrusted code")
    loaded = family.load(training.folder)
    _require(list(loaded.classes) == training.classes, f"loaded classes are {loaded.classes}, not {training.classes}")
    again = _probabilities(loaded, training)
    _require(np.array_equal(again, probabilities), "the loaded model predicts differently from the one that was stored")
    alone = np.concatenate([loaded.predict_proba(training.samples.pixels[k : k + 1]) for k in range(6)])
    _require(np.allclose(alone, again[:6], atol=1e-4), "a prediction depends on which samples are predicted together")
    _check_onnx(family, loaded, training, again)
    if isinstance(loaded, Locator):
        _check_maps(fitted.classifier, loaded, training)
    try:
        loaded.predict_proba(np.zeros((2, training.shape[0] + 1, *training.shape[1:]), np.uint8))
    except ValueError:
        return
    raise ContractError("samples of another shape are not rejected; call classifier.check_pixels first")


def _check_maps(fitted: Classifier, loaded: Locator, training: TrainingSet) -> None:
    """Check what is drawn of samples, and of larger ones, four put together."""
    stride, pixels = loaded.stride, training.samples.pixels
    _require(stride >= 1 and loaded.reach >= 0, f"stride is {stride} and reach {loaded.reach}; these are lengths [px]")
    positions, targets = training.train
    label = training.classes[-1]
    maps = loaded.maps(pixels, label)
    _check_map(maps, stride, pixels)
    _require(np.array_equal(maps, maps_of(fitted, pixels, label)), "the loaded model draws other maps than the stored")
    alone = np.concatenate([loaded.maps(pixels[k : k + 1], label) for k in range(3)])
    _require(np.allclose(alone, maps[:3], atol=1e-4), "a map depends on which samples are mapped together")
    means = maps[positions].mean(axis=(1, 2))
    shows = targets == len(training.classes) - 1
    _require(
        float(means[shows].mean()) > float(means[~shows].mean()),
        f"maps of {label} are no higher for training samples of this class than for others",
    )
    rows = [np.concatenate(list(pixels[row]), axis=1) for row in ([0, 1], [2, 3])]
    larger = np.concatenate(rows)[None]
    _check_map(loaded.maps(larger, label), stride, larger)
    for wrong, sought in ((pixels[:1, 1:], label), (pixels[:1], "no such class")):
        try:
            loaded.maps(wrong, sought)
        except ValueError:
            continue
        raise ContractError("maps must reject smaller samples and unknown classes; see classifier.check_larger")


def _check_map(maps: np.ndarray, stride: int, pixels: np.ndarray) -> None:
    expected = (len(pixels), -(-pixels.shape[1] // stride), -(-pixels.shape[2] // stride))
    _require(maps.shape == expected, f"maps have the shape {maps.shape}, not {expected}, at a stride of {stride} px")
    _require(maps.dtype == np.float32, f"maps are {maps.dtype}, not float32")
    _require(bool(np.isfinite(maps).all()), "maps are not finite")


def _check_onnx(family: Family[Any], classifier: Classifier, training: TrainingSet, expected: np.ndarray) -> None:
    """Compare the ONNX form of a model, where the family has one, with the model."""
    model = family.to_onnx(classifier)
    if model is None:
        return
    for part in (slice(None), slice(1)):
        try:
            actual = load_graph(model.SerializeToString())(training.samples.pixels[part])
        except Exception as error:
            raise ContractError(f"the ONNX form cannot be used: {error}") from error
        shapes = actual.shape, expected[part].shape
        _require(shapes[0] == shapes[1], f"the ONNX form gives the shape {shapes[0]} where the model gives {shapes[1]}")
        difference = float(np.abs(actual - expected[part]).max())
        _require(
            difference <= ONNX_TOLERANCE,
            f"probabilities of the ONNX form differ by up to {difference:.2g} from those of predict_proba; "
            f"{ONNX_TOLERANCE:g} is allowed",
        )


def _check_damage(family: Family[Any], folder: Path) -> None:
    """Load a stored model, one file of which is cut in half, begins differently or is missing."""
    for file in family.files:
        path = folder / file
        content = path.read_bytes()
        damaged = {"cut": content[: len(content) // 2], "altered": bytes(16) + content[16:], "missing": None}
        for state, remainder in damaged.items():
            path.unlink(missing_ok=True)
            if remainder is not None:
                path.write_bytes(remainder)
            _require_refusal(family, folder, file, state)
        path.write_bytes(content)


def _require_refusal(family: Family[Any], folder: Path, file: str, state: str) -> None:
    rule = f"load must raise a UserError that names {file} if it is {state}; read it with families.stored"
    try:
        family.load(folder)
    except UserError as error:
        _require(file in str(error), f"{rule}, not {error}")
    except Exception as error:
        raise ContractError(f"{rule}, not {type(error).__name__}: {error}") from error
    else:
        raise ContractError(f"{rule}, not return a model")


def _check_fitted(fitted: Fitted, training: TrainingSet) -> None:
    _require(list(fitted.classifier.classes) == training.classes, "the classifier's classes are not those given")
    _require(fitted.parameters >= 0, f"parameters is {fitted.parameters}")
    _require(
        math.isfinite(fitted.seconds_elsewhere) and fitted.seconds_elsewhere >= 0,
        f"seconds_elsewhere is {fitted.seconds_elsewhere}",
    )
    try:
        json.dumps(fitted.facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ContractError(f"facts cannot be written as JSON: {error}") from error


def _check_seeds(family: Family[Any], settings: Section, make: Callable[..., TrainingSet], parent: Path) -> None:
    first, second = (
        _probabilities(family.fit(training, settings).classifier, training)
        for training in (make(parent / run) for run in ("first", "second"))
    )
    _require(np.array_equal(first, second), "two fits with the same seed and threads predict differently")


def _check_absent_class(family: Family[Any], settings: Section, make: Callable[..., TrainingSet], parent: Path) -> None:
    training = make([*CLASSES, "D"], parent / "absent", labels=CLASSES)
    try:
        family.fit(training, settings)
    except UserError:
        return
    raise ContractError("a class without training samples is not rejected; use TrainingSet.train")


def _check_one_class(family: Family[Any], settings: Section, make: Callable[..., TrainingSet], parent: Path) -> None:
    """Fit to normal samples alone, and to none; without it being known which they are; and to more classes."""
    normal, positive = CLASSES[:2]
    both = make([normal, positive], parent / "both")
    kept = ~((both.samples.table["role"] == "train") & (both.samples.table["label"] == positive)).to_numpy()
    alone = Samples(table=both.samples.table.loc[kept].reset_index(drop=True), pixels=both.samples.pixels[kept])
    _probabilities(family.fit(replace(both, samples=alone), settings).classifier, both)
    refused = {
        "no training sample of the normal class": make([normal, positive], parent / "absent", labels=[positive]),
        "no positive class": replace(both, positive=None),
        "three classes": make(CLASSES, parent / "three"),
    }
    for what, training in refused.items():
        try:
            family.fit(training, settings)
        except UserError:
            continue
        raise ContractError(f"a training set with {what} is not rejected with a UserError")


def _probabilities(classifier: Classifier, training: TrainingSet) -> np.ndarray:
    probabilities = np.asarray(classifier.predict_proba(training.samples.pixels))
    expected = (len(training.samples.table), len(training.classes))
    _require(probabilities.shape == expected, f"probabilities have the shape {probabilities.shape}, not {expected}")
    _require(bool(np.isfinite(probabilities).all()), "probabilities are not finite")
    _require(bool((probabilities >= 0).all() and (probabilities <= 1 + 1e-6).all()), "probabilities lie outside 0..1")
    _require(np.allclose(probabilities.sum(axis=1), 1, atol=1e-4), "probabilities of a sample do not add up to 1")
    return probabilities


def _training(
    family: Family[Any],
    settings: Section,
    shape: tuple[int, int, int],
    pretrained: Pretrained | None,
    classes: list[str],
    folder: Path,
    *,
    labels: list[str] | None = None,
    groups: int = 30,
    validation: bool = True,
) -> TrainingSet:
    """Two samples per group; each class has its own grey-level pattern, to which noise is added.

    A family that learns from one class is given classes of different contrast, since its models may know no positions.
    """
    generator = np.random.default_rng(0)
    labels = classes if labels is None else labels
    patterns = {name: np.random.default_rng(ord(name)).uniform(-60, 60, shape) for name in labels}
    if family.one_class:
        patterns = {name: pattern * (0.1 if name == CLASSES[0] else 1.5) for name, pattern in patterns.items()}
    rows, pixels = [], []
    for number in range(2 * groups):
        group = number // 2
        label = labels[group % len(labels)]
        turn = group // len(labels) % 5
        rows.append(
            {
                "sample_id": f"{number}#0",
                "image_id": str(number),
                "group": f"g{group}",
                "role": {3: "validation" if validation else "train", 4: "test"}.get(turn, "train"),
                "row": 0,
                "column": 0,
                "label": label,
            }
        )
        pixels.append(np.clip(128 + patterns[label] + generator.normal(0, 15, shape), 0, 255).astype(np.uint8))
    samples = Samples(table=pd.DataFrame(rows), pixels=np.stack(pixels))
    components = None
    count = family.components(settings)
    if count is not None:
        fitted = pca.fit(samples.pixels, samples.of("train"), count)
        components = Components(fitted, fitted.project(samples.pixels), 0.0)
    positive = CLASSES[1] if family.one_class else None
    return TrainingSet(samples, classes, 1, 1, folder, components, pretrained=pretrained, positive=positive)
