"""Section: how accurate the models are on test, by every metric, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, metric_names, numbers, verdict
from gradewise.report.answer import ground
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.numbers import Estimate
from gradewise.report.palette import QUIET
from gradewise.report.recommendation import Ground, Measure

MANY = 12
"""Tables with more rows than this open when asked."""

LEVELS = {"image": "images", "sample": "samples"}


def section(evidence: Evidence) -> Section:
    """Figures of accuracy and of what the verdict ranks by, tables of all metrics and of all metrics a class."""
    blocks: list[Block] = [
        Text(
            f"Everything here is measured on test images, which a model had not seen when it judged them and which "
            f"chose no setting. Behind each number stand {_basis(evidence)}. An interval in parentheses covers the "
            f"true value in 95 % of such experiments, as far as groups are independent of each other."
        ),
        *_absent(evidence),
    ]
    deciding = Measure(evidence.settings.deciding_metric, unit=evidence.deciding_level)
    if deciding.metric != "accuracy":
        blocks.append(_figure(evidence, "deciding-metric", [deciding]))
    blocks.append(_figure(evidence, "accuracy", [Measure(unit=level) for level in evidence.levels]))
    for level in evidence.levels:
        blocks += [table for table in (_overall(evidence, level), _by_class(evidence, level)) if not table.data.empty]
    shown = metric_names.order(list(evidence.estimates("image")["metric"].unique()))
    if any(evidence.estimates(level)["value"].isna().any() for level in evidence.levels):
        blocks.append(Text("A dash: not defined, as precision is of a class that a model never answers.", "small"))
    inverse = [metric_names.name(metric) for metric in shown if metric_names.lower_is_better(metric)]
    if inverse:
        blocks.append(Text(f"Lower is better: {', '.join(inverse)}. Higher is better: all else.", "small"))
    blocks.append(Text(" ".join(metric_names.explained(shown)), "small"))
    return Section("accuracy", "Accuracy", tuple(blocks))


def _basis(evidence: Evidence) -> str:
    stand = ground(evidence)
    text = verdict.basis(stand.images, stand.groups, "test image")
    if evidence.deciding_level == "sample" and evidence.tiled:
        text += f", cut into {numbers.many(ground(evidence, Measure(unit='sample')).images, 'sample')}"
    return f"{text}, over {numbers.rounds(stand.repeats, stand.folds)}" if stand.repeats > 1 else text


def _absent(evidence: Evidence) -> list[Block]:
    tested = set(evidence.tested(evidence.models[0], evidence.deciding_level)["label"])
    absent = [name for name in evidence.classes if name not in tested]
    if not absent:
        return []
    return [
        Text(
            f"No test {evidence.deciding_level} is of class {numbers.listed(absent)}: how well it is recognised is "
            f"not known, and metrics "
            f"that need every class are blank."
        )
    ]


def _overall(evidence: Evidence, level: str) -> Table:
    rows = evidence.estimates(level)
    rows = rows.loc[rows["class"].isna()]
    wide = _wide(rows, evidence.models, metric_names.order(list(rows["metric"].unique())), [None])
    return Table(
        f"metrics-{level}",
        f"Metrics on test {LEVELS[level]}, with 95 % intervals",
        wide.drop(columns="of_class"),
        (
            Column("Metric", lambda row: metric_names.name(row.metric, overall=True), kind="name"),
            *_model_columns(evidence.models),
        ),
    )


def _by_class(evidence: Evidence, level: str) -> Table:
    rows = evidence.estimates(level)
    rows = rows.loc[rows["class"].notna()]
    found = list(rows["class"].unique())
    classes = [name for name in evidence.classes if name in found]
    wide = _wide(rows, evidence.models, metric_names.order(list(rows["metric"].unique())), classes)
    return Table(
        f"metrics-{level}-classes",
        f"Metrics of each class on test {LEVELS[level]}, with 95 % intervals",
        wide,
        (
            Column("Class", lambda row: row.of_class, kind="name"),
            Column("Metric", lambda row: metric_names.name(row.metric), kind="name"),
            *_model_columns(evidence.models),
        ),
        folded=len(wide) > MANY,
    )


def _wide(rows: pd.DataFrame, models: list[str], metrics: list[str], classes: Sequence[str | None]) -> pd.DataFrame:
    """One row a class and metric; value, low and high of each model side by side."""
    lines = []
    for of_class in classes:
        for metric in metrics:
            of_metric = rows.loc[rows["metric"] == metric]
            if of_class is not None:
                of_metric = of_metric.loc[of_metric["class"] == of_class]
            if of_metric.empty:
                continue
            line: dict[str, Any] = {"of_class": of_class, "metric": metric}
            for model in models:
                mine = of_metric.loc[of_metric["model"] == model]
                for name in ("value", "low", "high"):
                    line[f"{model} {name}"] = float(mine[name].iloc[0]) if len(mine) else np.nan
            lines.append(line)
    columns = ["of_class", "metric", *(f"{model} {name}" for model in models for name in ("value", "low", "high"))]
    return pd.DataFrame(lines, columns=columns)


def _model_columns(models: list[str]) -> tuple[Column, ...]:
    return tuple(Column(model, _cell(len(models), place)) for place, model in enumerate(models))


def _cell(models: int, place: int) -> Callable[[Any], str]:
    def text(row: Any) -> str:
        value, low, high = row[len(row) - 3 * (models - place) :][:3]
        return metric_names.interval(row.metric, Estimate(value, low, high))

    return text


def _one_guess(evidence: Evidence, measure: Measure) -> Ground | None:
    """What always giving one answer reaches; None where models are tested on samples of their own."""
    guesses = [ground(evidence, measure, model) for model in evidence.models]
    return guesses[0] if len({(guess.commonest, round(guess.share, 9)) for guess in guesses}) == 1 else None


def _figure(evidence: Evidence, name: str, measures: list[Measure]) -> Figure:
    """One metric on test, a panel for each level in `measures`."""
    models, metric = evidence.models, measures[0].metric
    guesses = [_one_guess(evidence, measure) for measure in measures]
    what = metric_names.name(metric, overall=True)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.62 + 0.42 * len(models)))
        panels = canvas.subplots(1, len(measures), sharex=True, sharey=True, squeeze=False)[0]
        for axes, measure, guess in zip(panels, measures, guesses, strict=True):
            for place, model in enumerate(models):
                style = evidence.styles[model]
                repeats = evidence.per_repeat(model, metric, measure.unit)
                axes.plot(
                    repeats,
                    np.full(len(repeats), place + 0.27),
                    linestyle="none",
                    marker=style.marker,
                    markersize=3,
                    color=style.colour,
                    alpha=0.55,
                    markeredgewidth=0,
                )
                drawing.interval(axes, evidence.estimate(model, metric, measure.unit), place, style)
            if guess is not None:
                axes.axvline(guess.share, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
            axes.set_title(LEVELS[measure.unit].capitalize() if len(measures) > 1 else "")
            drawing.metric_axis(axes, metric, f"{what} on test")
            axes.grid(axis="x")
            axes.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(models)), models)
        panels[0].set_ylim(len(models) - 0.4, -0.5)
        svg = drawing.to_svg(canvas)
    told = "; ".join(
        f"{model} {metric_names.interval(metric, evidence.estimate(model, metric, measure.unit))} "
        f"of {LEVELS[measure.unit]}"
        for measure in measures
        for model in models
    )
    known = [(measure, guess.commonest) for measure, guess in zip(measures, guesses, strict=True) if guess is not None]
    if len({answer for _, answer in known}) > 1:
        answers = " and ".join(f"{answer} (of {LEVELS[measure.unit]})" for measure, answer in known)
    else:
        answers = known[0][1] if known else ""
    dashed = f" The dashed line is what always answering {answers} would reach." if answers else ""
    return Figure(
        name,
        f"{what} on test{'' if len(measures) > 1 else f' {LEVELS[measures[0].unit]}'}: large marks with 95 % intervals "
        f"over all repeats, small marks for single repeats.{dashed}",
        f"Dot plot of {measures[0].words} on test. {told}.",
        svg,
    )
