"""Section: how accurate the models are on test, by every metric, with intervals."""

from __future__ import annotations

import pandas as pd

from gradewise.evaluation.recommend import baseline_of, ground_of
from gradewise.evaluation.recommendation import Baseline, Criterion
from gradewise.report import metric_names, numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, side_by_side
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 30

MANY = 12
"""Tables with more rows than this are folded."""

LEVELS = {"image": "images", "sample": "samples"}


def section(evidence: Evidence) -> Section:
    """Figures of accuracy and of what models are ranked by, tables of all metrics, overall and of each class."""
    deciding = evidence.recommendation.criterion
    figures = [_figure(evidence, "accuracy", [Criterion(level=level) for level in evidence.levels])]
    if deciding.metric != "accuracy":
        figures.insert(0, _figure(evidence, "deciding-metric", [deciding]))
    tables = [table for level in evidence.levels for table in (_overall(evidence, level), _by_class(evidence, level))]
    shown = metric_names.order(list(evidence.estimates("image")["metric"].unique()))
    tested = set(evidence.tested(evidence.models[0], evidence.deciding_level)["label"])
    absent = [name for name in evidence.classes if name not in tested]
    return Section(
        "accuracy",
        "Accuracy",
        contents={
            "basis": _basis(evidence),
            "unit": evidence.deciding_level,
            "absent": numbers.listed(absent) if absent else "",
            "figures": figures,
            "tables": [table for table in tables if len(table.data)],
            "undefined": any(evidence.estimates(level)["value"].isna().any() for level in evidence.levels),
            "inverse": [metric_names.name(metric) for metric in shown if metric_names.lower_is_better(metric)],
            "explanations": metric_names.explained(shown),
        },
    )


def _basis(evidence: Evidence) -> str:
    ground = ground_of(evidence, "image")
    text = numbers.basis(ground.images, ground.groups, "test image")
    if evidence.deciding_level == "sample" and evidence.tiled:
        text += f", cut into {numbers.many(ground_of(evidence, 'sample').images, 'sample')}"
    return f"{text}, over {numbers.rounds(ground.repeats, ground.folds)}" if ground.repeats > 1 else text


def _overall(evidence: Evidence, level: str) -> Table:
    rows = evidence.estimates(level)
    rows = _in_order(rows.loc[rows["class"].isna()], [])
    return Table(
        f"metrics-{level}",
        f"Metrics on test {LEVELS[level]}, with 95 % intervals",
        side_by_side(rows, ["metric"], evidence.models, ["value", "low", "high"]),
        (
            Column.name("Metric", "metric", lambda metric: metric_names.name(metric, overall=True)),
            *_of_models(evidence.models),
        ),
    )


def _by_class(evidence: Evidence, level: str) -> Table:
    rows = evidence.estimates(level)
    rows = _in_order(rows.loc[rows["class"].notna()], evidence.classes)
    data = side_by_side(rows, ["of_class", "metric"], evidence.models, ["value", "low", "high"])
    return Table(
        f"metrics-{level}-classes",
        f"Metrics of each class on test {LEVELS[level]}, with 95 % intervals",
        data,
        (
            Column.name("Class", "of_class"),
            Column.name("Metric", "metric", metric_names.name),
            *_of_models(evidence.models),
        ),
        folded=len(data) > MANY,
    )


def _in_order(rows: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Rows by class, then by metric, in the order in which they are shown."""
    ranks = {name: rank for rank, name in enumerate([*classes, *metric_names.order(list(rows["metric"].unique()))])}
    return rows.rename(columns={"class": "of_class"}).sort_values(
        ["of_class", "metric"], key=lambda column: column.map(ranks)
    )


def _of_models(models: list[str]) -> list[Column]:
    return [
        Column(
            model,
            ("metric", f"{model} value", f"{model} low", f"{model} high"),
            lambda metric, *ends: metric_names.interval(metric, Estimate(*ends)),
        )
        for model in models
    ]


def _one_guess(evidence: Evidence, criterion: Criterion) -> Baseline | None:
    """What always predicting one class reaches; None where models are tested on samples of their own."""
    tested = (evidence.tested(model, criterion.level)["label"] for model in evidence.models)
    guesses = [baseline_of(evidence, labels, criterion) for labels in tested]
    return guesses[0] if len({(guess.predicted, round(guess.value, 9)) for guess in guesses}) == 1 else None


def _figure(evidence: Evidence, name: str, criteria: list[Criterion]) -> Figure:
    """One metric on test, a panel for each level in `criteria`."""
    metric, several = criteria[0].metric, len(criteria) > 1
    guesses = [_one_guess(evidence, criterion) for criterion in criteria]
    panels = [
        dots.Panel(
            [
                dots.Line(
                    model,
                    (dots.Mark(evidence.estimate(model, metric, criterion.level), evidence.styles[model]),),
                    evidence.per_repeat(model, metric, criterion.level),
                )
                for model in evidence.models
            ],
            LEVELS[criterion.level].capitalize() if several else "",
            dashed=None if guess is None else guess.value,
        )
        for criterion, guess in zip(criteria, guesses, strict=True)
    ]
    where = "" if several else f" {LEVELS[criteria[0].level]}"
    told = dots.told(panels, lambda score: metric_names.interval(metric, score))
    what, share = metric_names.name(metric, overall=True), metric_names.is_share(metric)
    return Figure(
        name,
        f"{what} on test{where}: large marks are all repeats together, with 95 % intervals; small marks are single "
        f"repeats.{_dashed(criteria, guesses)}",
        f"Dot plot of {metric_names.in_words(metric)} on test. {told}.",
        dots.draw(panels, f"{what} on test{' [%]' if share else ''}", share=share, height=0.42),
    )


def _dashed(criteria: list[Criterion], guesses: list[Baseline | None]) -> str:
    """What the dashed lines are; the class that is best always predicted may differ between images and samples."""
    classes = {
        LEVELS[criterion.level]: guess.predicted
        for criterion, guess in zip(criteria, guesses, strict=True)
        if guess is not None
    }
    if not classes:
        return ""
    if len(set(classes.values())) == 1:
        return f" The dashed line is what always predicting {next(iter(classes.values()))} would reach."
    told = " and ".join(f"{name} (of {level})" for level, name in classes.items())
    return f" The dashed lines are what always predicting {told} would reach."
