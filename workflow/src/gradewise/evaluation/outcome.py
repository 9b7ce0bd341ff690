"""Whether the recommended model is good enough to be used, by a stated rule, and what to beware of first.

The rule, in this order:

1. It cannot be told without a score, without an interval, where fewer than `LEAST_GROUPS` groups were tested, or where
   all that was tested is of one class, which a model that always predicts it gets right.
2. The model is not good enough where predicting one class for everything is better or may be as good, where clues
   without content may be as good, where it never predicts a class, or where its whole interval misses what the
   configuration requires.
3. It is ready where its whole interval reaches what the configuration requires or, without such a requirement, avoids
   at least `READY` of the errors of predicting one class; unless many images look like one of another group, since
   intervals are then too narrow.
4. Otherwise it is promising.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradewise.evaluation.estimates import Estimate, known
from gradewise.evaluation.recommendation import (
    Caution,
    ClassNeverPredicted,
    ClueExplains,
    Criterion,
    GuessingBeatsAll,
    LookAlikes,
    NotBetterThanBaseline,
    Outcome,
    Reason,
    State,
)
from gradewise.images.foresight import LEAST_GROUPS
from gradewise.metrics import METRICS

READY = 0.8
"""Share of the errors of predicting one class that a model must be shown to avoid."""


def judge_outcome(
    score: Estimate | None,
    baseline: float,
    criterion: Criterion,
    groups: int,
    warnings: Sequence[Caution],
    required: float | None = None,
    tested_classes: int = 2,
) -> Outcome:
    """Apply the rule of this module.

    Parameters
    ----------
    score : Estimate or None
        Of the recommended model on test, with its interval; None where no model has one.
    baseline : float
        What predicting one class for everything reaches.
    criterion : Criterion
    groups : int
        Tested groups.
    warnings : sequence of Caution
        Those of the recommendation.
    required : float, optional
        Value of the metric from which the user calls a model good enough.
    tested_classes : int
        How many classes the test images are of.
    """
    avoided = Estimate(None) if score is None else errors_avoided(score, baseline, criterion)

    def outcome(state: State, reason: Reason) -> Outcome:
        return Outcome(state=state, reason=reason, errors_avoided=avoided, least_avoided=READY, required=required)

    if score is None or not known(score.value):
        return outcome("cannot be told", "no score")
    if groups < LEAST_GROUPS or score.bounds is None:
        return outcome("cannot be told", "too few groups")
    if tested_classes < 2:
        return outcome("cannot be told", "one class tested")
    reason = _disqualified(warnings)
    if reason is not None:
        return outcome("not good enough", reason)
    if required is not None:
        against = criterion.against(score, required)
        if against == "worse":
            return outcome("not good enough", "required value out of reach")
        if min(criterion.advantage(bound, required) for bound in score.bounds) < 0:
            return outcome("promising", "required value not shown")
    elif avoided.low is None or avoided.low < READY:
        return outcome("promising", "errors remain")
    if any(isinstance(warning, LookAlikes) for warning in warnings):
        return outcome("promising", "look-alikes")
    return outcome("ready", "errors avoided" if required is None else "required value reached")


def errors_avoided(score: Estimate, baseline: float, criterion: Criterion) -> Estimate:
    """Share of the way from the baseline to a perfect score, with the interval of the score; unknown where predicting
    one class is perfect."""
    perfect = 0.0 if METRICS[criterion.metric].lower_is_better else 1.0
    whole = criterion.advantage(perfect, baseline)
    if whole <= 0 or score.value is None:
        return Estimate(None)

    def share(value: float) -> float:
        return criterion.advantage(value, baseline) / whole

    low, high = (None, None) if score.bounds is None else sorted(map(share, score.bounds))
    return Estimate(share(score.value), low, high)


def _disqualified(warnings: Sequence[Caution]) -> Reason | None:
    kinds = {type(warning) for warning in warnings}
    if GuessingBeatsAll in kinds:
        return "guessing is better"
    if NotBetterThanBaseline in kinds:
        return "guessing may be as good"
    if any(isinstance(warning, ClueExplains) and warning.near for warning in warnings):
        return "a clue may be as good"
    return "a class is never predicted" if ClassNeverPredicted in kinds else None


def first_caution(warnings: Sequence[Caution], groups: int) -> str | None:
    """Code of the warning that bears most on use; None where no warning does.

    That guessing is better, or may be as good, is left out, since the state itself says so.
    """
    codes = {warning.code for warning in warnings}
    order = ["class_never_predicted", "look_alikes", "validation_above_test", "clue", "few_groups"]
    if any(isinstance(warning, ClueExplains) and warning.near for warning in warnings):
        order.insert(0, "clue")
    if groups < LEAST_GROUPS:
        order.insert(0, "few_groups")
    return next((code for code in order if code in codes), None)
