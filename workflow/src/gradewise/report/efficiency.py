"""Section: what the models cost in time and memory, beside how accurate they are."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence


def section(evidence: Evidence) -> Section | None:
    """Table of costs and a figure of accuracy against training time; None without runs."""
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
    timed = table.data.loc[table.data["accuracy"].notna() & (table.data["seconds_fit"] > 0)]
    if len(timed):
        blocks.append(_figure(evidence, timed))
    blocks.append(table)
    return Section("efficiency", "Efficiency", tuple(blocks))


def _table(evidence: Evidence) -> Table:
    rows: list[dict[str, Any]] = []
    for model in evidence.models:
        runs = evidence.runs_of(model)
        if not runs:
            continue
        fits = [run.record["seconds_fit"] for run in runs if run.record.get("seconds_fit") is not None]
        per_image = [seconds for run in runs if (seconds := run.seconds_per_image) is not None]
        accuracy = evidence.estimate(model, "accuracy", evidence.deciding_level)
        rows.append(
            {
                "model": model,
                "accuracy": _or_nan(accuracy.value),
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
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH * 0.85, 3.1))
        axes = canvas.subplots()
        told = []
        for row in timed.itertuples(index=False):
            style = evidence.styles[row.model]
            estimate = evidence.estimate(row.model, "accuracy", evidence.deciding_level)
            if estimate.bounds:
                axes.plot([row.seconds_fit] * 2, estimate.bounds, color=style.colour, linewidth=1.6)
            axes.plot(
                row.seconds_fit,
                row.accuracy,
                marker=style.marker,
                markersize=8,
                color=style.colour,
                markeredgecolor="white",
                linestyle="none",
                label=row.model,
            )
            told.append(f"{row.model} {numbers.percent(estimate.value)} in {numbers.time(row.seconds_fit)}")
        drawing.time_axis(axes, timed["seconds_fit"].min(), timed["seconds_fit"].max())
        drawing.percent_axis(axes, "y")
        axes.grid()
        axes.set_xlabel("Time to train once (logarithmic scale)")
        axes.set_ylabel(f"{evidence.deciding_level.capitalize()}-level accuracy on test [%]")
        canvas.legend(loc="outside right upper")
        svg = drawing.to_svg(canvas)
    return Figure(
        "efficiency",
        f"Accuracy on test {evidence.deciding_level}s with 95 % intervals against training time: the best place is at "
        f"the top left.",
        f"Accuracy against training time: {'; '.join(told)}.",
        svg,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
