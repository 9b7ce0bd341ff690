"""Section: what the models cost in time and memory, and how good they are for it."""

from __future__ import annotations

import math
from statistics import fmean

import pandas as pd

from gradewise.report import drawing, metric_names, numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, recorded
from gradewise.report.figures import curves

ORDER = 100

FOLDED = True


def section(evidence: Evidence) -> Section | None:
    """Table of costs and a figure of the deciding metric against training time; None without runs."""
    rows = pd.DataFrame([_row(evidence, model) for model in evidence.models_by_rank if evidence.runs_of(model)])
    if rows.empty:
        return None
    table = Table(
        "efficiency",
        "What training and using each model costs",
        rows,
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
    timed = rows.loc[rows[evidence.settings.deciding_metric].notna() & (rows["seconds_fit"] > 0)]
    timed = timed.loc[timed["model"].isin(evidence.models_in_detail)]
    threads = _threads(rows["threads"].iloc[0]) if rows["threads"].nunique() == 1 else ""
    shown = [_figure(evidence, timed) if len(timed) else None, table]
    return Section("efficiency", "Efficiency", contents={"shown": shown, "threads": threads})


def _row(evidence: Evidence, model: str) -> dict[str, object]:
    runs, metric = evidence.runs_of(model), evidence.settings.deciding_metric
    fits = [run.record["seconds_fit"] for run in runs if run.record.get("seconds_fit") is not None]
    per_image = [seconds for run in runs if (seconds := run.seconds_per_image) is not None]
    means = ("peak_memory_mb", "model_bytes", "parameters", "samples_per_image")
    return {
        "model": model,
        metric: evidence.estimate(model, metric, evidence.deciding_level).value,
        "seconds_fit": fmean(fits) if fits else None,
        "seconds_fit_shortest": min(fits, default=None),
        "seconds_fit_longest": max(fits, default=None),
        "seconds_predict_per_image": fmean(per_image) if per_image else None,
        **{name: evidence.mean(model, name) for name in means},
        "threads": "/".join(recorded(runs, "threads")),
        "device": ", ".join(recorded(runs, "device")),
    }


def _device(device: str, threads: str) -> str:
    return f"{device}, {_threads(threads)}"


def _threads(number: str) -> str:
    return f"{number} {'thread' if number == '1' else 'threads'}"


def _figure(evidence: Evidence, timed: pd.DataFrame) -> Figure:
    criterion = evidence.recommendation.criterion
    what = f"{criterion.level.capitalize()}-level {metric_names.in_words(criterion.metric)} on test"
    share = metric_names.is_share(criterion.metric)
    drawn, costs = [], []
    threads = "" if timed["threads"].nunique() > 1 else _threads(timed["threads"].iloc[0])
    threads_of = {} if threads else {row.model: f" ({_threads(row.threads)})" for row in timed.itertuples()}
    for model, seconds, value in timed[["model", "seconds_fit", criterion.metric]].itertuples(index=False):
        low, high = evidence.estimate(model, criterion.metric, criterion.level).bounds or (math.nan, math.nan)
        on = threads_of.get(model, "")
        told = f"{model}: {metric_names.value(criterion.metric, value)} in {numbers.time(seconds)}{on}"
        drawn.append(
            curves.marks(
                [seconds],
                [value],
                [low],
                [high],
                evidence.styles[model],
                size=7,
                label=f"{model}{on}",
                model=model,
                titles=[told],
            )
        )
        costs.append(told.replace(":", "", 1))
    limits = timed["seconds_fit"].min() / 1.8, timed["seconds_fit"].max() * 1.8
    ticks = drawing.round_times(*limits)
    times = curves.Axis("Time to train once (logarithmic scale)", limits=limits, ticks=ticks, write=numbers.axis_time)
    panel = curves.Panel(drawn, times, curves.Axis(f"{what}{' [%]' if share else ''}", share=share), direct=True)
    best = "bottom" if metric_names.lower_is_better(criterion.metric) else "top"
    return Figure(
        "efficiency",
        f"{what} with 95 % CI against training time on {threads or 'different numbers of threads, which names tell'}; "
        f"the best models are at the {best} left.{evidence.left_out_in_words}",
        f"{what} against training time: {'; '.join(costs)}.",
        curves.draw([panel], height=max(2.9, 0.8 + 0.17 * len(timed))),
    )
