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
        Index image_id; a categorical column for each description that has 2 to `MOST_VALUES` values.
    """
    described = {}
    names = naming(manifest)
    for name in manifest.columns.difference(MANIFEST.names, sort=False):
        if name in (*names.groups, *names.numbers):
            continue
        column = _Column.of(manifest, name)
        values = column.different
        numbers = pd.to_numeric(values, errors="coerce")
        if len(values) and numbers.notna().all():
            if numbers.nunique() > MOST_VALUES:
                quarters = pd.qcut(column.spread(numbers), QUARTILES, duplicates="drop")
                column = _Column(quarters.codes, pd.Series(map(_quarter, quarters.categories)))
                values = column.different
            elif values.astype("string").str.contains(".", regex=False).any():
                # decimals are quantities; 1 and 01 may be names
                values = numbers.map("{:g}".format)
        texts = pd.Categorical(values.astype("string"))
        codes = np.append(texts.codes, -1)[column.codes]
        if 2 <= len(np.unique(codes[codes >= 0])) <= MOST_VALUES:
            described[name] = pd.Categorical.from_codes(codes, texts.categories)
    return pd.DataFrame(described, index=pd.Index(manifest["image_id"], name="image_id"))


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
    names = list(manifest.columns.difference(MANIFEST.names, sort=False))
    group = pd.factorize(manifest["group"])[0]
    if not names or len(np.unique(group)) == len(group):
        return Naming((), ())
    columns = {name: _Column.of(manifest, name) for name in names}
    return Naming(
        tuple(name for name, column in columns.items() if _names_groups(column, group)),
        tuple(name for name, column in columns.items() if _numbers_images(column, group)),
    )


@dataclass(frozen=True)
class _Column:
    """A column of the manifest: its different values, and the position of each image's among them, -1 where blank."""

    codes: np.ndarray
    different: pd.Series

    @staticmethod
    def of(manifest: pd.DataFrame, name: str) -> _Column:
        codes, values = pd.factorize(manifest[name])
        texts = pd.Series(values)
        filled = (texts.astype("string").str.strip() != "").to_numpy(dtype=bool)
        # the last entry is that of missing values
        positions = np.append(np.where(filled, np.cumsum(filled) - 1, -1), -1)
        return _Column(positions[codes], texts[filled].reset_index(drop=True))

    def spread(self, values: pd.Series) -> np.ndarray:
        """A number for each image, from those of the different values; NaN where it is blank."""
        return np.asarray(np.append(values.to_numpy(dtype=np.float64), np.nan)[self.codes])


def _names_groups(column: _Column, group: np.ndarray) -> bool:
    # copies may have joined groups, which then have several values
    groups, values = int(group.max()) + 1, len(column.different)
    if (column.codes < 0).any() or values < groups:
        return False
    return bool(len(np.unique(column.codes.astype(np.int64) * groups + group)) == values)


def _numbers_images(column: _Column, group: np.ndarray) -> bool:
    numbers = pd.to_numeric(column.different, errors="coerce")
    if (column.codes < 0).any() or numbers.isna().any():
        return False
    used, number = np.unique(numbers, return_inverse=True)
    if used[0] not in (0, 1) or not np.array_equal(used, used[0] + np.arange(len(used))):
        return False
    pairs = group * len(used) + number[column.codes]
    return len(np.unique(pairs)) == len(pairs)


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
    image = described.index.get_indexer(verdicts["image_id"])
    tested_images = np.unique(image)
    right = verdicts["label"] == verdicts["predicted"]
    for name in described.columns:
        of_image = described[name].array
        images = np.bincount(of_image.codes[tested_images] + 1, minlength=len(of_image.categories) + 1)[1:]
        kept = [value for value, count in zip(of_image.categories, images, strict=True) if count >= LEAST_IMAGES]
        if len(kept) >= 2:
            values = sorted(kept, key=lambda value: (_leading_number(value), value))
            place = np.append(pd.Index(values).get_indexer(of_image.categories), -1)
            part = place[of_image.codes[image]]
            table = verdicts[["repeat", "image_id", "group"]].assign(part=part, right=right)
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
