"""Section: what the models cost in time and memory, beside how good they are by what decides."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, metric_names, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.recommendation import Measure


def section(evidence: Evidence) -> Section | None:
    """Table of costs and a figure of the deciding metric against training time; None without runs."""
    table = _table(evidence)
    if table.data.empty:
        return None
    blocks: list[Block] = [
        Text(
            "Times are wall-clock times of the machine that ran this, mean over all repeats; "
            "compare them with each other rather than with other machines. Training time includes the choice of "
            "settings where there was one. Peak memory is that of the whole training process."
        )
    ]
    timed = table.data.loc[table.data[evidence.settings.deciding_metric].notna() & (table.data["seconds_fit"] > 0)]
    if len(timed):
        blocks.append(_figure(evidence, timed))
    blocks.append(table)
    return Section("efficiency", "Efficiency", tuple(blocks))


def _table(evidence: Evidence) -> Table:
    rows: list[dict[str, Any]] = []
    metric = evidence.settings.deciding_metric
    for model in evidence.models:
        runs = evidence.runs_of(model)
        if not runs:
            continue
        fits = [run.record["seconds_fit"] for run in runs if run.record.get("seconds_fit") is not None]
        per_image = [seconds for run in runs if (seconds := run.seconds_per_image) is not None]
        score = evidence.estimate(model, metric, evidence.deciding_level)
        rows.append(
            {
                "model": model,
                metric: _or_nan(score.value),
                "seconds_fit": _mean(fits),
                "seconds_fit_shortest": min(fits, default=math.nan),
                "seconds_fit_longest": max(fits, default=math.nan),
                "seconds_predict_per_image": _mean(per_image),
                "peak_memory_mb": _or_nan(evidence.mean(model, "peak_memory_mb")),
                "model_bytes": _or_nan(evidence.mean(model, "model_bytes")),
                "parameters": _or_nan(evidence.mean(model, "parameters")),
                "samples_per_image": _or_nan(evidence.mean(model, "samples_per_image")),
                "threads": "/".join(dict.fromkeys(str(run.record.get("threads", numbers.NONE)) for run in runs)),
                "device": ", ".join(dict.fromkeys(str(run.record.get("device", numbers.NONE)) for run in runs)),
            }
        )
    return Table(
        "efficiency",
        "What training and using each model costs",
        pd.DataFrame(rows),
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Training time", lambda row: numbers.time(row.seconds_fit)),
            Column("Prediction an image", lambda row: numbers.time(row.seconds_predict_per_image)),
            Column("Peak memory", lambda row: numbers.memory(row.peak_memory_mb)),
            Column("Model size", lambda row: numbers.size(row.model_bytes)),
            Column("Parameters", lambda row: numbers.count(row.parameters)),
            Column(
                "Device",
                lambda row: f"{row.device}, {row.threads} {'thread' if row.threads == '1' else 'threads'}",
                kind="name",
            ),
        ),
    )


def _figure(evidence: Evidence, timed: pd.DataFrame) -> Figure:
    measure = Measure(evidence.settings.deciding_metric, unit=evidence.deciding_level)
    what = f"{measure.unit.capitalize()}-level {measure.words} on test"
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH * 0.85, 3.1))
        axes = canvas.subplots()
        told = []
        for row in timed.itertuples(index=False):
            style = evidence.styles[row.model]
            estimate = evidence.estimate(row.model, measure.metric, measure.unit)
            if estimate.bounds:
                axes.plot([row.seconds_fit] * 2, estimate.bounds, color=style.colour, linewidth=1.6)
            axes.plot(
                row.seconds_fit,
                getattr(row, measure.metric),
                marker=style.marker,
                markersize=8,
                color=style.colour,
                markeredgecolor="white",
                linestyle="none",
                label=row.model,
            )
            reached = metric_names.value(measure.metric, estimate.value)
            told.append(f"{row.model} {reached} in {numbers.time(row.seconds_fit)}")
        drawing.time_axis(axes, timed["seconds_fit"].min(), timed["seconds_fit"].max())
        drawing.metric_axis(axes, measure.metric, what, "y")
        axes.grid()
        axes.set_xlabel("Time to train once (logarithmic scale)")
        canvas.legend(loc="outside right upper")
        svg = drawing.to_svg(canvas)
    best = "bottom" if metric_names.lower_is_better(measure.metric) else "top"
    return Figure(
        "efficiency",
        f"{what} with 95 % intervals, against training time: the best place is at the {best} left.",
        f"{what} against training time: {'; '.join(told)}.",
        svg,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
