"""Accuracy on parts of the test images: those of one experiment, cultivar or camera, as the label table tells.

The worst of many subgroups is bad partly by chance, so each is tested against all other images and the p values are
corrected for their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gradewise.evaluation.estimates import hit_rate, share
from gradewise.evaluation.intervals import cells, delete_each, effective, spread
from gradewise.images.schemas import MANIFEST

MOST_VALUES = 20
LEAST_IMAGES = 5
QUARTILES = 4


def describe(manifest: pd.DataFrame) -> pd.DataFrame:
    """Subgroups that every image belongs to, as text; null where it belongs to none.

    Parameters
    ----------
    manifest : DataFrame
        Its columns beyond the manifest's own describe images. Numbers with more than `MOST_VALUES` different values
        are cut into quarters with equally many images.

    Returns
    -------
    DataFrame
        Index image_id; a column for each description that has 2 to `MOST_VALUES` values.
    """
    found = {}
    for name in manifest.columns.difference(MANIFEST.names, sort=False):
        values = manifest.set_index("image_id")[name]
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.notna().any() and numbers.notna().equals(values.notna()):
            many = numbers.nunique() > MOST_VALUES
            values = pd.qcut(numbers, QUARTILES, duplicates="drop") if many else numbers
            values = values.map(_quarter if many else "{:g}".format, na_action="ignore")
        if 2 <= values.nunique() <= MOST_VALUES:
            found[name] = values.astype("string")
    return pd.DataFrame(found, index=pd.Index(manifest["image_id"], name="image_id"))


def _quarter(interval: pd.Interval) -> str:
    return f"{interval.left:g} to {interval.right:g}"


def measure_subgroups(verdicts: pd.DataFrame, described: pd.DataFrame) -> list[dict[str, Any]]:
    """Accuracy of one model in every subgroup with at least `LEAST_IMAGES` test images, over all repeats.

    Intervals are those of accuracy. Where a subgroup is a single group (one experiment, say), its images are what is
    drawn anew, and the interval speaks of further images of that group. The difference from all other test images of
    the same repeats is tested by its jackknife standard error, never taken to be
    smaller than that of a subgroup in which one unit more had been judged otherwise, as Agresti & Caffo (2000), The
    American Statistician 54:280, add observations; Holm's correction counts all subgroups of the model, two that
    are each other's rest as one.

    Parameters
    ----------
    verdicts : DataFrame
        Of one model on test images, or on samples of them: repeat, image_id, group, label, predicted.
    described : DataFrame
        As `describe` makes it.

    Returns
    -------
    list of dict
        Rows of `subgroups.parquet`, without dataset and model.
    """
    rows: list[dict[str, Any]] = []
    twins: set[int] = set()
    for name in described.columns:
        belongs = verdicts["image_id"].map(described[name])
        images = verdicts.groupby(belongs)["image_id"].nunique()
        kept = [value for value in images.index if images[value] >= LEAST_IMAGES]
        if len(kept) >= 2:
            order = sorted(kept, key=lambda value: (_leading_number(value), value))
            found = [{"column": name, "value": value, **_measure(verdicts, belongs == value)} for value in order]
            if len(found) == 2 and belongs.isin(kept).all():
                # the p value of one part is unknown where the other is a single group
                both = float(np.fmax(*(row["p_value"] for row in found)))
                found = [row | {"p_value": both} for row in found]
                twins.add(len(rows) + 1)
            rows += found
    # Holm's correction does not count what is not a number: of twins the second takes the first's.
    p_values = [np.nan if place in twins else row["p_value"] for place, row in enumerate(rows)]
    adjusted = _holm(np.array(p_values, dtype=np.float64))
    return [row | {"p_holm": float(adjusted[place - (place in twins)])} for place, row in enumerate(rows)]


def _measure(verdicts: pd.DataFrame, inside: pd.Series) -> dict[str, Any]:
    inside = inside.fillna(False).astype(bool)
    compared = verdicts["repeat"].isin(verdicts.loc[inside, "repeat"].unique())
    verdicts, member = verdicts.loc[compared], inside.loc[compared].to_numpy()
    groups = verdicts.loc[member, "group"].nunique()
    unit = verdicts["group"] if groups > 1 else verdicts["group"].where(~member, "image " + verdicts["image_id"])
    right = (verdicts["label"] == verdicts["predicted"]).to_numpy(dtype=np.float64)
    repeat, units = pd.factorize(verdicts["repeat"])[0], pd.factorize(unit)[0]
    own = pd.factorize(unit[member])[0]
    accuracy = share(cells(repeat[member], own, np.column_stack([right, np.ones(len(right))])[member]))
    difference, p_value = _against_the_rest(repeat, units, right, member)
    return {
        "images": int(verdicts.loc[member, "image_id"].nunique()),
        "groups": int(groups),
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "difference": difference,
        "p_value": p_value,
    }


def _against_the_rest(
    repeat: np.ndarray, units: np.ndarray, right: np.ndarray, member: np.ndarray
) -> tuple[float, float]:
    """Accuracy inside minus outside, and its p value; NaN where all images are inside."""
    by_cell = cells(repeat, units, np.stack([right * member, member, right * ~member, ~member], axis=1))
    deletions = delete_each(by_cell, lambda sums: hit_rate(sums[:, :2]) - hit_rate(sums[:, 2:]))
    if not np.isfinite(deletions.value):
        return np.nan, np.nan
    sizes = by_cell.sum(axis=0)
    worth = [effective(sizes[:, 1]), effective(sizes[:, 3])]
    error = spread(deletions, min(worth))
    widened = float(np.hypot(error.error, 1 / (worth[0] + 2)))
    return deletions.value, float(2 * stats.t.sf(abs(deletions.value) / widened, error.freedom))


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p values for their number, step-down (Holm 1979, Scandinavian Journal of Statistics 6:65).

    NaN stays NaN and is not counted.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * p_values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _leading_number(value: str) -> float:
    """Numbers and ranges of numbers stand in their order, words after them by the alphabet."""
    try:
        return float(value.split(" ")[0])
    except ValueError:
        return np.inf
