"""Proposes which images belong together: by a column of the label table, or by the part that file names share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

WORDS = (
    *("specimen", "sample", "patient", "subject", "fruit", "plant", "animal", "slide", "wafer", "batch", "lot"),
    *("experiment", "series", "group", "donor", "device", "session", "plot", "tray", "roll", "site"),
)
"""Words in names of columns that say what images were taken of."""

PATTERNS = {
    r"^([^_\-. ]+)[_\- ]": "the part of file names before the first separator",
    r"^(.+)[_\- ][^_\- ]+\.[^.]+$": "the part of file names before the last separator",
    r"^(.*[0-9])[A-Za-z]\.[^.]+$": "file names up to a last letter",
}
"""Parts of file names that may name a specimen, the coarsest first, and what they are."""

FEWEST = 10
"""Groups from which a pattern in file names is believed."""

FEWEST_OF_CLASS = 3
MOST_SHARE = 0.25
"""Share of all images that no group exceeds."""

KNOWN = ("path", "label", "role", "mask")
"""Columns that are not the user's."""

LEAST_SIZE = 1.5
"""Images per group, on average, from which values repeat rather than happen to be equal."""


@dataclass(frozen=True)
class Proposal:
    """A proposed setting `group`.

    Attributes
    ----------
    setting : str, dict or None
        Its value; None: each image is a group of its own.
    reason : str
    groups : Series of str
        Group of each image.
    """

    setting: str | dict[str, str] | None
    reason: str
    groups: pd.Series


def propose_group(files: pd.DataFrame) -> Proposal:
    """Which images should stay on one side of every split.

    Parameters
    ----------
    files : DataFrame
        path, label, role, mask and further columns of the label table.
    """
    candidates = [*_of_columns(files), *_of_names(files)]
    if not candidates:
        where = "file names" if files.columns.isin(KNOWN).all() else "columns and file names"
        reason = f"{where} do not tell which images show one specimen; if any do, say here how to tell"
        return Proposal(None, reason, files["path"])
    best = candidates[0]
    others = [candidate.setting for candidate in candidates[1:2]]
    if others:
        shown = others[0] if isinstance(others[0], str) else others[0]["regex"] if others[0] else ""
        return Proposal(best.setting, f"{best.reason}; another choice: {shown}", best.groups)
    return best


def _of_columns(files: pd.DataFrame) -> Iterator[Proposal]:
    """Columns whose values repeat, those whose name says what they are first."""
    further = [column for column in files.columns if column not in KNOWN]
    telling = [column for column in further if any(word in str(column).lower() for word in WORDS)]
    for column in [*telling, *(column for column in further if column not in telling)]:
        values = files[column].fillna("").str.strip()
        numbers = pd.to_numeric(values, errors="coerce").notna().all()
        if column not in telling and numbers:
            continue
        fewest = FEWEST_OF_CLASS if column in telling else FEWEST
        groups = values.where(values != "", files["path"])
        if _is_plausible(groups, files["label"], fewest):
            yield Proposal(str(column), f"{_counted(groups)} by the column {column!r}: they stay together", groups)


def _of_names(files: pd.DataFrame) -> Iterator[Proposal]:
    names = files["path"].map(lambda path: Path(path).name)
    seen: list[pd.Series] = []
    for pattern, what in PATTERNS.items():
        groups = names.map(lambda name, pattern=pattern: match[1] if (match := re.search(pattern, name)) else None)
        if groups.isna().any() or any(_equal(groups, other) for other in seen):
            continue
        if _is_plausible(groups, files["label"], FEWEST):
            seen.append(groups)
            example = names.iloc[0]
            reason = f"{_counted(groups)} by {what} ({example!r} is of {groups.iloc[0]!r}): images of one specimen?"
            yield Proposal({"regex": pattern}, f"{reason} Use null if not", groups)


def _is_plausible(groups: pd.Series, labels: pd.Series, fewest: int) -> bool:
    sizes = groups.value_counts()
    of_class = groups.groupby(labels).nunique()
    return bool(
        len(sizes) >= fewest
        and len(groups) / len(sizes) >= LEAST_SIZE
        and sizes.iloc[0] <= MOST_SHARE * len(groups)
        and of_class.min() >= FEWEST_OF_CLASS
    )


def _equal(groups: pd.Series, others: pd.Series) -> bool:
    """Whether two series divide images alike."""
    return bool(groups.groupby(others).nunique().max() == 1 and others.groupby(groups).nunique().max() == 1)


def _counted(groups: pd.Series) -> str:
    sizes = groups.value_counts()
    low, high = sizes.iloc[-1], sizes.iloc[0]
    return f"{len(sizes)} groups of {low if low == high else f'{low} to {high}'} images"
