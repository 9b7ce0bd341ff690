"""Sections of the page on new images over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gradewise.deployment.drift import STATISTICS
from gradewise.deployment.martingale import ALARM
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.figures import curves
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, QUIET, Style, class_styles

SMALLEST = 0.01
"""Evidence below this is drawn as this: it speaks for nothing."""


def sections_of(rows: pd.DataFrame, names: Sequence[str], tested: bool) -> list[Section]:
    """The sections of the page.

    Parameters
    ----------
    rows : DataFrame
        As `monitor.parquet` has them.
    names : sequence of str
        Names of the sets of new images, in the order of time.
    tested : bool
        Whether verdicts are compared with those on test images; otherwise the first set stands for these.
    """
    placed = rows.assign(place=rows["name"].map({name: place for place, name in enumerate(names, start=1)}))
    return [_change(placed, names, tested), _verdicts(placed), _statistics(placed)]


def _change(rows: pd.DataFrame, names: Sequence[str], tested: bool) -> Section:
    known = rows.dropna(subset=["evidence"])
    by_set = known.groupby("place")["evidence"].max()
    blocks: list[Block] = [Text(change_sentence(rows), "lead"), Text(_meaning(names, tested))]
    styles = class_styles([_title(*key) for key in _keys(known)])
    drawn = [
        curves.Curve(mine["place"], mine["evidence"].clip(lower=SMALLEST), styles[_title(*key)], _title(*key), size=4)
        for key in _keys(known)
        for mine in [_of(known, key)]
    ]
    ends = (0.5, len(names) + 0.5)
    drawn.append(curves.Curve(ends, (ALARM, ALARM), Style(QUIET, "o", "--"), "alarm"))
    highest = 10 * max(ALARM, float(known["evidence"].max()) if len(known) else 1.0)
    ticks = [10.0**power for power in range(-2, 1 + int(np.log10(highest)))]
    panel = curves.Panel(
        drawn,
        curves.Axis("Set of images", limits=ends, whole=True),
        curves.Axis("Evidence for a change", limits=(SMALLEST, highest), ticks=ticks, write="{:g}".format),
        legend=True,
    )
    told = ", ".join(f"set {place} {value:.2g}" for place, value in by_set.items())
    blocks.append(
        Figure(
            "evidence",
            "The largest evidence so far that a score has changed, after each set of images, divided by the number of "
            f"scores. A line that reaches {ALARM:.0f} is an alarm.",
            f"Evidence for a change, the largest of all scores: {told}.",
            curves.draw([panel], height=2.8),
        )
    )
    blocks += [_sets(rows), _table(rows)]
    return Section("change", "Did the images change?", tuple(blocks))


def change_sentence(rows: pd.DataFrame) -> str:
    """Which scores changed, and when this was told first; or that nothing shows a change."""
    alarms = rows.loc[rows["alarm"].fillna(False).astype(bool)]
    if rows["evidence"].isna().all():
        return "There is nothing yet to compare these images with."
    if alarms.empty:
        return "No change in images or verdicts is shown. A small change, or one in few images, may go unnoticed."
    first = alarms.sort_values("place", kind="stable").drop_duplicates(["kind", "score"])
    told = [f"{_title(row.kind, row.score)} (since {row.name})" for row in first.itertuples(index=False)]
    return (
        f"Alarm: a change in {numbers.listed(told)}. Look at the images of that time, and test the model on some of "
        "them with labels: an alarm says that images changed, not that verdicts are wrong."
    )


def _meaning(names: Sequence[str], tested: bool) -> str:
    reference = (
        "Scores of verdicts are compared with those on test images and on all earlier sets"
        if tested
        else f"The model has learnt from all images of the dataset, so scores of verdicts are compared with those on "
        f"the first set, {names[0]}, and on all others before"
    )
    return (
        f"{reference}; image statistics with those of the dataset's images and of all earlier sets. Only one image of "
        f"each group counts. As long as nothing changes, the probability that there is ever an alarm is at most "
        f"{100 / ALARM:.0f} %, however many sets there are and how often one looks (conformal test martingales)."
    )


def _sets(rows: pd.DataFrame) -> Table:
    sets = rows.groupby("place").agg(
        name=("name", "first"), images=("images", "max"), groups=("groups", "max"), evidence=("evidence", "max")
    )
    return Table(
        "sets",
        "Sets of images in the order of the configuration, and the largest evidence for a change of any score",
        sets.reset_index(),
        (
            Column("Set", "place", numbers.count),
            Column.name("Images", "name"),
            Column("Number", "images", numbers.count),
            Column("Groups", "groups", numbers.count),
            Column("Evidence", "evidence", _evidence),
        ),
    )


def _evidence(value: float) -> str:
    return numbers.NONE if pd.isna(value) else f"{value:.2g}"


def _table(rows: pd.DataFrame) -> Table:
    return Table(
        "monitor",
        "All scores of all sets: share of verdicts, mean margin, or mean of a statistic (of its natural logarithm, "
        "except for brightness and contrast), with 95 % intervals by group",
        rows.drop(columns="place"),
        (
            Column.name("Images", "name"),
            Column("Score", ("kind", "score"), _title, "name"),
            Column("Number", "images", numbers.count),
            Column("Groups", "groups", numbers.count),
            Column("Value", ("value", "low", "high"), lambda *ends: numbers.interval(Estimate(*ends), numbers.score)),
            Column("Evidence", "evidence", _evidence),
            Column.name("Alarm", "alarm", lambda alarm: "alarm" if not pd.isna(alarm) and alarm else ""),
        ),
        limit=200,
        folded=True,
    )


def _verdicts(rows: pd.DataFrame) -> Section:
    keys = [key for key in _keys(rows) if key[0] in ("class", "margin")]
    return Section(
        "verdicts",
        "Verdicts over time",
        (
            _panels(
                rows,
                keys,
                "verdicts-over-time",
                "Verdicts over time: how often each class was predicted, and the mean margin between the first and the "
                "second class (the smaller, the more doubtful)",
            ),
        ),
    )


def _statistics(rows: pd.DataFrame) -> Section:
    keys = [key for key in _keys(rows) if key[0] == "statistic"]
    return Section(
        "statistics",
        "Images over time",
        (_panels(rows, keys, "statistics-over-time", "Image statistics over time: means over images"),),
    )


def _panels(rows: pd.DataFrame, keys: list[tuple[str, str]], name: str, caption: str) -> Figure:
    panels = []
    for key in keys:
        mine = _of(rows, key)
        is_log = any(statistic.log for statistic in STATISTICS if key == ("statistic", statistic.name))
        value, low, high = (np.exp(mine[end]) if is_log else mine[end] for end in ("value", "low", "high"))
        marks = curves.marks(mine["place"], value, low, high, Style(INK, "o", "-"), size=4)
        limits = (0.0, None) if key[0] == "class" else (None, None)
        panels.append(
            curves.Panel(
                [marks],
                curves.Axis("Set of images", limits=(0.5, rows["place"].max() + 0.5), whole=True),
                curves.Axis(_unit(*key), share=key[0] == "class", limits=limits),
                _title(*key),
            )
        )
    return Figure(
        name,
        f"{caption}, with 95 % intervals by group. Sets are numbered in the order of the configuration.",
        f"{len(panels)} panels of means over time; the table lists all numbers.",
        curves.draw(panels, height=2.0, width=drawing.THIRD),
    )


def _keys(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(rows[["kind", "score"]].drop_duplicates().itertuples(index=False, name=None))


def _of(rows: pd.DataFrame, key: tuple[str, str]) -> pd.DataFrame:
    return rows.loc[(rows["kind"] == key[0]) & (rows["score"] == key[1])].sort_values("place")


def _title(kind: str, score: str) -> str:
    if kind == "class":
        return f"class {score}"
    return "margin" if kind == "margin" else next(item.title for item in STATISTICS if item.name == score).lower()


def _unit(kind: str, score: str) -> str:
    if kind == "class":
        return "share [%]"
    return "" if kind == "margin" else next(item.unit for item in STATISTICS if item.name == score)
