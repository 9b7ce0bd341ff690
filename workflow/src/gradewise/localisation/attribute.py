"""The step `attribute`: which parts of a few test samples speak for the prediction of the model to use.

It explains the predictions of the first repeat that were the surest, right and wrong ones of each class: by Grad-CAM
where the model is a network of this package, otherwise by occlusion.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.families.classifier import Classifier
from gradewise.families.load import load
from gradewise.localisation.occlusion import occlude
from gradewise.localisation.sample_regions import region_of, share_on
from gradewise.localisation.schemas import ATTRIBUTIONS
from gradewise.progress import track
from gradewise.results import Results
from gradewise.views.chosen import read_pixels
from gradewise.views.stored import read_view

MOST = 12
"""Samples that are explained."""

EACH = 2
"""Of each class and outcome, unless there are more than three classes: then one."""

log = logging.getLogger(__name__)


def attribute(*, results: Path, models: list[str], threads: int, output: Path) -> None:
    """Explain a few predictions of the recommended model.

    Where that is a blend, or none is recommended, the first of `models` is explained.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its manifest, views, runs and recommendation.
    models : list of str
        The dataset's models that are not blends.
    threads : int
    output : Path
        The table written.
    """
    files = Results(results)
    choice = json.loads((files.folder / "recommendation.json").read_text())["choice"]
    run = files.run(choice if choice in models else models[0], 0)
    classifier = load(run.folder)
    cache = files.view(json.loads(run.record.read_text())["view"])
    chosen = surest(tables.read(run.predictions, role="test"), list(classifier.classes))
    pixels = read_pixels(cache, list(chosen["sample_id"]))
    view = read_view(cache)
    images = tables.read(files.table("manifest"), columns=["image_id", "mask", "bar_rows"]).set_index("image_id")
    with threadpool_limits(threads):
        method, explain = _method(classifier)
        rows = []
        for sample, row in track(zip(pixels, chosen.itertuples(), strict=True), len(chosen), "samples explained"):
            weights = explain(sample, classifier.classes.index(row.predicted))
            image = images.loc[row.image_id]
            mask = Path(image["mask"]) if isinstance(image["mask"], str) else None
            region = region_of(mask, view, int(row.row), int(row.column), int(image["bar_rows"]))
            falls = None if region is None or not region.any() else share_on(weights, region)
            area = None if falls is None or region is None else float(region.mean(dtype=np.float64))
            rows.append({"weights": weights.ravel(), "share": falls, "area": area})
    frame = pd.concat([chosen.reset_index(drop=True), pd.DataFrame(rows, columns=["weights", "share", "area"])], axis=1)
    tables.write(frame.assign(model=run.model, method=method)[ATTRIBUTIONS.names], output, ATTRIBUTIONS)
    log.info("%s: %d predictions of %s explained", output, len(frame), run.model)


def surest(predictions: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """The predictions to explain: of each class the surest right and wrong ones, at most one sample of each image.

    Parameters
    ----------
    predictions : DataFrame
        Of test samples, as `predictions.parquet` has them.
    classes : list of str

    Returns
    -------
    DataFrame
        The predictions with their `probability`, in the order of the predicted classes, right ones first.
    """
    each = EACH if len(classes) <= MOST // (2 * EACH) else 1
    columns = predictions[[f"p_{name}" for name in classes]].to_numpy()
    known = predictions.assign(
        probability=columns[np.arange(len(predictions)), [classes.index(name) for name in predictions["predicted"]]],
        wrong=predictions["label"] != predictions["predicted"],
        place=[classes.index(name) for name in predictions["predicted"]],
    )
    known = known.sort_values(["probability", "sample_id"], ascending=[False, True])
    known = known.drop_duplicates(["image_id", "predicted", "wrong"]).groupby(["predicted", "wrong"]).head(each)
    # of many classes, those of the surest mistakes
    kept = known.sort_values(["wrong", "probability"], ascending=False, kind="stable").head(MOST)
    return kept.sort_values(["place", "wrong", "probability"], ascending=[True, True, False])


def _method(classifier: Classifier) -> tuple[str, Callable[[np.ndarray, int], np.ndarray]]:
    # takes seconds to import, and only networks need it
    from gradewise.families.cnn.classifier import CnnClassifier

    if isinstance(classifier, CnnClassifier):
        from gradewise.localisation.attribution import Explained

        network = Explained(classifier, seed=0)
        return "grad_cam", lambda pixels, predicted: network.weights("grad_cam", pixels, predicted)
    return "occlusion", lambda pixels, predicted: occlude(classifier, pixels, predicted)


if __name__ == "__main__":
    command.run(attribute)
