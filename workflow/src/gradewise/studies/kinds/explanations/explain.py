"""Step `explain`: which parts of test samples speak for a network's prediction, how much of it on the object.

Section 1.5 of the mango report shows LIME for one image per class; Grad-CAM and occlusion are added here, and where
masks are known, the share of the weight that falls on what they mark is compared with the share of the area.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from gradewise import command, tables
from gradewise.config.views import View
from gradewise.evaluation.estimates import hit_rate
from gradewise.evaluation.intervals import cells, delete_each, difference_interval, effective, spread
from gradewise.families.cnn.classifier import load_cnn
from gradewise.localisation.attribution import Explained
from gradewise.localisation.sample_regions import find_mask, region_of, share_on
from gradewise.progress import track
from gradewise.provenance import derive_seed
from gradewise.studies import shown
from gradewise.studies.arrays import write_arrays
from gradewise.studies.schemas import EXPLANATIONS, SHOWN, WEIGHT_ON_REGIONS
from gradewise.views.chosen import read_pixels
from gradewise.views.stored import read_view

log = logging.getLogger(__name__)

Method = Literal["lime", "grad_cam", "occlusion"]
REGIONS = ("masked", "object")


def explain(
    *,
    model: Path,
    samples: Path,
    manifest: Path,
    methods: list[Method],
    each: int,
    seed: int,
    threads: int,
    output: Path,
    objects: Path | None = None,
) -> None:
    """Explain a network's predictions for some test images.

    Images are drawn at random among the test images of each class; of an image cut into samples, the one with most of
    its mask is explained. The class explained is the one predicted.

    Parameters
    ----------
    model : Path
        Folder of a run of a convolutional network.
    samples : Path
        Cache of the view that the network was trained on.
    manifest : Path
        The dataset's images; its masks mark the region `masked`.
    methods : list of str
        lime, grad_cam, occlusion.
    each : int
        Test images of each class.
    seed : int
        For the images drawn, and for what LIME hides.
    threads : int
        For the network.
    output : Path
        Folder for `shown.parquet`, `explanations.npz`, `explanations.parquet` and `weight_on_regions.parquet`: in the
        first the samples; in the second their `pixels` (n, height, width,
        channels), the weights of each method under its name (n, height, width) and the regions, where masks are known
        of any sample, under theirs (n, height, width; NaN where not of this sample); in the other tables, how much of
        the weight falls on the regions, sample by sample and in the mean.
    objects : Path, optional
        Folder of masks of the object, under the names of the images; they mark the region `object`.

    Raises
    ------
    UserError
        Where a mask cannot be read, or the folder of objects holds none of these images.
    """
    torch.set_num_threads(threads)
    network = load_cnn(model)
    test = shown.read_test(model, network.classes)
    marked = tables.read(samples, columns=["sample_id", "masked_fraction"]).set_index("sample_id")["masked_fraction"]
    table = shown.drawn(test, marked, network.classes, each, derive_seed(seed, "explain"))
    pixels = read_pixels(samples, list(table["sample_id"]))
    view = read_view(samples)
    regions = _regions(table, view, tables.read(manifest, columns=["image_id", "mask", "bar_rows"]), objects)
    explained = Explained(network, derive_seed(seed, "lime"))
    weights, seconds = _explain_all(explained, table, pixels, list(dict.fromkeys(methods)))
    falls = _falls(table, weights, seconds, regions)
    unknown = np.full(pixels.shape[1:3], np.nan, dtype=np.float32)
    stacked = {
        name: np.stack([unknown if marked is None else marked for marked in of_samples])
        for name, of_samples in regions.items()
        if any(marked is not None for marked in of_samples)
    }
    write_arrays(output / "explanations.npz", {"pixels": pixels, **weights, **stacked})
    tables.write(table, output / "shown.parquet", SHOWN)
    tables.write(falls, output / "explanations.parquet", EXPLANATIONS)
    tables.write(_means(falls, table), output / "weight_on_regions.parquet", WEIGHT_ON_REGIONS)


Regions = list[np.ndarray | None]


def _regions(table: pd.DataFrame, view: View, images: pd.DataFrame, objects: Path | None) -> dict[str, Regions]:
    explained = images.set_index("image_id").loc[table["image_id"]]
    files: dict[str, list[Path | None]] = {
        "masked": [Path(mask) if isinstance(mask, str) else None for mask in explained["mask"]],
        "object": [None if objects is None else find_mask(objects, name) for name in table["image_id"]],
    }
    if objects is not None and not any(files["object"]):
        raise command.UserError(
            f"objects: no file in {objects} is named after an image, as {table['image_id'][0]} is; give the folder of "
            "the objects' masks, or none"
        )
    return {
        name: [
            region_of(mask, view, int(row), int(column), int(bar_rows))
            for mask, row, column, bar_rows in zip(
                paths, table["row"], table["column"], explained["bar_rows"], strict=True
            )
        ]
        for name, paths in files.items()
    }


def _explain_all(
    explained: Explained, table: pd.DataFrame, pixels: np.ndarray, methods: list[Method]
) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Weights (n, height, width) of each method, and the seconds that each sample took."""
    weights: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    predictions = [explained.model.classes.index(name) for name in table["predicted"]]
    for sample, predicted in track(zip(pixels, predictions, strict=True), len(table), "samples explained"):
        for method in methods:
            start = time.perf_counter()
            weights[method].append(explained.weights(method, sample, predicted))
            seconds[method].append(time.perf_counter() - start)
    return {method: np.stack(maps) for method, maps in weights.items()}, seconds


