"""The step `attribute`: where the recommended model looks in typical, borderline and wrong test images of each class.

It asks the runs that predicted these images, so that no model sees an image that it learnt from. A network of this
package is explained by Grad-CAM, any other model by occlusion of its samples, or where an image has several samples, by
what it predicts for each of them. All maps are laid over the images.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.config.views import Operation
from gradewise.evaluation import measured
from gradewise.evaluation.examples import choose_examples
from gradewise.evaluation.measured import Measured, Run
from gradewise.evaluation.recommendation import Recommendation
from gradewise.families.classifier import Classifier
from gradewise.families.load import load
from gradewise.images.files import read_before
from gradewise.images.masks import read_mask
from gradewise.localisation.occlusion import log_odds, occlude
from gradewise.localisation.on_images import lay_over
from gradewise.localisation.sample_regions import share_on
from gradewise.localisation.schemas import ATTRIBUTIONS
from gradewise.progress import track
from gradewise.views.chosen import read_pixels
from gradewise.views.stored import read_view

Method = Literal["grad_cam", "occlusion", "samples"]

MODELS = 8
"""Models that are kept in memory."""

log = logging.getLogger(__name__)


def attribute(*, results: Path, dataset: str, threads: int, output: Path) -> None:
    """Map where the recommended model looks in a few test images of each class.

    Where none is recommended, the model of the best score is asked. A blend looks where its members do: its map is the
    mean of theirs, each divided by its largest value.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its manifest, views, runs, verdicts and recommendation.
    dataset : str
        Its name.
    threads : int
    output : Path
        The table written.

    Raises
    ------
    UserError
        Where a mask is gone or can no longer be read, or a stored model is damaged.
    """
    known = measured.read(results, dataset)
    record = Recommendation.model_validate_json((results / "recommendation.json").read_text())
    model = record.ranked(known.models)[0]
    chosen = choose_examples(known.tested(model, known.deciding_level), known.classes)
    # one repeat after the other, so that its models are read once
    chosen = chosen.sort_values("repeat", kind="stable", ignore_index=True)
    images = tables.read(known.results.table("manifest")).set_index("image_id")
    rows = []
    with threadpool_limits(threads):
        for example in track(chosen.itertuples(index=False), len(chosen), "images explained"):
            image = images.loc[example.image_id]
            mapped, methods = _look(known, model, example, image)
            row: dict[str, Any] = {"method": ", ".join(methods), "rows": 0, "columns": 0}
            if isinstance(mapped, Operation):
                row["unmapped"] = str(mapped)
            else:
                row |= {"rows": mapped.shape[0], "columns": mapped.shape[1], "weights": mapped.ravel()}
                row |= _on_mask(mapped, image["mask"])
            rows.append(row)
    columns = ["method", "unmapped", "rows", "columns", "weights", "share", "area"]
    frame = pd.concat([chosen, pd.DataFrame(rows, columns=columns)], axis=1).assign(model=model)
    tables.write(frame[ATTRIBUTIONS.names], output, ATTRIBUTIONS)
    log.info("%s: where %s looks in %d images", output, model, len(frame))


def _look(known: Measured, model: str, example: Any, image: pd.Series) -> tuple[np.ndarray | Operation, list[Method]]:
    """The map of an image over the runs behind its verdict, or an operation of which nothing is known, and how the map
    was made."""
    maps, methods = [], []
    runs = _fitted(known, model, int(example.repeat))
    for run in runs:
        one = [("sample_id", "==", example.unit)] if known.deciding_level == "sample" else []
        predictions = pq.read_table(run.predictions, filters=[("image_id", "==", example.image_id), *one]).to_pandas()
        cache_file = known.results.view(str(run.record["view"]))
        method, explain = _explainer(run.folder, len(predictions) > 1)
        weights = explain(predictions, cache_file, example.predicted)
        positions = list(zip(predictions["row"], predictions["column"], strict=True))
        size = (int(image["height"]), int(image["width"]))
        mapped = lay_over(weights, positions, read_view(cache_file), size, int(image["bar_rows"]))
        if isinstance(mapped, Operation):
            return mapped, [method]
        maps.append(mapped)
        methods.append(method)
    if len(maps) > 1:
        maps = [mapped / max(float(np.nanmax(np.abs(mapped))), 1e-12) for mapped in maps]
    shown = np.isfinite(maps)
    mean = np.nansum(maps, axis=0) / np.where(shown.any(axis=0), shown.sum(axis=0), np.nan)
    return mean.astype(np.float32), list(dict.fromkeys(methods))


def _fitted(known: Measured, model: str, repeat: int) -> list[Run]:
    """The runs behind the verdicts of a model in a repeat: itself, or the members of a blend."""
    run = _run(known, model, repeat)
    if run.record["family"] != "blend":
        return [run]
    settings = run.record["settings"]
    return [_run(known, member, which) for member in settings["members"] for which in settings["repeats"]]


def _run(known: Measured, model: str, repeat: int) -> Run:
    files = known.results.run(model, repeat)
    return Run(json.loads(files.record.read_text()), files.folder)


Explain = Callable[[pd.DataFrame, Path, str], Sequence[np.ndarray]]
"""From predictions for samples of an image, the cache of their view and a class to the weights of their pixels."""


@lru_cache(MODELS)
def _explainer(folder: Path, several: bool) -> tuple[Method, Explain]:
    """How the predictions of a run are explained, of an image with one sample or several."""
    # takes seconds to import, and only networks need it
    from gradewise.families.cnn.classifier import CnnClassifier

    classifier = load(folder)
    if isinstance(classifier, CnnClassifier):
        from gradewise.localisation.attribution import Explained

        network = Explained(classifier, seed=0)
        return "grad_cam", _of_pixels(lambda pixels, place: network.weights("grad_cam", pixels, place), classifier)
    if several:
        return "samples", _of_samples
    return "occlusion", _of_pixels(lambda pixels, place: occlude(classifier, pixels, place), classifier)


def _of_pixels(explain: Callable[[np.ndarray, int], np.ndarray], classifier: Classifier) -> Explain:
    def weights(predictions: pd.DataFrame, view: Path, predicted: str) -> list[np.ndarray]:
        place = list(classifier.classes).index(predicted)
        return [explain(pixels, place) for pixels in read_pixels(view, list(predictions["sample_id"]))]

    return weights


def _of_samples(predictions: pd.DataFrame, view: Path, predicted: str) -> list[np.ndarray]:
    """What is predicted for each sample as a whole: log odds of the class over those of a guess."""
    height, width, _ = tables.read_metadata(view)["shape"]
    columns = [name for name in predictions if name.startswith("p_")]
    odds = log_odds(predictions[columns].to_numpy(), columns.index(f"p_{predicted}")) + np.log(max(len(columns) - 1, 1))
    return [np.full((height, width), value, np.float32) for value in odds]


def _on_mask(mapped: np.ndarray, mask: object) -> dict[str, float | None]:
    """Of what speaks for the prediction the share on what the mask marks, and the share of the area that this has."""
    if not isinstance(mask, str):
        return {}
    with read_before(mask):
        marks = read_mask(Path(mask))
    seen = np.isfinite(mapped)
    region = cv2.resize(
        np.where(marks > 127, 255, 0).astype(np.uint8), mapped.shape[::-1], interpolation=cv2.INTER_AREA
    )
    region = np.where(seen, region / 255, 0.0)
    if not region.any():
        return {}
    return {"share": share_on(np.nan_to_num(mapped), region), "area": float(region[seen].mean())}


if __name__ == "__main__":
    command.run(attribute)
