"""Section: accuracy in parts of the test images that the label table tells apart, and the worst of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.evaluation.subgroups import LEAST_IMAGES
from gradewise.report import drawing, numbers, verdict
from gradewise.report.answer import answer
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.palette import INK, QUIET, Style
from gradewise.report.recommendation import SIGNIFICANT

SHOWN = 12
"""Tables with more rows than this open when asked."""


def section(evidence: Evidence) -> Section | None:
    """The worst subgroup of the recommended model, a figure and a table; None where nothing tells parts apart."""
    rows = evidence.subgroups
    found = answer(evidence).recommendation
    chosen = rows[:0] if found is None else rows.loc[rows["model"] == found.choice.model]
    if found is None or chosen.empty:
        return None
    columns = numbers.listed([_name(column) for column in dict.fromkeys(chosen["column"])])
    blocks: list[Block] = [
        Text(
            f"Test images are told apart by {columns}, as the label table has it; subgroups with fewer than "
            f"{LEAST_IMAGES} test images are left out. Where a subgroup is a single group, its interval speaks of "
            f"further images of that group. Subgroups may also differ because their classes are mixed otherwise."
        ),
        Text(worst_sentence(found.choice.model, chosen, evidence.deciding_level)),
        _figure(evidence, found.choice.model, chosen),
        _table(evidence, rows),
    ]
    return Section("subgroups", "Subgroups", tuple(blocks))


def worst_sentence(model: str, rows: pd.DataFrame, unit: str = "image") -> str:
    """Which subgroup a model judges worst, how badly, and whether more than chance is behind it.

    Parameters
    ----------
    model : str
    rows : DataFrame
        Of the subgroup table, of this model.
    unit : {"image", "sample"}
        What is judged.
    """
    worst = next(rows.sort_values(["accuracy", "p_value"], kind="stable").itertuples(index=False))
    counted = verdict.basis(worst.images, worst.groups, "test image")
    of = f"of {counted}" if unit == "image" else f"of the samples of {counted}"
    text = (
        f"{model} does worst where {_name(worst.column)} is {worst.value}: "
        f"{numbers.percent_interval(row_estimate(worst, 'accuracy'))} right, {of}, "
        f"{numbers.points(abs(worst.difference)).removeprefix('+')} percentage points below all other test {unit}s."
    )
    of_many = f"One of {len(rows)} subgroups is always the worst"
    beyond = [row for row in rows.itertuples(index=False) if row.difference < 0 and row.p_holm < SIGNIFICANT]
    if worst.p_holm < SIGNIFICANT:
        others = [f"{_name(row.column)} {row.value}" for row in beyond if row != worst]
        more = f" Also worse than chance explains: {numbers.listed(others)}." if others else ""
        return (
            f"{text} {of_many}, but not this bad by chance: corrected for their number (Holm), p is "
            f"{numbers.p_value(worst.p_holm)}.{more}"
        )
    clear = [f"{_name(row.column)} {row.value}" for row in beyond]
    if clear:
        return f"{text} {of_many}; beyond chance (Holm) it does worse at {numbers.listed(clear)}."
    return (
        f"{text} {of_many}: corrected for their number (Holm), p is {numbers.p_value(worst.p_holm)}, so no subgroup is "
        f"shown to be worse than the rest."
    )


def _name(column: str) -> str:
    return column.replace("_", " ")


def _figure(evidence: Evidence, model: str, rows: pd.DataFrame) -> Figure:
    told, places, labels, place = [], [], [], 0.0
    everything = evidence.estimate(model, "accuracy", evidence.deciding_level)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.6 + 0.23 * (len(rows) + 0.6 * rows["column"].nunique())))
        axes = canvas.subplots()
        for column, part in rows.groupby("column", sort=False):
            for row in part.itertuples(index=False):
                estimate = row_estimate(row, "accuracy")
                apart = row.p_holm < SIGNIFICANT
                drawing.interval(axes, estimate, place, Style(INK if apart else QUIET, "o", "-"), hollow=not apart)
                places.append(place)
                labels.append(f"{_name(str(column))} {row.value}")
                told.append(f"{_name(str(column))} {row.value} {numbers.percent_interval(estimate)}")
                place += 1
            place += 0.6
        if everything.value is not None:
            axes.axvline(everything.value, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
        drawing.lines_named(axes, labels, f"Accuracy of {model} on test {evidence.deciding_level}s [%]", places)
        drawing.percent_axis(axes)
        svg = drawing.to_svg(canvas)
    return Figure(
        "subgroups",
        f"Accuracy of {model} in each subgroup with 95 % intervals; the dashed line is its accuracy on the whole test. "
        f"Filled dark marks differ from all the rest with an adjusted p below {SIGNIFICANT}.",
        f"Dot plot: {'; '.join(told)}.",
        svg,
    )


def _table(evidence: Evidence, rows: pd.DataFrame) -> Table:
    models = [model for model in evidence.models if model in set(rows["model"])]
    lines = []
    for (column, value), part in rows.groupby(["column", "value"], sort=False):
        line: dict[str, Any] = {"column": column, "value": value, "images": int(part["images"].iloc[0])}
        line["groups"] = int(part["groups"].iloc[0])
        for model in models:
            mine = part.loc[part["model"] == model]
            for name in ("accuracy", "low", "high", "p_holm"):
                line[f"{model} {name}"] = float(mine[name].iloc[0]) if len(mine) else np.nan
        lines.append(line)

    def cell(place: int) -> Any:
        return lambda row: numbers.percent_interval(numbers.Estimate(*row[4 + 4 * place : 7 + 4 * place]))

    return Table(
        "subgroups",
        f"Accuracy on test {evidence.deciding_level}s in each subgroup, with 95 % intervals",
        pd.DataFrame(lines),
        (
            Column("Column", lambda row: _name(row[0]), kind="name"),
            Column("Value", lambda row: row[1], kind="name"),
            Column("Images", lambda row: numbers.count(row[2])),
            Column("Groups", lambda row: numbers.count(row[3])),
            *(Column(model, cell(place)) for place, model in enumerate(models)),
        ),
        folded=len(lines) > SHOWN,
    )
