"""Section: how accurate the models are on test, by every metric, with intervals."""

from __future__ import annotations

from functools import partial

from gradewise.config.datasets import Dataset
from gradewise.evaluation.recommend import baseline_of, ground_of
from gradewise.evaluation.recommendation import Baseline, Criterion
from gradewise.metrics import METRICS
from gradewise.report import metric_names, numbers, pretraining
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, side_by_side
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 30

MOST_ROWS, NAMED = 60, 12
"""Most rows of metrics of classes on the page, and most names of classes in a sentence."""


def section(evidence: Evidence) -> Section:
    """Figures of accuracy and of what models are ranked by, tables of all metrics, overall and of each class."""
    deciding = evidence.recommendation.criterion
    figures = [_figure(evidence, "accuracy", [Criterion(level=level) for level in evidence.levels])]
    if deciding.metric != "accuracy":
        figures.insert(0, _figure(evidence, "deciding-metric", [deciding]))
    tables = [_table(evidence, level, by_class) for level in evidence.levels for by_class in (False, True)]
    shown = metrics_of(evidence, "image")
    tested = set(evidence.tested(evidence.models[0], evidence.deciding_level)["label"])
    absent = [name for name in evidence.classes if name not in tested]
    return Section(
        "accuracy",
        "Accuracy",
        contents={
            "basis": _basis(evidence),
            "unit": evidence.deciding_level,
            "pretrained": pretraining.warning(evidence.runs),
            "left_out": list(evidence.results.left_out().items()),
            "absent": numbers.few(absent, NAMED) if absent else "",
            "figures": figures,
            "tables": [table for table in tables if len(table.data)],
            "undefined": any(evidence.estimates(level)["value"].isna().any() for level in evidence.levels),
            "best": [
                (metric_names.in_words(metric), f"{METRICS[metric].best:g}")
                for metric in shown
                if METRICS[metric].best is not None
            ],
            "inverse": [metric_names.name(metric) for metric in shown if metric_names.lower_is_better(metric)],
            "explanations": metric_names.explained(shown),
            "verdicts": _verdicts(evidence.settings),
        },
    )


def metrics_of(evidence: Evidence, level: str) -> list[str]:
    """Names of the metrics measured on test images or samples, in the order of `METRICS`."""
    measured = set(evidence.estimates(level)["metric"])
    return [metric for metric in METRICS if metric in measured]


def _models_with(evidence: Evidence, level: str) -> list[str]:
    """Models that have results of their own on a level: a blend of verdicts on images has none on samples."""
    of_images = {
        run.model for run in evidence.runs if evidence.tiled and run.record["settings"].get("level", level) != level
    }
    return [model for model in evidence.models if level != "sample" or model not in of_images]


def _verdicts(settings: Dataset) -> str:
    """Which class is the verdict, where mistakes have costs; otherwise empty."""
    if settings.costs is None:
        return ""
    if settings.verdict_costs is not None:
        return "The verdict is the class of least expected cost under a model's probabilities, in all metrics."
    return (
        "The verdict is the most probable class, also where its cost is measured. With decide_by: cost it would be the "
        "class of least expected cost."
    )


def _basis(evidence: Evidence) -> str:
    ground = ground_of(evidence, "image")
    text = numbers.basis(ground.images, ground.groups, "test image")
    if evidence.deciding_level == "sample" and evidence.tiled:
        text += f", cut into {numbers.many(ground_of(evidence, 'sample').images, 'sample')}"
    return f"{text}, over {numbers.rounds(ground.repeats, ground.folds)}" if ground.repeats > 1 else text


def _table(evidence: Evidence, level: str, by_class: bool) -> Table:
    """Metrics of each class, or of all classes together, with a column for each model."""
    models = _models_with(evidence, level)
    by = ["of_class", "metric"] if by_class else ["metric"]
    rows = evidence.estimates(level).rename(columns={"class": "of_class"})
    rows = rows.loc[rows["of_class"].notna() == by_class]
    ranks = {name: rank for rank, name in enumerate([*evidence.classes, *METRICS])}
    rows = rows.sort_values(by, key=lambda names: names.map(ranks))
    data = side_by_side(rows, by, models, ["value", "low", "high"])
    columns = [Column.name("Class", "of_class")] if by_class else []
    columns.append(Column.name("Metric", "metric", partial(metric_names.name, overall=not by_class)))
    columns += [
        Column(model, ("metric", f"{model} value", f"{model} low", f"{model} high"), _value) for model in models
    ]
    return Table(
        f"metrics-{level}{'-classes' if by_class else ''}",
        f"Metrics {'of each class ' if by_class else ''}on test {level}s, with 95 % intervals",
        data,
        tuple(columns),
        limit=MOST_ROWS,
        folded=True,
    )


def _value(metric: str, *ends: float) -> str:
    return metric_names.interval(metric, Estimate(*ends))


def _one_guess(evidence: Evidence, criterion: Criterion) -> Baseline | None:
    """What always predicting one class reaches; None where models are tested on samples of their own."""
    tested = (evidence.tested(model, criterion.level)["label"] for model in evidence.models)
    guesses = [baseline_of(evidence, labels, criterion) for labels in tested]
    return guesses[0] if len({(guess.predicted, round(guess.value, 9)) for guess in guesses}) == 1 else None


def _figure(evidence: Evidence, name: str, criteria: list[Criterion]) -> Figure:
    """One metric on test, a panel for each level in `criteria`."""
    metric, several = criteria[0].metric, len(criteria) > 1
    panels: list[dots.Panel] = []
    guessed: dict[str, str] = {}
    for criterion in criteria:
        lines = []
        own = _models_with(evidence, criterion.level)
        for model in evidence.models_in_detail:
            estimate = evidence.estimate(model, metric, criterion.level) if model in own else Estimate(None)
            mark = dots.Mark(estimate, evidence.styles[model])
            repeats = evidence.per_repeat(model, metric, criterion.level) if model in own else ()
            lines.append(dots.Line(model, (mark,), repeats, model=model))
        guess = _one_guess(evidence, criterion)
        title = f"{criterion.level}s".capitalize() if several else ""
        panels.append(dots.Panel(lines, title, dashed=None if guess is None else guess.value))
        if guess is not None:
            guessed[criterion.level] = guess.predicted
    where = "" if several else f" {criteria[0].level}s"
    what, share = metric_names.name(metric, overall=True), metric_names.is_share(metric)
    values = dots.in_words(panels, partial(metric_names.interval, metric))
    return Figure(
        name,
        f"{what} on test{where}: large marks are all repeats together, with 95 % CI; small marks are single repeats."
        f"{_dashed(guessed)}{evidence.left_out_in_words}",
        f"Dot plot of {metric_names.in_words(metric)} on test. {values}.",
        dots.draw(
            panels,
            f"{what} on test{' [%]' if share else ''}",
            share=share,
            height=0.42,
            write=partial(metric_names.interval, metric),
        ),
    )


def _dashed(guessed: dict[str, str]) -> str:
    """What the dashed lines are; the class that is best always predicted may differ between images and samples."""
    if not guessed:
        return ""
    if len(set(guessed.values())) == 1:
        return f" Dashed: always predicting {next(iter(guessed.values()))}."
    classes = " and ".join(f"{name} (of {level}s)" for level, name in guessed.items())
    return f" Dashed: always predicting {classes}."
