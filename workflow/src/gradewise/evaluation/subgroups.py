"""Accuracy on parts of the test images: those of one experiment, cultivar or camera, as the label table tells.

The worst of many subgroups is bad partly by chance, so the subgroups of a column are first tested together, and what
is expected of each is drawn towards the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradewise.evaluation.estimates import share
from gradewise.evaluation.heterogeneity import Units, compare_parts, holm, shrink
from gradewise.evaluation.inference import SIGNIFICANT
from gradewise.evaluation.intervals import cells
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
        are cut into quarters with equally many images. Columns that only name groups or count the images of a group
        are left out.

    Returns
    -------
    DataFrame
        Index image_id; a column for each description that has 2 to `MOST_VALUES` values.
    """
    found = {}
    names = naming(manifest)
    for name in manifest.columns.difference(MANIFEST.names, sort=False):
        if name in (*names.groups, *names.numbers):
            continue
        values = _values(manifest, name)
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.notna().any() and numbers.notna().equals(values.notna()):
            if numbers.nunique() > MOST_VALUES:
                values = pd.qcut(numbers, QUARTILES, duplicates="drop").map(_quarter, na_action="ignore")
            elif values.astype("string").str.contains(".", regex=False).any():
                # decimals are quantities; 1 and 01 may be names
                values = numbers.map("{:g}".format, na_action="ignore")
        if 2 <= values.nunique() <= MOST_VALUES:
            found[name] = values.astype("string")
    return pd.DataFrame(found, index=pd.Index(manifest["image_id"], name="image_id"))


@dataclass(frozen=True)
class Naming:
    """Columns that tell which image it is rather than what it is like.

    Attributes
    ----------
    groups : tuple of str
        Columns of which each value is in one group, and each group has a value of its own.
    numbers : tuple of str
        Columns that number the images of each group from 0 or 1.
    """

    groups: tuple[str, ...]
    numbers: tuple[str, ...]


def naming(manifest: pd.DataFrame) -> Naming:
    """Columns of the manifest that name groups or number their images."""
    columns = list(manifest.columns.difference(MANIFEST.names, sort=False))
    groups = manifest.set_index("image_id")["group"]
    several = groups.duplicated(keep=False).any()
    return Naming(
        tuple(name for name in columns if several and _names_groups(_values(manifest, name), groups)),
        tuple(name for name in columns if several and _numbers_images(_values(manifest, name), groups)),
    )


def _names_groups(values: pd.Series, groups: pd.Series) -> bool:
    # copies may have joined groups, which then have several values
    return bool(values.notna().all() and groups.groupby(values).nunique().max() == 1) and (
        values.nunique() >= groups.nunique()
    )


def _numbers_images(values: pd.Series, groups: pd.Series) -> bool:
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any() or pd.DataFrame({"group": groups, "number": numbers}).duplicated().any():
        return False
    used = np.sort(numbers.unique())
    return bool(used[0] in (0, 1) and np.array_equal(used, used[0] + np.arange(len(used))))


def _values(manifest: pd.DataFrame, name: str) -> pd.Series:
    """A column by image_id, missing where it is blank."""
    values = manifest.set_index("image_id")[name]
    return values.mask(values.astype("string").str.strip() == "")


def _quarter(interval: pd.Interval) -> str:
    return f"{interval.left:g} to {interval.right:g}"


def measure_subgroups(verdicts: pd.DataFrame, described: pd.DataFrame) -> list[dict[str, Any]]:
    """Accuracy of one model in every subgroup with at least `LEAST_IMAGES` test images, over all repeats.

    Intervals are those of accuracy. Where a subgroup is a single group (one experiment, say), its images are what is
    drawn anew, and the interval speaks of further images of that group. Each column is tested once, by exchanging its
    values between groups, or between images where every value is a single group (see `heterogeneity.compare_parts`).
    The p values of columns are adjusted for their number (Holm); only then are its values compared with all images of
    the column.

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
    columns: list[tuple[str, list[str], pd.DataFrame]] = []
    for name in described.columns:
        belongs = verdicts["image_id"].map(described[name])
        images = verdicts.groupby(belongs)["image_id"].nunique()
        kept = [value for value in images.index if images[value] >= LEAST_IMAGES]
        if len(kept) >= 2:
            values = sorted(kept, key=lambda value: (_leading_number(value), value))
            part = pd.Index(values).get_indexer(belongs)
            table = verdicts.assign(part=part, right=verdicts["label"] == verdicts["predicted"])
            columns.append((str(name), values, table.loc[part >= 0]))
    tested = []
    for _, _, table in columns:
        units = _units(table)
        tested.append((shrink(units), *compare_parts(units, SIGNIFICANT / len(columns))))
    adjusted = holm(np.array([p_values.min() for _, p_values, _ in tested]))
    rows = []
    for (name, values, table), (expected, p_values, detectable), p_column in zip(
        columns, tested, adjusted, strict=True
    ):
        for part, value in enumerate(values):
            rows.append(
                {
                    "column": name,
                    "value": value,
                    **_measure(table, part),
                    "expected": float(expected[part]),
                    "detectable": float(detectable[part]),
                    "p_column": float(p_column),
                    "p_value": float(max(p_column, p_values[part])),
                }
            )
    return rows


def _units(table: pd.DataFrame) -> Units:
    """The units of a column: parts of groups with one value, or images where every value is a single group.

    Where every group has images of several values, values are exchanged within groups.
    """
    alone = bool((table.groupby("part")["group"].nunique() == 1).all())
    keys = ["group", "part", "image_id"] if alone else ["group", "part"]
    sums = table.groupby(keys)["right"].agg(["sum", "size"]).reset_index()
    within = bool((sums.groupby("group")["part"].nunique() > 1).all())
    block = pd.factorize(sums["group"])[0] if within else np.zeros(len(sums), dtype=np.int64)
    hits, trials = (sums[name].to_numpy(dtype=np.float64) for name in ("sum", "size"))
    return Units(sums["part"].to_numpy(dtype=np.int64), block, hits, trials)


def _measure(table: pd.DataFrame, part: int) -> dict[str, Any]:
    mine = table.loc[table["part"] == part]
    right = mine["right"].to_numpy(dtype=np.float64)
    unit_drawn = "group" if mine["group"].nunique() > 1 else "image_id"
    repeat, unit = (pd.factorize(mine[key])[0] for key in ("repeat", unit_drawn))
    accuracy = share(cells(repeat, unit, np.column_stack([right, np.ones(len(right))])))
    rest = table.loc[(table["part"] != part) & table["repeat"].isin(mine["repeat"])]
    return {
        "images": int(mine["image_id"].nunique()),
        "groups": int(mine["group"].nunique()),
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "difference": float(right.mean() - rest["right"].mean()),
    }


def _leading_number(value: str) -> float:
    """Numbers and ranges of numbers stand in their order, words after them by the alphabet."""
    try:
        return float(value.split(" ")[0])
    except ValueError:
        return np.inf
