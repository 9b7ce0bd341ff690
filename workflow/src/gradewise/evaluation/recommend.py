"""The step `recommend`: from metrics and comparisons to the recommendation, with its reasons and warnings, as data."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.evaluation.estimates import known
from gradewise.evaluation.measured import Measured, read, row_estimate
from gradewise.evaluation.recommendation import (
    ACCURACY,
    Accuracy,
    Baseline,
    Candidate,
    Caution,
    ClassesImbalanced,
    ClassNeverPredicted,
    ClassResult,
    ClueExplains,
    ConstantPrediction,
    Criterion,
    Ground,
    Pair,
    Recommendation,
    baseline_warning,
    decide,
    disagreements,
    look_alike_warning,
    validation_warning,
    weakest,
)
from gradewise.images.clues import TOGETHER
from gradewise.metrics import METRICS, Counts
from gradewise.verdicts import Level

NOTABLE = 0.05
"""Gain over the most frequent class from which a clue may explain a model's accuracy."""

log = logging.getLogger(__name__)


def recommend(*, dataset: str, results: Path, output: Path) -> None:
    """Decide which model to use for a dataset.

    Parameters
    ----------
    dataset : str
        Its name.
    results : Path
        Folder of the dataset's results.
    output : Path
        `recommendation.json`; `workflow/schemas/recommendation.schema.json` describes it.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset, or the folder has no plan.
    """
    recommendation = recommendation_of(read(results, dataset))
    with tables.replacing(output) as partial:
        partial.write_text(recommendation.model_dump_json(indent=1) + "\n", encoding="utf-8")
    log.info("%s: %s", dataset, recommendation.choice or "no model has a score")


def recommendation_of(measured: Measured) -> Recommendation:
    """The recommendation by the metric, level and margin that the configuration names."""
    settings = measured.settings
    criterion = Criterion(metric=settings.deciding_metric, level=settings.deciding_level, margin=settings.equivalence)
    decision = decide(
        [_candidate(measured, model, criterion) for model in measured.models], _pairs(measured, criterion), criterion
    )
    tested = measured.tested(measured.models[0], criterion.level)
    baseline = baseline_of(measured, tested["label"], criterion)
    facts: dict[str, Any] = {}
    warnings: list[Caution] = []
    if decision.choice is not None:
        choice = decision.candidate(decision.choice)
        classes = _classes(measured, choice.model, criterion.level)
        facts = {
            "against_baseline": criterion.against(choice.score, baseline.value),
            "validation": measured.estimate(choice.model, criterion.metric, criterion.level, role="validation"),
            "plain_accuracy": None if criterion.metric == "accuracy" else _accuracy(measured, choice, criterion.level),
            "other_level": _other_level(measured, choice, criterion.level),
            "classes": classes,
            "weakest": weakest(classes),
        }
        guessing = baseline_warning(decision, baseline.value, criterion)
        fall = validation_warning(facts["validation"], choice.score, criterion)
        never = tuple(result.name for result in classes if known(result.recall.value) and not result.predicted)
        warnings += [warning for warning in (guessing, fall) if warning is not None]
        warnings += [ClassNeverPredicted(classes=never)] if never else []
        warnings += _disagreements(measured, choice.model, criterion)
        warnings += clue_warnings(measured.audit, measured, choice.model)
    warnings += [*_look_alikes(measured), *_constant(measured, criterion.level), *_imbalance(measured)]
    return Recommendation(
        dataset=measured.dataset,
        criterion=criterion,
        ground=ground_of(measured, criterion.level),
        baseline=baseline,
        warnings=tuple(warnings),
        **dict(decision),
        **facts,
    )


def ground_of(measured: Measured, level: Level) -> Ground:
    """What was tested; where views cut differently and samples decide, those of the first model."""
    tested = measured.tested(measured.models[0], level)
    return Ground(
        images=tested["unit"].nunique(),
        groups=tested["group"].nunique(),
        repeats=tested["repeat"].nunique(),
        folds=measured.settings.evaluation.folds,
    )


def baseline_of(measured: Measured, labels: pd.Series, criterion: Criterion = ACCURACY) -> Baseline:
    """The class that is best predicted for everything, and what that reaches; of equals the most frequent class."""
    counts = labels.value_counts().reindex(measured.classes, fill_value=0).to_numpy(dtype=np.float64)
    costs = measured.settings.cost_matrix
    matrix = None if costs is None else np.array(costs)
    values = {}
    for place in np.argsort(-counts, kind="stable"):
        confusion = np.zeros((len(counts), len(counts)))
        confusion[:, place] = counts
        value = METRICS[criterion.metric].overall(Counts(confusion, matrix))
        values[measured.classes[place]] = float(np.nan_to_num(value))
    best = min(values, key=lambda name: criterion.advantage(0.0, values[name]))
    return Baseline(predicted=best, value=values[best])


