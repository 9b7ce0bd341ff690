"""Section: out-of-bag accuracy over rows and over groups, next to the accuracy on test."""

from __future__ import annotations

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 120

WAYS = {"oob_rows": "rows", "oob_groups": "groups"}
"""What a run records, and what was drawn."""


def section(evidence: Evidence) -> Section | None:
    """Both out-of-bag accuracies next to test; None where no run recorded one."""
    level = "sample" if (evidence.metrics["level"] == "sample").any() else "image"
    means = {model: {way: evidence.mean(model, way) for way in WAYS} for model in evidence.models}
    means = {model: values for model, values in means.items() if set(values.values()) != {None}}
    rows, lines = [], []
    for model, values in means.items():
        test = evidence.estimate(model, "accuracy", level)
        rows.append(
            {"model": model, **values, "test_accuracy": test.value, "test_low": test.low, "test_high": test.high}
        )
        style, lead = evidence.styles[model], f"{model}: " if len(means) > 1 else ""
        for way, drawn in WAYS.items():
            repeats = [run.record[way] for run in evidence.runs_of(model) if run.record.get(way) is not None]
            mark = dots.Mark(Estimate(values[way]), style, hollow=True)
            lines.append(dots.Line(f"{lead}out-of-bag, {drawn}", (mark,), repeats if len(repeats) > 1 else ()))
        lines.append(dots.Line(f"{lead}test", (dots.Mark(test, style),)))
    if not rows:
        return None
    panels = [dots.Panel(lines)]
    figure = Figure(
        "out-of-bag",
        "Out-of-bag accuracy (hollow; small dots are single repeats) and accuracy on test with its 95 % interval "
        "(filled). An estimate to the right of the interval is too optimistic.",
        f"Dot plot: {dots.in_words(panels)}.",
        dots.draw(panels, f"{level.capitalize()}-level accuracy [%]"),
    )
    table = Table(
        "out-of-bag",
        f"Out-of-bag accuracy and accuracy on test {level}s",
        pd.DataFrame(rows),
        (
            Column.name("Model", "model"),
            *(Column(f"Out-of-bag over {drawn}", way, numbers.percent) for way, drawn in WAYS.items()),
            Column.interval(f"Test, {level}s", "test_accuracy", numbers.percent_interval, ("test_low", "test_high")),
        ),
    )
    return Section("out-of-bag", "Out-of-bag accuracy", contents={"shown": [figure, table]})
