"""Published values: shown as they were published, read as shares only to be drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Column, Table
from gradewise.studies.cells import Published
from gradewise.studies.pages import wording
from gradewise.studies.study import StudySection

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")

NOT_COMPARABLE = "published on other images; not comparable"


def written(value: Published | None) -> str:
    """A published value as it stands in the source; a dash where there is none."""
    if value is None:
        return numbers.NONE
    return wording.setting(value) if isinstance(value, bool) else str(value)


def as_share(value: Published | None) -> float | None:
    """A published value as a share of one: '84.125 %' and 84.125 as 0.84125, 0.8065 as itself; None for words."""
    match = _SHARE.fullmatch(written(value).strip())
    if match is None:
        return None
    number, per_cent = float(match[1]), bool(match[2])
    return number / 100 if per_cent or number > 1 else number


def note(comparable: bool) -> str:
    """What captions say of columns with published values: a remark in parentheses, led by a space."""
    return "" if comparable else f" (values headed Published: {NOT_COMPARABLE})"


def heading(what: str, several: bool) -> str:
    """Heading of a column of published values, which names what it holds where there are several."""
    if not several:
        return "Published"
    return f"Published, {what if what[1:2].isspace() else what[0].lower() + what[1:]}"


def as_published(
    name: str,
    study: StudySection,
    rows: Sequence[Mapping[str, Published]] | None = None,
    headings: Mapping[str, str] | None = None,
) -> list[Table]:
    """A table of the rows of a study's source, all of them unless some are given; no table if there are no rows.

    A column without a heading is headed by its key.
    """
    rows = study.published if rows is None else rows
    if not rows:
        return []
    keys = list(dict.fromkeys(key for row in rows for key in row))
    data = pd.DataFrame([[written(row.get(key)) for key in keys] for row in rows], columns=keys)
    caption = "As published" + ("" if study.comparable else f": {NOT_COMPARABLE.removeprefix('published ')}")
    columns = [
        Column((headings or {}).get(key, key.replace("_", " ").capitalize()), key, kind="text" if place else "name")
        for place, key in enumerate(keys)
    ]
    return [Table(f"{name}-published", caption, data, tuple(columns))]
