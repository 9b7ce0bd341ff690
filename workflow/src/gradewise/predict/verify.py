"""The step `verify`: does a model that is handed over predict, from files of test images, what was tested?

The model of a tested run is put together as it is handed over (`artefact`), read again, and given the files of that
run's test images. Its probabilities are compared with those that evaluation worked with.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.views import Positions
from gradewise.families.graph import load_graph
from gradewise.judgement.record import Judgement
from gradewise.judgement.shares import Shares, training_shares
from gradewise.predict.artefact import Facts, copy_members, seal
from gradewise.predict.export import NoOnnxError, export_members, script_obstacle
from gradewise.predict.loading import load_predictor, read_parts
from gradewise.predict.parts import Parts
from gradewise.predict.predictor import Predictor, SampleProbabilities, Verdict
from gradewise.predict.verification import (
    TOLERANCE,
    TOLERANCE_GPU,
    AdjustedComparison,
    OnnxComparison,
    OnnxForm,
    Verification,
)
from gradewise.progress import track
from gradewise.provenance import derive_seed, versions
from gradewise.records import write_json
from gradewise.results import Results

MOST = 2000
"""Test images that are compared; of more, this many are drawn."""

TIMED = 32
"""Images on whose samples models and their ONNX forms are timed."""
ONNX = "model.onnx"

log = logging.getLogger(__name__)


def verify(
    *,
    dataset: str,
    results: Path,
    model: str,
    shares: list[float] | None = None,
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Compare verdicts on files of test images with those of the test.

    Parameters
    ----------
    dataset : str
        Its name in the configuration.
    results : Path
        Folder of the dataset's results.
    model : str
        The model that is handed over.
    shares : list of float, optional
        The share of each class in use, where the model adjusts its probabilities to it: adjusted verdicts are then
        compared as well.
    seed : int
        Draws the images where there are more than `MOST`.
    threads : int
        For reading images and predicting.
    output : Path
        `verification.json`, see `Verification`.

    Raises
    ------
    UserError
        If an image cannot be read any more.
    """
    files = Results(results)
    run = files.run(model, 0)
    parts = read_parts(run.folder)
    manifest = tables.read(files.table("manifest"), columns=["image_id", "path"]).set_index("image_id")["path"]
    expected = tables.read(files.table("verdicts"), model=model, repeat=run.repeat, role="test").set_index("image_id")
    images = _drawn(expected.index, seed)
    of_members = [_by_image(tables.read(folder / "predictions.parquet"), images) for folder in parts.folders]
    paths, tested = manifest.loc[images], expected.loc[images]
    device = ", ".join(dict.fromkeys(record.device for record in parts.records))
    tolerance = TOLERANCE if device == "cpu" else TOLERANCE_GPU
    with TemporaryDirectory(prefix="gradewise-") as temporary, threadpool_limits(threads):
        folder = Path(temporary)
        members = copy_members(parts, folder)
        seal(folder, parts, model, members, _facts(parts, shares))
        handed_over = load_predictor(folder)
        predictor = replace(handed_over, judgement=None)
        start = time.perf_counter()
        verdicts = list(_predict(predictor, paths, threads))
        seconds = time.perf_counter() - start
        places = [folder / member.folder for member in members]
        onnx = _forms(predictor, places, paths)
        onnx_verdicts = None
        if not any(form.missing for form in onnx):
            graphs = [load_graph((place / ONNX).read_bytes()) for place in places]
            onnx_verdicts = _compare(list(_predict(_with_graphs(predictor, graphs), paths, threads)), verdicts, images)
        adjusted = _compare_adjusted(handed_over, paths, threads, tested, tolerance)
    columns = [f"p_{name}" for name in parts.description.classes]
    sample_differences = [
        _largest_difference(said, stored[image], columns)
        for verdict, image in zip(verdicts, images, strict=True)
        for said, stored in zip(verdict.of_samples, of_members, strict=True)
    ]
    found = Verification(
        model=model,
        repeat=run.repeat,
        images=len(images),
        of_images=len(expected),
        samples=sum(len(said.positions) for verdict in verdicts for said in verdict.of_samples),
        largest_difference=_image_difference(verdicts, tested[columns]),
        largest_sample_difference=max(sample_differences),
        other_class=_of_other_class(verdicts, tested["predicted"]),
        device=device,
        tolerance=tolerance,
        seconds_per_image=seconds / len(images),
        threads=threads,
        onnx=onnx,
        onnx_verdicts=onnx_verdicts,
        adjusted=adjusted,
        script_missing=script_obstacle(parts.description),
        versions=versions(),
    )
    write_json(output, found)
    log.info(
        "%s: %d of %d verdicts on files of test images are those of the test; probabilities of samples differ by at "
        "most %.1e",
        *(dataset, len(images) - len(found.other_class), len(images), found.largest_sample_difference),
    )