def _falls(
    table: pd.DataFrame, weights: dict[str, np.ndarray], seconds: dict[str, list[float]], regions: dict[str, Regions]
) -> pd.DataFrame:
    """Rows of `EXPLANATIONS`."""
    parts = []
    for method, maps in weights.items():
        for name in REGIONS:
            areas = [np.nan if region is None else float(region.mean(dtype=np.float64)) for region in regions[name]]
            shares = [
                share_on(weight, region) if region is not None and area else None
                for weight, region, area in zip(maps, regions[name], areas, strict=True)
            ]
            part = pd.DataFrame({"share": np.array(shares, dtype=float), "area": areas, "seconds": seconds[method]})
            parts.append(part.assign(sample_id=table["sample_id"], method=method, region=name))
    falls = pd.concat(parts, ignore_index=True)[EXPLANATIONS.names]
    return falls.assign(area=falls["area"].where(falls["share"].notna()))


def _means(falls: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Means over samples, all of them and those of each prediction, with the interval of the difference by groups."""
    of_sample = table.set_index("sample_id")
    falls = falls.join(of_sample[["group", "predicted"]], on="sample_id").dropna(subset=["share"])
    rows = []
    for (method, region), part in falls.groupby(["method", "region"], sort=False):
        for predicted, samples in ((None, part), *part.groupby("predicted")):
            rows.append({"method": method, "region": region, "predicted": predicted, **_mean(samples)})
    return pd.DataFrame(rows, columns=WEIGHT_ON_REGIONS.names)


def _mean(part: pd.DataFrame) -> dict[str, Any]:
    gained = (part["share"] - part["area"]).to_numpy()
    sums = np.stack([gained, np.ones(len(gained))], axis=1)
    by_cell = cells(np.zeros(len(part), dtype=np.int64), pd.factorize(part["group"])[0], sums)
    error = spread(delete_each(by_cell, hit_rate), effective(by_cell[0, :, 1]))
    low, high = difference_interval(float(gained.mean()), error, 1.0)
    return {
        "share": part["share"].mean(),
        "area": part["area"].mean(),
        "difference": gained.mean(),
        "low": low,
        "high": high,
        "images": len(part),
        "groups": part["group"].nunique(),
    }


if __name__ == "__main__":
    command.run(explain)
