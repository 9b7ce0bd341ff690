"""The step `recommend`: from metrics and comparisons to the recommendation, with its reasons and warnings, as data."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from gradewise import command
from gradewise.evaluation.compare import CLUES, best_constant
from gradewise.evaluation.estimates import Estimate, known
from gradewise.evaluation.inference import groups_for_equivalence, judge
from gradewise.evaluation.measured import Measured, read, row_estimate
from gradewise.evaluation.outcome import first_caution, judge_outcome
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
    Collapsed,
    ConstantPrediction,
    Criterion,
    Decision,
    Ground,
    Pair,
    Recommendation,
    against_constant,
    baseline_warning,
    decide,
    disagreements,
    few_groups_warning,
    look_alike_warning,
    validation_warning,
    weakest,
)
from gradewise.images.clues import TOGETHER
from gradewise.metrics import METRICS, Counts
from gradewise.records import write_json
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
    write_json(output, recommendation)
    log.info("%s: %s", dataset, recommendation.choice or "no model has a score")


def recommendation_of(measured: Measured) -> Recommendation:
    """The recommendation by the metric, level and margin that the configuration names."""
    settings = measured.settings
    criterion = Criterion(
        metric=settings.deciding_metric,
        level=settings.deciding_level,
        margin=settings.equivalence,
        faster=settings.faster,
    )
    candidates = [_candidate(measured, model, criterion) for model in measured.models]
    decision = decide(candidates, _pairs(measured, criterion), criterion)
    ground = ground_of(measured, criterion.level)
    tested = measured.tested(measured.models[0], criterion.level)
    tested_classes = tested["label"].nunique()
    baseline = baseline_of(measured, tested["label"], criterion)
    facts: dict[str, Any] = {}
    warnings: list[Caution] = []
    if decision.choice is not None:
        choice = decision.candidate(decision.choice)
        classes = _classes(measured, choice.model, criterion.level)
        against = _pairs(measured, criterion, baselines=True)
        of_choice = tuple(pair for pair in against if pair.first == choice.model)
        facts = {
            "against_baselines": of_choice,
            "corrected": _corrected(measured, decision, criterion),
            "validation": measured.estimate(choice.model, criterion.metric, criterion.level, role="validation"),
            "plain_accuracy": None if criterion.metric == "accuracy" else _accuracy(measured, choice, criterion.level),
            "other_level": _other_level(measured, choice, criterion.level),
            "classes": classes,
            "weakest": weakest(classes),
        }
        guessing = baseline_warning(
            against_constant([pair for pair in against if pair.first == decision.leader]), against_constant(of_choice)
        )
        fall = validation_warning(facts["validation"], choice.score, criterion)
        never = tuple(result.name for result in classes if known(result.recall.value) and not result.predicted)
        # of images of one class, guessing is always right
        warnings += [warning for warning in (guessing if tested_classes > 1 else None, fall) if warning is not None]
        warnings += [ClassNeverPredicted(classes=never)] if never else []
        warnings += _disagreements(measured, choice.model, criterion)
        warnings += clue_warnings(measured.audit, measured, choice.model, of_choice) if tested_classes > 1 else []
        few = few_groups_warning(ground.groups)
        warnings += [few] if few is not None and len(measured.models) > 1 else []
        warnings += _collapsed(measured, criterion.level)
    warnings += [*_look_alikes(measured), *_constant(measured, criterion.level), *_imbalance(measured)]
    score = None if decision.choice is None else decision.candidate(decision.choice).score
    return Recommendation(
        dataset=measured.dataset,
        outcome=judge_outcome(
            score, baseline.value, criterion, ground.groups, warnings, settings.required, tested_classes
        ),
        first_caution=first_caution(warnings, ground.groups),
        criterion=criterion,
        rule_fingerprint=settings.rule_fingerprint,
        ground=ground,
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
    metric = METRICS[criterion.metric]
    place = best_constant(counts, metric, matrix)
    confusion = np.zeros((len(counts), len(counts)))
    confusion[:, place] = counts
    value = float(np.nan_to_num(metric.overall(Counts(confusion, matrix))))
    return Baseline(predicted=measured.classes[place], value=value)


def _candidate(measured: Measured, model: str, criterion: Criterion) -> Candidate:
    per_image = [run.seconds_per_image for run in measured.runs_of(model)]
    timed = [seconds for seconds in per_image if seconds is not None]
    return Candidate(
        model=model,
        score=measured.estimate(model, criterion.metric, criterion.level),
        probability_best=_standing(measured, model, "probability_best"),
        seconds_fit=measured.mean(model, "seconds_fit"),
        seconds_per_image=sum(timed) / len(timed) if timed else None,
        memory_mb=measured.mean(model, "peak_memory_mb"),
        model_bytes=measured.mean(model, "model_bytes"),
    )


def _standing(measured: Measured, model: str, column: str) -> float | None:
    values = measured.standings.loc[measured.standings["model"] == model, column]
    return _number(values.iloc[0]) if len(values) else None


def _corrected(measured: Measured, decision: Decision, criterion: Criterion) -> Estimate:
    """Score of the leader less what it owes to being chosen, its interval extended by as much; nothing where another
    model is the choice, or just one was measured."""
    optimism = None if decision.leader is None else _standing(measured, decision.leader, "optimism")
    if optimism is None or decision.choice != decision.leader or len(decision.ranking) < 2:
        return Estimate(None)
    score = decision.candidate(decision.leader).score
    value, low, high = score.value or 0.0, score.low, score.high
    if _lower(criterion):
        return Estimate(value + optimism, low, None if high is None else high + optimism)
    return Estimate(value - optimism, None if low is None else low - optimism, high)


def _lower(criterion: Criterion) -> bool:
    return METRICS[criterion.metric].lower_is_better


def _pairs(measured: Measured, criterion: Criterion, baselines: bool = False) -> list[Pair]:
    rows = measured.comparisons
    rows = rows.loc[
        (rows["role"] == "test")
        & (rows["level"] == criterion.level)
        & (rows["metric"] == criterion.metric)
        & (rows["baseline"] == baselines)
    ]
    return [_pair(row, criterion) for row in rows.itertuples(index=False)]


def _pair(row: Any, criterion: Criterion) -> Pair:
    difference = row_estimate(row, "difference")
    if _lower(criterion):
        difference = difference.turned()
    low, high = difference.bounds or (float("nan"), float("nan"))
    margin = criterion.margin
    probability, beyond = None, None
    if difference.value is not None and known(row.error) and row.error > 0:
        probability = float(stdtr(row.freedom, difference.value / row.error))
        if margin is not None:
            ends = (np.array([1, -1]) * difference.value - margin) / row.error
            above, below = stdtr(row.freedom, ends)
            beyond = (float(above), float(below))
    return Pair(
        first=row.first,
        second=row.second,
        difference=difference,
        p_adjusted=_number(row.p_adjusted),
        detectable=_number(row.detectable),
        probability=probability,
        beyond_margin=beyond,
        collapsed=row.collapsed,
        groups=row.groups,
        groups_for_equivalence=None if margin is None else groups_for_equivalence(margin, row.scale),
        conclusion=judge(low, high, margin, row.groups, row.scale),
    )


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


def _collapsed(measured: Measured, level: Level) -> Iterator[Collapsed]:
    """Models that predicted one class for everything in some repeats, but not in all of them."""
    models = []
    for model in measured.models:
        by_repeat = measured.tested(model, level).groupby("repeat")["predicted"]
        if (by_repeat.nunique() == 1).any() and measured.tested(model, level)["predicted"].nunique() > 1:
            models.append(model)
    if models:
        yield Collapsed(models=tuple(models))


def _constant(measured: Measured, level: Level) -> Iterator[ConstantPrediction]:
    for model in measured.models:
        predicted = measured.tested(model, level)["predicted"].unique()
        if len(predicted) == 1:
            yield ConstantPrediction(model=model, predicted=str(predicted[0]))


def clue_warnings(
    audit: pd.DataFrame, measured: Measured, model: str, compared: Sequence[Pair] = ()
) -> list[ClueExplains]:
    """Where clues of the data audit do nearly as well as a model on images, or gain half of what it gains.

    Nearly as well: the model is not shown to be better than the classifier on clues; where the two were not compared,
    their intervals meet.
    """
    accuracy = measured.estimate(model, "accuracy")
    tried = audit.loc[audit["check"] == "clue"]
    rows = tried.loc[(tried["low"] > tried["baseline"]) & (tried["value"] - tried["baseline"] >= NOTABLE)]
    if accuracy.value is None or accuracy.low is None or rows.empty:
        return []
    meeting = rows.loc[rows["high"] >= accuracy.low]
    verdicts = {pair.against for pair in compared if pair.second == CLUES} - {"unknown"}
    near = "better" not in verdicts if verdicts else len(meeting) > 0
    shown = meeting if near and len(meeting) else rows.loc[rows["value"] == rows["value"].max()]
    best = shown.loc[shown["value"].idxmax()]
    if not near and best["value"] - best["baseline"] < (accuracy.value - best["baseline"]) / 2:
        return []
    return [
        ClueExplains(
            near=near,
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
