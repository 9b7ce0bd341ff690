"""Section: out-of-bag accuracy over rows and over groups, beside the accuracy on test."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.numbers import Estimate

WAYS = {"oob_rows": "out-of-bag, rows", "oob_groups": "out-of-bag, groups"}


def section(evidence: Evidence) -> Section | None:
    """Both out-of-bag accuracies beside test; None where no run recorded one."""
    level = "sample" if (evidence.metrics["level"] == "sample").any() else "image"
    rows: list[dict[str, Any]] = []
    for model in evidence.models:
        found = {way: evidence.mean(model, way) for way in WAYS}
        if any(value is not None for value in found.values()):
            test = evidence.estimate(model, "accuracy", level)
            bounds = {"test_accuracy": test.value, "test_low": test.low, "test_high": test.high}
            numbers_of_model = {**found, **bounds}
            rows.append(
                {"model": model, **{name: math.nan if x is None else x for name, x in numbers_of_model.items()}}
            )
    if not rows:
        return None
    table = pd.DataFrame(rows)
    return Section(
        "out-of-bag",
        "Out-of-bag accuracy",
        (
            Text(
                "Each tree of a forest is grown on a random draw of the training samples; those left out of the draw, "
                "out of its bag, can serve as a test that costs nothing. Drawn by rows, as is customary, a sample is "
                "judged by trees that saw its siblings: other tiles of the same image, rotated copies, duplicates. "
                "They recognise it rather than its class, and the estimate comes out too high. Drawn by groups, a "
                "sample is judged only by trees that saw nothing of its group, as on new images."
            ),
            _figure(evidence, table),
            Table(
                "out-of-bag",
                f"Out-of-bag accuracy beside accuracy on test {level}s",
                table,
                (
                    Column("Model", lambda row: row.model, kind="name"),
                    Column("Out-of-bag over rows", lambda row: numbers.percent(row.oob_rows)),
                    Column("Out-of-bag over groups", lambda row: numbers.percent(row.oob_groups)),
                    Column(f"Test, {level}s", lambda row: numbers.percent_interval(_test(row))),
                ),
            ),
        ),
    )


def _test(row: Any) -> Estimate:
    return Estimate(row.test_accuracy, row.test_low, row.test_high)


def _figure(evidence: Evidence, table: pd.DataFrame) -> Figure:
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.6 + 0.95 * len(table)))
        axes = canvas.subplots()
        names, told = [], []
        for place, row in enumerate(table.itertuples(index=False)):
            style = evidence.styles[row.model]
            lead = f"{row.model}: " if len(table) > 1 else ""
            for line, (way, words) in enumerate(WAYS.items()):
                repeats = [run.record.get(way) for run in evidence.runs_of(row.model)]
                known = [value for value in repeats if value is not None]
                if len(known) > 1:
                    axes.plot(known, [3 * place + line + 0.3] * len(known), ".", color=style.colour, markersize=4)
                value = getattr(row, way)
                drawing.interval(axes, Estimate(value), 3 * place + line, style, hollow=True)
                names.append(f"{lead}{words}")
                told.append(f"{row.model} {words} {numbers.percent(value)}")
            drawing.interval(axes, _test(row), 3 * place + 2, style)
            names.append(f"{lead}test")
            told.append(f"{row.model} test {numbers.percent_interval(_test(row))}")
        drawing.lines_named(axes, names, "Sample-level accuracy [%]")
        drawing.percent_axis(axes)
        svg = drawing.to_svg(canvas)
    return Figure(
        "out-of-bag",
        "Out-of-bag accuracy (hollow; small dots are single repeats) and accuracy on test with its 95 % interval "
        "(filled). An estimate to the right of the interval promises too much.",
        f"Dot plot: {'; '.join(told)}.",
        svg,
    )
