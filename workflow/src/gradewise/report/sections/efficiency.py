"""Section: what the models cost in time and memory, and how good they are for it."""

from __future__ import annotations

import math
from statistics import fmean

import pandas as pd

from gradewise.report import drawing, metric_names, numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.figures import curves

ORDER = 100


def section(evidence: Evidence) -> Section | None:
    """Table of costs and a figure of the deciding metric against training time; None without runs."""
    table = _table(evidence)
    if table.data.empty:
        return None
    timed = table.data.loc[table.data[evidence.settings.deciding_metric].notna() & (table.data["seconds_fit"] > 0)]
    shown = [*([_figure(evidence, timed)] if len(timed) else []), table]
    return Section("efficiency", "Efficiency", contents={"shown": shown})


def _table(evidence: Evidence) -> Table:
    rows = []
    metric = evidence.settings.deciding_metric
    for model in evidence.models:
        runs = evidence.runs_of(model)
        fits = [run.record["seconds_fit"] for run in runs if run.record.get("seconds_fit") is not None]
        per_image = [seconds for run in runs if (seconds := run.seconds_per_image) is not None]
        means = ("peak_memory_mb", "model_bytes", "parameters", "samples_per_image")
        if runs:
            rows.append(
                {
                    "model": model,
                    metric: evidence.estimate(model, metric, evidence.deciding_level).value,
                    "seconds_fit": fmean(fits) if fits else None,
                    "seconds_fit_shortest": min(fits, default=None),
                    "seconds_fit_longest": max(fits, default=None),
                    "seconds_predict_per_image": fmean(per_image) if per_image else None,
                    **{name: evidence.mean(model, name) for name in means},
                    "threads": "/".join(dict.fromkeys(str(run.record.get("threads", numbers.NONE)) for run in runs)),
                    "device": ", ".join(dict.fromkeys(str(run.record.get("device", numbers.NONE)) for run in runs)),
                }
            )
    return Table(
        "efficiency",
        "What training and using each model costs",
        pd.DataFrame(rows),
        (
            Column.name("Model", "model"),
            Column("Training time", "seconds_fit", numbers.time),
            Column("Prediction per image", "seconds_predict_per_image", numbers.time),
            Column("Peak memory", "peak_memory_mb", numbers.memory),
            Column("Model size", "model_bytes", numbers.size),
            Column("Parameters", "parameters", numbers.count),
            Column("Device", ("device", "threads"), _device, "name"),
        ),
    )


def _device(device: str, threads: str) -> str:
    return f"{device}, {threads} {'thread' if threads == '1' else 'threads'}"


def _figure(evidence: Evidence, timed: pd.DataFrame) -> Figure:
    criterion = evidence.recommendation.criterion
    share, words = metric_names.is_share(criterion.metric), metric_names.in_words(criterion.metric)
    what = f"{criterion.level.capitalize()}-level {words} on test"
    drawn, told = [], []
    for model, seconds in zip(timed["model"], timed["seconds_fit"], strict=True):
        score = evidence.estimate(model, criterion.metric, criterion.level)
        low, high = score.bounds or (math.nan, math.nan)
        drawn.append(
            curves.Curve(
                [seconds],
                [score.value if score.value is not None else math.nan],
                evidence.styles[model],
                model,
                [low],
                [high],
                bars=True,
                size=8,
                width=0.0,
            )
        )
        told.append(f"{model} {metric_names.value(criterion.metric, score.value)} in {numbers.time(seconds)}")
    shortest, longest = timed["seconds_fit"].min(), timed["seconds_fit"].max()
    times = curves.Axis(
        "Time to train once (logarithmic scale)",
        limits=(shortest / 1.8, longest * 1.8),
        ticks=drawing.round_times(shortest / 1.8, longest * 1.8),
        write=numbers.axis_time,
    )
    panel = curves.Panel(drawn, times, curves.Axis(f"{what}{' [%]' if share else ''}", share=share))
    best = "bottom" if metric_names.lower_is_better(criterion.metric) else "top"
    return Figure(
        "efficiency",
        f"{what} with 95 % intervals, against training time: the best place is at the {best} left.",
        f"{what} against training time: {'; '.join(told)}.",
        curves.draw([panel], across=1, height=2.9, width=0.85, legend=True),
    )
