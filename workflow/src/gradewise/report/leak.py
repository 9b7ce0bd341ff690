"""Section: what a careless split would have claimed, beside the accuracy on new groups."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers, verdict
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence, bounded

LEAK = 0.01
"""Gaps below one percentage point are not worth a warning, however sure."""


def section(evidence: Evidence) -> Section | None:
    """The gap in words, as a table and as a figure; None where no leak test was made."""
    rows = evidence.leaks
    if rows is None or rows.empty:
        return None
    blocks: list[Block] = [Text(sentence, "lead") for sentence in _findings(evidence, rows)]
    if not evidence.manifest["group"].is_unique:
        blocks += [_explanation(rows), _figure(evidence, rows), _table(rows)]
    return Section("leak", "What a careless split would have claimed", tuple(blocks))


def _findings(evidence: Evidence, rows: pd.DataFrame) -> list[str]:
    if evidence.manifest["group"].is_unique:
        return [
            "Each image is a group of its own, so a split at random is the split that was used: there is nothing for a "
            "leak test to find. Where several images show one specimen, say so with group: in the configuration."
        ]
    return [_finding(evidence, row) for row in rows.itertuples(index=False)]


def _finding(evidence: Evidence, row: Any) -> str:
    gap = bounded(row, "gap")
    claim = (
        f"Split at random, {row.model} would have claimed {numbers.percent(row.careless)}; on new groups it reaches "
        f"{numbers.percent(row.grouped)}: "
    )
    size = f"{numbers.points(abs(gap.value or 0.0)).removeprefix('+')} points"
    if not gap.bounds:
        return f"{claim}{size} apart, and too few groups to say how sure that is."
    low, high = gap.bounds
    between = f"{size} ({numbers.points(low).removeprefix('+')} to {numbers.points(high).removeprefix('+')})"
    if low > 0 and (gap.value or 0.0) >= LEAK:
        return f"{claim}{between} of the claim were memory of {_same(evidence)}, not skill."
    if low > 0:
        return f"{claim}a real but small difference of {between}."
    if high < 0:
        return f"{claim}the random split claims less by {size}, which memory cannot explain; look at the splits."
    if high < LEAK:
        return f"{claim}no leak to speak of; the interval of the gap reaches up to {numbers.points(high)} points."
    return (
        f"{claim}a gap of {numbers.points_interval(gap)} points; whether {row.model} recognises {_same(evidence)} "
        f"cannot be told from {verdict.basis(int(row.images), int(row.groups), 'image')}."
    )


def _same(evidence: Evidence) -> str:
    group = evidence.settings.group
    return f"the same {group}" if isinstance(group, str) else "images of the same group"


def _explanation(rows: pd.DataFrame) -> Text:
    shared = numbers.percent(float(rows["siblings"].mean()))
    return Text(
        "The same models were fitted again on a split that deals out single images and ignores groups and duplicates, "
        "with as many images of each class in each role as before. In it "
        f"{shared} of test images have another image of their group among those the model was trained or chosen with. "
        "Nobody will meet such images in use: the accuracy on new groups is the one to plan with. The interval of the "
        "gap comes from leaving each group out of both splits at once."
    )


def _table(rows: pd.DataFrame) -> Table:
    return Table(
        "leak",
        "Image-level accuracy on test under both splits, with 95 % intervals",
        rows.reset_index(drop=True),
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Split at random", lambda row: numbers.percent_interval(bounded(row, "careless"))),
            Column("Split by groups", lambda row: numbers.percent_interval(bounded(row, "grouped"))),
            Column("Gap, points", lambda row: numbers.points_interval(bounded(row, "gap"))),
            Column("Test images with siblings", lambda row: numbers.percent(row.siblings)),
        ),
    )


def _figure(evidence: Evidence, rows: pd.DataFrame) -> Figure:
    told = []
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.62 + 0.62 * len(rows)))
        axes = canvas.subplots()
        names = []
        for place, row in enumerate(rows.itertuples(index=False)):
            style = evidence.styles[row.model]
            careless, grouped = bounded(row, "careless"), bounded(row, "grouped")
            drawing.interval(axes, careless, 2 * place, style, hollow=True)
            drawing.interval(axes, grouped, 2 * place + 1, style)
            names += [f"{row.model}, at random", f"{row.model}, by groups"]
            told.append(
                f"{row.model} {numbers.percent_interval(careless)} at random, "
                f"{numbers.percent_interval(grouped)} by groups"
            )
        drawing.lines_named(axes, names, "Image-level accuracy on test [%]")
        drawing.percent_axis(axes)
        svg = drawing.to_svg(canvas)
    return Figure(
        "leak",
        "Accuracy under a split at random (hollow) and under the split by groups (filled), with 95 % intervals.",
        f"Dot plot: {'; '.join(told)}.",
        svg,
    )
