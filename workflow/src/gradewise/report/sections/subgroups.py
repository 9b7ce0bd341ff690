"""Section: accuracy in parts of the test images, formed by columns of the label table, and the worst of them."""

from __future__ import annotations

import pandas as pd

from gradewise.evaluation.inference import SIGNIFICANT
from gradewise.evaluation.subgroups import LEAST_IMAGES
from gradewise.report import numbers
from gradewise.report.blocks import LONG, Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, row_estimate, side_by_side
from gradewise.report.figures import dots

ORDER = 90


def section(evidence: Evidence) -> Section | None:
    """The worst subgroup of the recommended model, a figure and a table; None where there are no subgroups."""
    rows = evidence.subgroups
    model = evidence.recommendation.choice
    chosen = rows.loc[rows["model"] == model]
    if model is None or chosen.empty:
        return None
    models = [name for name in evidence.models if name in set(rows["model"])]
    counts = rows.groupby(["column", "value"], sort=False)[["images", "groups"]].first().reset_index()
    accuracies = side_by_side(rows, ["column", "value"], models, ["accuracy", "low", "high", "p_holm"])
    data = counts.merge(accuracies, on=["column", "value"])
    table = Table(
        "subgroups",
        f"Accuracy on test {evidence.deciding_level}s in each subgroup, with 95 % intervals",
        data,
        (
            Column.name("Column", "column", _words),
            Column.name("Value", "value"),
            Column("Images", "images", numbers.count),
            Column("Groups", "groups", numbers.count),
            *(
                Column.interval(name, f"{name} accuracy", numbers.percent_interval, (f"{name} low", f"{name} high"))
                for name in models
            ),
        ),
        folded=len(data) > LONG,
    )
    return Section(
        "subgroups",
        "Subgroups",
        contents={
            "columns": numbers.listed([_words(column) for column in dict.fromkeys(chosen["column"])]),
            "least": LEAST_IMAGES,
            "worst": worst_sentence(model, chosen, evidence.deciding_level),
            "shown": [_figure(evidence, model, chosen), table],
        },
    )


def worst_sentence(model: str, rows: pd.DataFrame, unit: str = "image") -> str:
    """Which subgroup a model classifies worst, how badly, and whether more than chance is behind it.

    `rows` are those of this model in the subgroup table; `unit` is what is classified, image or sample.
    """
    worst = next(rows.sort_values(["accuracy", "p_value"], kind="stable").itertuples(index=False))
    counted = numbers.basis(worst.images, worst.groups, "test image")
    of = f"of {counted}" if unit == "image" else f"of the samples of {counted}"
    text = (
        f"{model} does worst where {_words(worst.column)} is {worst.value}: "
        f"{numbers.percent_interval(row_estimate(worst, 'accuracy'))} right, {of}, "
        f"{numbers.unsigned_points(abs(worst.difference))} percentage points below all other test {unit}s."
    )
    of_many = f"One of {len(rows)} subgroups is always the worst"
    clear = [
        f"{_words(row.column)} {row.value}"
        for row in rows.itertuples(index=False)
        if row.difference < 0 and row.p_holm < SIGNIFICANT and row != worst
    ]
    adjusted = f"p, adjusted for their number (Holm), is {numbers.p_value(worst.p_holm)}"
    if worst.p_holm < SIGNIFICANT:
        more = f" Also worse than chance explains: {numbers.listed(clear)}." if clear else ""
        return f"{text} {of_many}, but chance does not make it this bad: {adjusted}.{more}"
    if clear:
        return f"{text} {of_many}; beyond chance (Holm) it does worse at {numbers.listed(clear)}."
    return f"{text} {of_many}: {adjusted}, so no subgroup is shown to be worse than the rest."


def _words(column: str) -> str:
    return column.replace("_", " ")


def _figure(evidence: Evidence, model: str, rows: pd.DataFrame) -> Figure:
    lines = []
    starts = ~rows["column"].duplicated()
    for row, first in zip(rows.itertuples(index=False), starts, strict=True):
        mark = dots.tested_mark(row_estimate(row, "accuracy"), row.p_holm)
        lines.append(dots.Line(f"{_words(row.column)} {row.value}", (mark,), gap=1.6 if first else 1.0))
    whole = evidence.estimate(model, "accuracy", evidence.deciding_level).value
    panels = [dots.Panel(lines, dashed=whole)]
    return Figure(
        "subgroups",
        f"Accuracy of {model} in each subgroup with 95 % intervals; the dashed line is its accuracy on the whole test. "
        f"Filled dark marks differ from all the rest with an adjusted p below {SIGNIFICANT}.",
        f"Dot plot: {dots.in_words(panels)}.",
        dots.draw(panels, f"Accuracy of {model} on test {evidence.deciding_level}s [%]", height=0.23),
    )
