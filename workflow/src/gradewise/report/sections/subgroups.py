"""Section: accuracy in parts of the test images, formed by columns of the label table, and the worst of them."""

from __future__ import annotations

import pandas as pd

from gradewise.evaluation.inference import SIGNIFICANT
from gradewise.evaluation.subgroups import LEAST_IMAGES, naming
from gradewise.report import column_names, numbers
from gradewise.report.blocks import LONG, Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, row_estimate, side_by_side
from gradewise.report.figures import dots

ORDER = 90

FOLDED = True

DRAWN = 12
"""Most subgroups in the figure."""


def section(evidence: Evidence) -> Section | None:
    """The worst subgroup of the recommended model, a figure and a table; None where there are no subgroups."""
    rows = evidence.subgroups
    model = evidence.recommendation.choice
    chosen = rows.loc[rows["model"] == model]
    if model is None or chosen.empty:
        return None
    models = [name for name in evidence.models if name in set(rows["model"])]
    counts = rows.groupby(["column", "value"], sort=False)[["images", "groups"]].first().reset_index()
    accuracies = side_by_side(
        rows, ["column", "value"], models, ["accuracy", "low", "high", "expected", "detectable", "p_column", "p_value"]
    )
    data = counts.merge(accuracies, on=["column", "value"])
    table = Table(
        "subgroups",
        f"Accuracy on test {evidence.deciding_level}s in each subgroup, with 95 % intervals",
        data,
        (
            Column.name("Column", "column"),
            Column.name("Value", "value"),
            Column("Images", "images", numbers.count),
            Column("Groups", "groups", numbers.count),
            *(column for name in models for column in _columns_of(name)),
        ),
        folded=len(data) > LONG,
    )
    return Section(
        "subgroups",
        "Subgroups",
        contents={
            "columns": numbers.listed(list(dict.fromkeys(chosen["column"]))),
            "left_out": _left_out(evidence),
            "least": LEAST_IMAGES,
            "worst": worst_sentence(model, chosen, evidence.deciding_level),
            "shown": [_figure(evidence, model, chosen), table],
        },
    )


def _columns_of(model: str) -> tuple[Column, Column]:
    return (
        Column.interval(model, f"{model} accuracy", numbers.percent_interval, (f"{model} low", f"{model} high")),
        Column("Expected", f"{model} expected", numbers.percent),
    )


def worst_sentence(model: str, rows: pd.DataFrame, unit: str = "image") -> str:
    """Which subgroup a model classifies worst, how badly, and whether more than chance is behind it.

    `rows` are those of this model in the subgroup table; `unit` is what is classified, image or sample.
    """
    worst = next(rows.sort_values(["expected", "accuracy"], kind="stable").itertuples(index=False))
    counted = numbers.basis(worst.images, worst.groups, "test image")
    of = f"of {counted}" if unit == "image" else f"of the samples of {counted}"
    text = (
        f"{model} does worst where {worst.column} is {worst.value}: "
        f"{numbers.percent_ci(row_estimate(worst, 'accuracy'))} correct, {of}, "
        f"{numbers.unsigned_points(abs(worst.difference))} percentage points below all other test {unit}s."
    )
    clear = [
        f"{row.column} {row.value}"
        for row in rows.itertuples(index=False)
        if row.difference < 0 and row.p_value < SIGNIFICANT and row != worst
    ]
    expected = f"Shrunk towards the others, the accuracy to expect there is {numbers.percent(worst.expected)}."
    if worst.p_value < SIGNIFICANT:
        more = f" Also worse by more than chance explains: {numbers.listed(clear)}." if clear else ""
        return (
            f"{text} That is more than chance explains for the worst of {len(rows)} subgroups: p, adjusted for their "
            f"number, is {numbers.p_value(worst.p_value)}. {expected}{more}"
        )
    if clear:
        return f"{text} Chance may explain that, but not that it does worse at {numbers.listed(clear)}. {expected}"
    columns = rows.drop_duplicates("column")
    tested = [f"{row.column} {numbers.p_value(row.p_column)}" for row in columns.itertuples(index=False)]
    least = numbers.unsigned_points(worst.detectable)
    seen = (
        f" A difference of {least} points from all {unit}s would have been detected."
        if numbers.known(worst.detectable)
        else ""
    )
    return (
        f"{text} No column is shown to make a difference (p, adjusted for their number: {numbers.listed(tested)}). "
        f"{expected}{seen}"
    )


def _left_out(evidence: Evidence) -> str:
    """Columns that form no subgroups since they name images, in words; empty without any."""
    named, labels = naming(evidence.manifest), evidence.settings.labels
    parts = [
        f"{numbers.listed([column_names.in_words(column, labels) for column in columns])}, {what}"
        for columns, what in (
            (named.groups, "the name of the group"),
            (named.numbers, "the number of an image within its group"),
        )
        if columns
    ]
    return f"Not among them: {'; '.join(parts)}." if parts else ""


def drawn_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """At most `DRAWN` subgroups for the figure, in their order: the worst and the best by expected accuracy."""
    if len(rows) <= DRAWN:
        return rows
    ranked = rows["expected"].to_numpy().argsort(kind="stable")
    kept = sorted([*ranked[: DRAWN // 2], *ranked[-(DRAWN // 2) :]])
    return rows.iloc[kept]


def _figure(evidence: Evidence, model: str, rows: pd.DataFrame) -> Figure:
    lines, every = [], len(rows)
    rows = drawn_rows(rows)
    starts = ~rows["column"].duplicated()
    for row, first in zip(rows.itertuples(index=False), starts, strict=True):
        mark = dots.tested_mark(row_estimate(row, "accuracy"), row.p_value)
        lines.append(dots.Line(f"{row.column} {row.value}", (mark,), gap=1.6 if first else 1.0))
    whole = evidence.estimate(model, "accuracy", evidence.deciding_level).value
    panels = [dots.Panel(lines, dashed=whole)]
    return Figure(
        "subgroups",
        f"Accuracy of {model} in each subgroup with 95 % intervals; the dashed line is its accuracy on the whole test. "
        f"Filled dark marks differ from it with an adjusted p below {SIGNIFICANT:.2f}."
        + (
            f" Shown are the {DRAWN // 2} worst and the {DRAWN // 2} best of {every} subgroups."
            if every > DRAWN
            else ""
        ),
        f"Dot plot: {dots.in_words(panels)}.",
        dots.draw(panels, f"Accuracy of {model} on test {evidence.deciding_level}s [%]", height=0.23),
    )
