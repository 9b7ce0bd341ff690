"""What the first screen of a report says: the state, the model, how good it is, what it costs and what to beware of.

Every function is pure, from numbers of the record to a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gradewise.evaluation.recommendation import (
    ClassNeverPredicted,
    ClueExplains,
    FewGroups,
    LookAlikes,
    Recommendation,
    ValidationAboveTest,
)
from gradewise.report import metric_names, numbers
from gradewise.report.next_steps import Step
from gradewise.report.sentences import clues_in_words, tested_in_words

STATES = {
    "ready": "Ready",
    "promising": "Promising",
    "not good enough": "Not good enough",
    "cannot be told": "Cannot be told",
}

SPOKEN_BY_CAUTION = {
    "a clue may be as good": "clue",
    "a class is never predicted": "class_never_predicted",
    "look-alikes": "look_alikes",
    "too few groups": "few_groups",
}
"""Reasons of a state that the first caution says in full."""


def glance(record: Recommendation, steps: Sequence[Step], maps: str = "") -> dict[str, Any]:
    """All that the first screen says, as texts; also for the index of all reports.

    What is known of maps is said where verdicts cannot be judged.
    """
    why = state_sentence(record)
    return {
        "state": record.outcome.state,
        "state_in_words": STATES[record.outcome.state],
        "answer": answer(record),
        "model": record.choice or numbers.NONE,
        "value": numbers.NONE
        if record.choice is None
        else metric_names.interval(record.criterion.metric, record.candidate(record.choice).score),
        "metric": metric_names.name(record.criterion.metric, overall=True),
        "score": score_sentence(record),
        "why": f"{why} {maps}".strip() if record.outcome.reason == "one class tested" else why,
        "reservation": reservation(record),
        "cost": cost_sentence(record),
        "steps": [asdict(step) for step in steps],
    }


def answer(record: Recommendation) -> str:
    """What to do, as a headline."""
    if record.choice is None:
        return "No model has a score"
    if record.outcome.reason == "one class tested":
        return f"Verdicts cannot be judged: all that was tested is {record.baseline.predicted}"
    return {
        "ready": f"Use {record.choice}",
        "promising": f"{record.choice} is the best model, but not yet one to rely on",
        "not good enough": f"Do not use these models yet; the best is {record.choice}",
        "cannot be told": f"Too early to choose; {record.choice} has the best score so far",
    }[record.outcome.state]


def score_sentence(record: Recommendation) -> str:
    """How good the model is, with its interval and against the baseline."""
    criterion, baseline = record.criterion, record.baseline
    if record.choice is None:
        return f"There is no {metric_names.in_words(criterion.metric)} on test {criterion.level}s."
    score = record.candidate(record.choice).score
    written = metric_names.value(criterion.metric, score.value)
    if criterion.metric == "accuracy":
        text = f"It classifies {written} of test {criterion.level}s correctly"
    else:
        text = f"It reaches {metric_names.reached(criterion.metric, score.value, criterion.level)}"
    if score.bounds:
        low, high = (metric_names.value(criterion.metric, bound) for bound in score.bounds)
        text += f" (95{numbers.SPACE}% CI {low.removesuffix(f'{numbers.SPACE}%')} to {high})"
    if record.outcome.reason == "one class tested":
        # the headline names no model
        return f"{record.choice}{text.removeprefix('It')}."
    return (
        f"{text}; the baseline, always predicting {baseline.predicted}, gets "
        f"{metric_names.value(criterion.metric, baseline.value)}."
    )


def state_sentence(record: Recommendation) -> str:
    """Why the model is called ready or not; empty where the caution says it."""
    outcome, criterion = record.outcome, record.criterion
    if record.first_caution is not None and SPOKEN_BY_CAUTION.get(outcome.reason) == record.first_caution:
        return ""
    avoided, least = outcome.errors_avoided, numbers.whole_percent(outcome.least_avoided)
    required = metric_names.value(criterion.metric, outcome.required)
    whole = (
        f"It avoids {numbers.whole_percent(avoided.value)} of the baseline's errors (95{numbers.SPACE}% CI: at least "
        f"{numbers.whole_percent(avoided.low)}); a model is ready if that is at least {least}."
    )
    return {
        "no score": "",
        "too few groups": "There are too few tested groups for an interval.",
        "guessing is better": "The baseline is better.",
        "guessing may be as good": f"It is not shown to beat the baseline{_lead(record)}.",
        "a clue may be as good": "",
        "a class is never predicted": "It never predicts one of the classes.",
        "required value out of reach": f"The interval misses the {required} that the configuration requires.",
        "required value reached": f"The whole interval reaches the {required} that the configuration requires.",
        "required value not shown": f"The configuration requires {required}, which only part of the interval reaches.",
        "errors avoided": whole,
        "errors remain": whole,
        "look-alikes": "",
        "one class tested": "How often it takes an image of another class for one of these is unknown.",
    }[outcome.reason]


def _lead(record: Recommendation) -> str:
    """The difference from predicting one class, whose interval also allows for the mix of classes in new groups."""
    difference = next((pair.difference for pair in record.against_baselines), None)
    if difference is None or difference.bounds is None:
        return ""
    metric = record.criterion.metric
    return (
        f": its lead of {metric_names.gap(metric, difference.value)} has a 95{numbers.SPACE}% CI of "
        f"{metric_names.bounds(metric, difference)}, because the mix of classes differs between groups"
    )


def cost_sentence(record: Recommendation) -> str:
    """What the model costs on the machine that ran this; empty where nothing was measured."""
    if record.choice is None:
        return ""
    candidate = record.candidate(record.choice)
    costs = (
        f"{numbers.time(candidate.seconds_fit)} to train",
        f"{numbers.time(candidate.seconds_per_image)} per image",
        f"{numbers.size(candidate.model_bytes)} on disk",
    )
    measured = [cost for cost in costs if not cost.startswith(numbers.NONE)]
    return f"Costs on this machine: {', '.join(measured)}." if measured else ""


def reservation(record: Recommendation) -> str:
    """The one thing to know before using the model; empty without a model."""
    if record.choice is None:
        return ""
    if record.first_caution is not None:
        return _caution(record, record.first_caution)
    if record.tied and record.choice == record.leader:
        undecided = [model for model in record.tied if model not in record.equivalent]
        if undecided:
            return f"{tested_in_words(record)} cannot separate it from {numbers.few(undecided)}."
    if len(record.ranking) == 1:
        return "It is the only model here, so nothing was compared."
    if record.weakest:
        recall = next(result.recall for result in record.classes if result.name == record.weakest[0])
        return (
            f"It recognises {numbers.percent(recall.value)} of {numbers.few(list(record.weakest))}, its weakest class."
        )
    return "This holds for images from the same source as these."


def _caution(record: Recommendation, code: str) -> str:
    warning = next(warning for warning in record.warnings if warning.code == code)
    if isinstance(warning, ClueExplains):
        return f"{clues_in_words(warning)}: {numbers.percent_ci(warning.guessed)} of images correct."
    if isinstance(warning, FewGroups):
        rough = "intervals are rough" if warning.compared else "too few to compare models"
        return (
            f"Only {numbers.many(warning.groups, 'group')} {'was' if warning.groups == 1 else 'were'} tested: {rough}."
        )
    if isinstance(warning, LookAlikes):
        return (
            f"{numbers.percent(warning.share)} of images look much like one of another group, so the interval may be "
            f"too narrow and accuracy on new specimens lower."
        )
    if isinstance(warning, ClassNeverPredicted):
        return f"It never predicts {numbers.few(list(warning.classes))}."
    assert isinstance(warning, ValidationAboveTest)
    validation = metric_names.value(record.criterion.metric, warning.validation.value)
    return f"It does better on validation ({validation}) than on test: find out what differs, and plan with the test."
