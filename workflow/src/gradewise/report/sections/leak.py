"""Section: what a careless split would have claimed, next to the accuracy on new groups."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gradewise.evaluation.leak import skill_of_more_groups
from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 60

FOLDED = True

LEAK = 0.01
"""Gaps below one percentage point are not worth a warning, however sure."""


def section(evidence: Evidence) -> Section | None:
    """The gap in words, as a figure and as a table; None where no leak test was made."""
    rows = evidence.leaks
    if rows is None or rows.empty:
        return None
    alone = evidence.manifest["group"].is_unique
    table = Table(
        "leak",
        "Image-level accuracy on test under both splits, with 95 % intervals",
        rows.reset_index(drop=True),
        (
            Column.name("Model", "model"),
            Column.interval("Split at random", "careless", numbers.percent_interval),
            Column.interval("Split by groups", "grouped", numbers.percent_interval),
            Column.interval("Gap, points", "gap", numbers.points_interval),
            Column("Test images whose group was trained on", "siblings", numbers.percent),
            Column("Training groups, at random", "careless_trained", numbers.count),
            Column("Training groups, by groups", "grouped_trained", numbers.count),
        ),
    )
    return Section(
        "leak",
        "What a careless split would have claimed",
        contents={
            "findings": findings(evidence),
            "siblings": numbers.percent(float(rows["siblings"].mean())),
            "shown": [] if alone else [_figure(evidence, rows), table],
        },
    )


def findings(evidence: Evidence) -> list[str]:
    """What a split that ignores groups would have claimed, a text for each model; empty without a test or groups."""
    rows = evidence.leaks
    if rows is None or evidence.manifest["group"].is_unique:
        return []
    return [_finding(evidence, row) for row in rows.itertuples(index=False)]


def _finding(evidence: Evidence, row: Any) -> str:
    gap, group = bounded(row, "gap"), evidence.settings.group
    same = f"the same {group}" if isinstance(group, str) else "images of the same group"
    claim = (
        f"With images split at random, {row.model} would have claimed an accuracy of {numbers.percent(row.careless)}; "
        f"on new groups it reaches {numbers.percent(row.grouped)}"
    )
    size = f"{numbers.unsigned_points(abs(gap.value or 0.0))} points"
    if not gap.bounds:
        return f"{claim}. The gap is {size}; there are too few groups for an interval."
    low, high = gap.bounds
    between = f"{size} (95 % CI {numbers.unsigned_points(low)} to {numbers.unsigned_points(high)})"
    if low > 0 and (gap.value or 0.0) >= LEAK:
        return f"{claim}: {between} of the claim do not hold there. {_parts(evidence, row, same)}"
    if low > 0:
        return f"{claim}: a real but small difference of {between}."
    if high < 0:
        return f"{claim}. The random split claims {size} less, which memorised groups cannot explain; check the splits."
    half_width = f"{numbers.unsigned_points((high - low) / 2)} points"
    if high < LEAK:
        return (
            f"{claim}: no leak worth mentioning. The gap is known to ±{half_width}, and its 95 % CI ends at "
            f"{numbers.points(high)}."
        )
    return (
        f"{claim}: a gap of {numbers.points_ci(gap)}. {numbers.basis(int(row.images), int(row.groups), 'image')} "
        f"cannot tell whether {row.model} recognises {same}: the gap is known only to ±{half_width}, and a smaller "
        f"leak would not show."
    )


def _parts(evidence: Evidence, row: Any, same: str) -> str:
    """What a gap consists of: memory, and skill where the random split trained on more groups."""
    seen = numbers.count(row.careless_trained), numbers.count(row.grouped_trained)
    if seen[0] == seen[1]:
        return f"They come from recognising {same}, not from skill."
    more = f"The random split also trained on images of {seen[0]} groups instead of {seen[1]}"
    skill = _skill(evidence, row)
    if skill is None:
        return (
            f"{more}, so part of the gap may be skill, and the rest comes from recognising {same}; a learning curve "
            "(learning_curve in the configuration) shows how much."
        )
    return (
        f"{more}: by the learning curve, {numbers.points_ci(skill)} are skill from more groups, and the rest comes "
        f"from recognising {same}."
    )


def _skill(evidence: Evidence, row: Any) -> Estimate | None:
    """The part of a gap that is skill by the model's learning curve; None without one."""
    curves = evidence.extrapolations
    if curves is None:
        return None
    slopes = [bounded(curve, "slope") for curve in curves.itertuples(index=False) if curve.model == row.model]
    known = [slope for slope in slopes if slope.value is not None]
    return skill_of_more_groups(row.grouped_trained, row.careless_trained, known[0]) if known else None


def _figure(evidence: Evidence, rows: pd.DataFrame) -> Figure:
    lines = []
    for row in rows.itertuples(index=False):
        style = evidence.styles[row.model]
        lines += [
            dots.Line(
                f"{row.model}, at random", (dots.Mark(bounded(row, "careless"), style, hollow=True),), model=row.model
            ),
            dots.Line(f"{row.model}, by groups", (dots.Mark(bounded(row, "grouped"), style),), model=row.model),
        ]
    panels = [dots.Panel(lines)]
    return Figure(
        "leak",
        "Accuracy with a split at random (hollow) and with the split by groups (filled), with 95 % intervals.",
        f"Dot plot: {dots.in_words(panels)}.",
        dots.draw(panels, "Image-level accuracy on test [%]"),
    )
