"""How well the maps of a model fit the defects of test images, with intervals from leaving out groups."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradewise.evaluation.estimates import hit_rate
from gradewise.evaluation.intervals import Deletions, cells, delete_each, effective, interval, spread
from gradewise.localisation import curves
from gradewise.localisation.counted import MISSED, Counted

AREAS = (0, 16, 64, 256, 1024, 4096, np.inf)
"""Ends of the ranges of area that defects are measured apart in [px of the image]."""

SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Compared:
    """A test image in a repeat: its map compared with its mask, and the number of false alarms at the threshold."""

    repeat: int
    image_id: str
    group: str
    counted: Counted
    false_alarms: int


def describe_defects(images: list[Compared], bins: np.ndarray, threshold: float) -> pd.DataFrame:
    """Every defect with its coverage at a threshold: rows of `defects.parquet`, without model."""
    first = int(np.searchsorted(bins, threshold))
    rows = [
        {
            "repeat": image.repeat,
            "image_id": image.image_id,
            "group": image.group,
            "row": defect.row,
            "column": defect.column,
            "area": defect.area,
            "covered": float(defect.scores[first:].sum() / defect.scores.sum()),
        }
        for image in images
        for defect in image.counted.defects
    ]
    columns = ["repeat", "image_id", "group", "row", "column", "area", "covered"]
    return pd.DataFrame(rows, columns=columns)


def measure(images: list[Compared], defects: pd.DataFrame, bins: int, false_alarms: float) -> list[dict[str, Any]]:
    """All measures of a model.

    Parameters
    ----------
    images : list of Compared
        Of every repeat.
    defects : DataFrame
        From `describe_defects`.
    bins : int
    false_alarms : float
        The share of the area without defects that is marked where single thresholds are measured.

    Returns
    -------
    list of dict
        Rows of `localisation.parquet`, without dataset and model.
    """
    repeat = pd.factorize(pd.Series([image.repeat for image in images]))[0]
    groups = pd.Index(sorted({image.group for image in images}))
    group = groups.get_indexer([image.group for image in images])
    without = np.stack([image.counted.without for image in images]).astype(float)
    within = np.stack([image.counted.within for image in images]).astype(float)
    of_image = curves.auroc(without, within)
    has_both = np.isfinite(of_image)
    scalars = [
        [len(image.counted.defects) > 0, has, value if has else 0.0, image.false_alarms, 1.0]
        for image, has, value in zip(images, has_both, of_image, strict=True)
    ]
    values = np.concatenate([without, within, _regions(images, bins), np.array(scalars, dtype=float)], axis=1)
    by_cell = cells(repeat, group, values)
    sizes = by_cell.sum(axis=0)

    def parts(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return sums[:, :bins], sums[:, bins : 2 * bins], sums[:, 2 * bins : 3 * bins]

    measures: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int, tuple[float, float]]] = {
        "auroc": (lambda sums: curves.auroc(*parts(sums)[:2]), 0, SHARE),
        "auroc_by_image": (lambda sums: _ratio(sums, 2, 1), 1, SHARE),
        "average_precision": (lambda sums: curves.average_precision(*parts(sums)[:2]), 0, SHARE),
        "hit_rate": (lambda sums: curves.at_rate(*parts(sums)[:2], false_alarms), 0, SHARE),
        "aupro": (lambda sums: curves.overlap_area(parts(sums)[0], parts(sums)[2]), 0, SHARE),
        "false_alarms_per_image": (lambda sums: _ratio(sums, 3, 4), 4, (0.0, np.inf)),
    }
    common = {"images": len({image.image_id for image in images}), "groups": len(groups), "regions": len(defects)}
    rows = []
    for name, (statistic, stands_on, bounds) in measures.items():
        deletions = delete_each(by_cell, statistic)
        ends = _ends(deletions, effective(sizes[:, 3 * bins + stands_on]), bounds)
        rows.append({"metric": name, "defects": None, **ends, **common})
    for which, part in _parts_of(defects).items():
        rows += [{"defects": which, **row} for row in _coverage(part)]
    return rows


def mean_auroc(located: pd.DataFrame) -> dict[str, float]:
    """Mean AUROC of images that have one, with its interval.

    Parameters
    ----------
    located : DataFrame
        repeat, group and auroc of one model's images, as in `located.parquet`.

    Returns
    -------
    dict
        value, low and high; NaN without any image, or where the interval is unknown.
    """
    known = located.loc[located["auroc"].notna()]
    if known.empty:
        return dict.fromkeys(("value", "low", "high"), np.nan)
    repeat, group = pd.factorize(known["repeat"])[0], pd.factorize(known["group"])[0]
    by_cell = cells(repeat, group, np.stack([known["auroc"].to_numpy(float), np.ones(len(known))], axis=1))
    deletions = delete_each(by_cell, hit_rate)
    return _ends(deletions, effective(by_cell[..., 1].sum(axis=0)), SHARE)


def _regions(images: list[Compared], bins: int) -> np.ndarray:
    """Sum over the defects of each image of the share of their pixels in each bin."""
    shares = np.zeros((len(images), bins))
    for row, image in zip(shares, images, strict=True):
        for defect in image.counted.defects:
            row += defect.scores / defect.scores.sum()
    return shares


def _ratio(sums: np.ndarray, numerator: int, denominator: int) -> np.ndarray:
    """Of two of the last five columns of sums."""
    top, bottom = sums[:, numerator - 5], sums[:, denominator - 5]
    return np.asarray(np.divide(top, bottom, out=np.full(len(sums), np.nan), where=bottom > 0))


def _ends(deletions: Deletions, groups: float, bounds: tuple[float, float]) -> dict[str, float]:
    finite = bool(np.isfinite(deletions.groups).all())
    low, high = interval(deletions.value, spread(deletions, groups), bounds, groups) if finite else (np.nan, np.nan)
    return {"value": deletions.value, "low": low, "high": high}


def _parts_of(defects: pd.DataFrame) -> dict[str | None, pd.DataFrame]:
    """All defects, the smaller and the larger half, and those in each range of areas."""
    area = defects["area"]
    middle = area.median()
    parts: dict[str | None, pd.DataFrame] = {None: defects}
    parts |= {"small": defects.loc[area < middle], "large": defects.loc[area >= middle]}
    for low, high in itertools.pairwise(AREAS):
        name = f"from {low:g} px" if np.isinf(high) else f"below {high:g} px" if low == 0 else f"{low:g} to {high:g} px"
        parts[name] = defects.loc[(area >= low) & (area < high)]
    return {name: part for name, part in parts.items() if len(part)}


def _coverage(defects: pd.DataFrame) -> list[dict[str, Any]]:
    """Share of each defect that is marked: mean, median, worst, and how many are missed; the first and last with
    intervals."""
    repeat, group = pd.factorize(defects["repeat"])[0], pd.factorize(defects["group"])[0]
    covered = defects["covered"].to_numpy()
    common = {
        "images": defects["image_id"].nunique(),
        "groups": defects["group"].nunique(),
        "regions": len(defects),
    }
    rows = []
    for name, values in (("coverage", covered), ("missed", (covered < MISSED).astype(float))):
        by_cell = cells(repeat, group, np.stack([values, np.ones(len(values))], axis=1))
        deletions = delete_each(by_cell, hit_rate)
        rows.append({"metric": name, **_ends(deletions, effective(by_cell[..., 1].sum(axis=0)), SHARE), **common})
    alone = {"low": np.nan, "high": np.nan}
    rows.append({"metric": "coverage_median", "value": float(np.median(covered)), **alone, **common})
    rows.append({"metric": "coverage_worst", "value": float(covered.min()), **alone, **common})
    return rows