@dataclass(frozen=True)
class _Graph:
    """An ONNX form in place of a classifier."""

    classes: list[str]
    graph: Callable[[np.ndarray], np.ndarray]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        return self.graph(pixels)

    def write(self, folder: Path) -> None:
        raise NotImplementedError


def _forms(predictor: Predictor, folders: list[Path], paths: pd.Series) -> tuple[OnnxForm, ...]:
    """Write the ONNX form of each member into its folder; sizes and times, measured on samples of a few images."""
    outputs, images = [folder / ONNX for folder in folders], map(Path, paths.iloc[:TIMED])
    forms = []
    for member, facts in zip(predictor.members, export_members(predictor, folders, outputs, images), strict=True):
        if isinstance(facts, NoOnnxError):
            forms.append(OnnxForm(member=member.name, missing=str(facts)))
        else:
            kept = {name: value for name, value in facts.items() if name in OnnxForm.model_fields}
            forms.append(OnnxForm.model_validate({"member": member.name, **kept}))
    return tuple(forms)


def _with_graphs(predictor: Predictor, graphs: list[Callable[[np.ndarray], np.ndarray]]) -> Predictor:
    members = [
        replace(member, classifier=_Graph(member.classifier.classes, graph))
        for member, graph in zip(predictor.members, graphs, strict=True)
    ]
    return replace(predictor, members=tuple(members))


def _compare(verdicts: list[Verdict], expected: list[Verdict], images: pd.Index) -> OnnxComparison:
    differences = [
        np.abs(said.probabilities - other.probabilities).max()
        for verdict, of_model in zip(verdicts, expected, strict=True)
        for said, other in zip(verdict.of_samples, of_model.of_samples, strict=True)
    ]
    predicted = pd.Series([verdict.predicted for verdict in expected], index=images)
    return OnnxComparison(largest_difference=float(max(differences)), other_class=_of_other_class(verdicts, predicted))


def _compare_adjusted(
    predictor: Predictor, paths: pd.Series, threads: int, tested: pd.DataFrame, tolerance: float
) -> AdjustedComparison | None:
    """Compare adjusted verdicts with those of the test, adjusted here; None where nothing is adjusted."""
    shares, facts = predictor.shares, predictor.description
    if shares is None:
        return None
    costs = None if facts.costs is None else np.array(facts.costs)
    expected = shares.adjust_verdicts(tested, facts.classes, costs)
    verdicts = list(_predict(predictor, paths, threads))
    return AdjustedComparison(
        shares=shares,
        largest_difference=_image_difference(verdicts, expected[[f"p_{name}" for name in facts.classes]]),
        other_class=_of_other_class(verdicts, expected["predicted"]),
        tolerance=tolerance * shares.amplification,
    )


def _facts(parts: Parts, shares: list[float] | None) -> Facts:
    if shares is None:
        return Facts()
    classes = parts.description.classes
    expected = dict(zip(classes, shares, strict=True))
    mixes = Shares(training=training_shares(parts.folders, classes), expected=expected)
    return Facts(judgement=Judgement(shares=mixes))


def _image_difference(verdicts: list[Verdict], expected: pd.DataFrame) -> float:
    """Largest difference of a probability of an image."""
    told = np.array([list(verdict.probabilities.values()) for verdict in verdicts])
    return float(np.abs(told - expected.to_numpy()).max())


def _of_other_class(verdicts: list[Verdict], predicted: pd.Series) -> tuple[str, ...]:
    """Images, which index the expected classes, whose verdict is another one."""
    return tuple(
        str(image)
        for (image, label), verdict in zip(predicted.items(), verdicts, strict=True)
        if verdict.predicted != label
    )


def _drawn(images: pd.Index, seed: int) -> pd.Index:
    if len(images) <= MOST:
        return images
    kept = np.random.default_rng(derive_seed(seed, "verify")).choice(len(images), MOST, replace=False)
    return images[np.sort(kept)]


def _by_image(predictions: pd.DataFrame, images: pd.Index) -> dict[str, pd.DataFrame]:
    """Rows of `predictions.parquet` by image, which positions index."""
    kept = predictions.loc[predictions["image_id"].isin(images)]
    return {str(name): rows.set_index(["row", "column"]) for name, rows in kept.groupby("image_id")}


def _predict(predictor: Predictor, paths: pd.Series, threads: int) -> Iterator[Verdict]:
    for verdict in track(predictor.predict(map(Path, paths), threads), len(paths), "images"):
        if verdict.error is not None:
            raise UserError(
                f"{verdict.path}: {verdict.error}; it was tested before, so put it back and run the workflow again"
            )
        yield verdict


def _largest_difference(said: SampleProbabilities, stored: pd.DataFrame, columns: list[str]) -> float:
    """Largest difference of a probability of an image's samples; 1, the most there is, where other samples were cut."""
    positions: Positions = said.positions
    if len(positions) != len(stored) or set(positions) != set(stored.index):
        return 1.0
    return float(np.abs(said.probabilities - stored.loc[positions, columns].to_numpy()).max())


if __name__ == "__main__":
    command.run(verify)