def _candidate(measured: Measured, model: str, criterion: Criterion) -> Candidate:
    per_image = [run.seconds_per_image for run in measured.runs_of(model)]
    timed = [seconds for seconds in per_image if seconds is not None]
    return Candidate(
        model=model,
        score=measured.estimate(model, criterion.metric, criterion.level),
        seconds_fit=measured.mean(model, "seconds_fit"),
        seconds_per_image=sum(timed) / len(timed) if timed else None,
        memory_mb=measured.mean(model, "peak_memory_mb"),
        model_bytes=measured.mean(model, "model_bytes"),
    )


def _pairs(measured: Measured, criterion: Criterion) -> list[Pair]:
    rows = measured.comparisons
    wanted = (rows["role"] == "test") & (rows["level"] == criterion.level) & (rows["metric"] == criterion.metric)
    turned = METRICS[criterion.metric].lower_is_better
    pairs = []
    for row in rows.loc[wanted].itertuples(index=False):
        difference = row_estimate(row, "difference")
        pairs.append(
            Pair(
                first=row.first,
                second=row.second,
                difference=difference.turned() if turned else difference,
                p_holm=_number(row.p_holm),
                test=row.test,
                detectable=_number(row.detectable),
            )
        )
    return pairs


def _accuracy(measured: Measured, choice: Candidate, level: Level) -> Accuracy:
    baseline = baseline_of(measured, measured.tested(choice.model, level)["label"])
    accuracy = measured.estimate(choice.model, "accuracy", level)
    against = ACCURACY.against(accuracy, baseline.value)
    return Accuracy(level=level, accuracy=accuracy, baseline=baseline, against_baseline=against)


def _other_level(measured: Measured, choice: Candidate, level: Level) -> Accuracy | None:
    if not measured.tiled:
        return None
    other = _accuracy(measured, choice, "sample" if level == "image" else "image")
    return other if known(other.accuracy.value) else None


def _classes(measured: Measured, model: str, level: Level) -> tuple[ClassResult, ...]:
    predicted = set(measured.tested(model, level)["predicted"])
    return tuple(
        ClassResult(
            name=name,
            recall=measured.estimate(model, "recall", level, name),
            precision=measured.estimate(model, "precision", level, name),
            predicted=name in predicted,
        )
        for name in measured.classes
    )


def _disagreements(measured: Measured, choice: str, criterion: Criterion) -> list[Caution]:
    opinions = [metric.name for metric in METRICS.values() if metric.second_opinion]
    scores = {
        metric: {model: measured.estimate(model, metric, criterion.level) for model in measured.models}
        for metric in opinions
    }
    return [*disagreements(scores, choice, criterion)]


def _look_alikes(measured: Measured) -> Iterator[Caution]:
    audit = measured.audit
    for share in audit.loc[(audit["check"] == "alike") & audit["image_id"].isna(), "value"].head(1):
        warning = look_alike_warning(float(share), measured.settings.group is not None)
        if warning is not None:
            yield warning


def _imbalance(measured: Measured) -> Iterator[ClassesImbalanced]:
    """Where the audit found classes out of balance and the user chose no metric."""
    audit = measured.audit
    if measured.settings.decide_by is None:
        for finding in audit.loc[audit["check"] == "class imbalance"].itertuples(index=False):
            yield ClassesImbalanced(most_frequent=finding.subject, share=finding.value)


def _constant(measured: Measured, level: Level) -> Iterator[ConstantPrediction]:
    for model in measured.models:
        predicted = measured.tested(model, level)["predicted"].unique()
        if len(predicted) == 1:
            yield ConstantPrediction(model=model, predicted=str(predicted[0]))


def clue_warnings(audit: pd.DataFrame, measured: Measured, model: str) -> list[ClueExplains]:
    """Where clues of the data audit do nearly as well as a model on images, or gain half of what it gains."""
    accuracy = measured.estimate(model, "accuracy")
    tried = audit.loc[audit["check"] == "clue"]
    rows = tried.loc[(tried["low"] > tried["baseline"]) & (tried["value"] - tried["baseline"] >= NOTABLE)]
    if accuracy.value is None or accuracy.low is None or rows.empty:
        return []
    near = rows.loc[rows["high"] >= accuracy.low]
    shown = near if len(near) else rows.loc[rows["value"] == rows["value"].max()]
    best = shown.loc[shown["value"].idxmax()]
    if near.empty and best["value"] - best["baseline"] < (accuracy.value - best["baseline"]) / 2:
        return []
    return [
        ClueExplains(
            near=len(near) > 0,
            best=best["subject"],
            guessed=row_estimate(best),
            baseline=best["baseline"],
            clues=tuple(shown["subject"]),
            known=tuple(name for name in tried["subject"] if name != TOGETHER),
            model=model,
            accuracy=accuracy,
        )
    ]


def _number(value: float) -> float | None:
    return float(value) if known(value) else None


def json_schema() -> str:
    """JSON schema of `recommendation.json`."""
    return json.dumps(Recommendation.model_json_schema(mode="serialization"), indent=1)


if __name__ == "__main__":
    command.run(recommend)
