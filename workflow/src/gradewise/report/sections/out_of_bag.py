"""Section: out-of-bag accuracy over rows, over groups or both, next to the accuracy on test."""

from __future__ import annotations

import pandas as pd

from gradewise.evaluation import estimates, intervals
from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 120

FOLDED = True

WAYS = {"oob_rows": "rows", "oob_groups": "groups"}
"""What a run records, and what was drawn."""


def section(evidence: Evidence) -> Section | None:
    """Out-of-bag accuracies next to test; None where no run recorded one."""
    level = "sample" if (evidence.metrics["level"] == "sample").any() else "image"
    of_models = {model: {way: _estimate(evidence, model, way) for way in WAYS} for model in evidence.models}
    of_models = {
        model: ways for model, ways in of_models.items() if any(way.value is not None for way in ways.values())
    }
    shown = {
        way: drawn for way, drawn in WAYS.items() if any(ways[way].value is not None for ways in of_models.values())
    }
    rows, lines = [], []
    for model, ways in of_models.items():
        test = evidence.estimate(model, "accuracy", level)
        row: dict[str, str | float | None] = {"model": model}
        for name, accuracy in (ways | {"test": test}).items():
            row |= {name: accuracy.value, f"{name}_low": accuracy.low, f"{name}_high": accuracy.high}
        rows.append(row)
        style, lead = evidence.styles[model], f"{model}: " if len(of_models) > 1 else ""
        for way, drawn in shown.items():
            repeats = [run.record[way] for run in evidence.runs_of(model) if run.record.get(way) is not None]
            mark = dots.Mark(ways[way], style, hollow=True)
            lines.append(
                dots.Line(f"{lead}out-of-bag, {drawn}", (mark,), repeats if len(repeats) > 1 else (), model=model)
            )
        lines.append(dots.Line(f"{lead}test", (dots.Mark(test, style),), model=model))
    if not rows:
        return None
    panels = [dots.Panel(lines)]
    figure = Figure(
        "out-of-bag",
        "Out-of-bag accuracy (hollow; small dots are single repeats) and accuracy on test (filled), with 95 % "
        "intervals. An estimate far to the right of test is too optimistic.",
        f"Dot plot: {dots.in_words(panels)}.",
        dots.draw(panels, f"{level.capitalize()}-level accuracy [%]"),
    )
    table = Table(
        "out-of-bag",
        f"Out-of-bag accuracy and accuracy on test {level}s, with 95 % intervals",
        pd.DataFrame(rows),
        (
            Column.name("Model", "model"),
            *(
                Column.interval(f"Out-of-bag over {drawn}", way, numbers.percent_interval)
                for way, drawn in shown.items()
            ),
            Column.interval(f"Test, {level}s", "test", numbers.percent_interval),
        ),
    )
    return Section("out-of-bag", "Out-of-bag accuracy", contents={"drawn": [*shown.values()], "shown": [figure, table]})


def _estimate(evidence: Evidence, model: str, way: str) -> Estimate:
    """Out-of-bag accuracy over all repeats, with an interval by groups where runs recorded the votes on each group."""
    votes = [
        pd.DataFrame(run.record["oob_hits"][way]).assign(repeat=run.repeat)
        for run in evidence.runs_of(model)
        if way in run.record.get("oob_hits", {})
    ]
    if not votes:
        return Estimate(evidence.mean(model, way))
    table = pd.concat(votes)
    repeat, group = (pd.factorize(table[key])[0] for key in ("repeat", "group"))
    return estimates.share(intervals.cells(repeat, group, table[["right", "rows"]].to_numpy(dtype=float)))
