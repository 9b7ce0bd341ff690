import pytest

from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.outcome import errors_avoided, first_caution, judge_outcome
from gradewise.evaluation.recommendation import (
    ACCURACY,
    Caution,
    ClassNeverPredicted,
    ClueExplains,
    Criterion,
    FewGroups,
    GuessingBeatsAll,
    LookAlikes,
    NotBetterThanBaseline,
)

GOOD = Estimate(0.95, 0.92, 0.97)


def clue(near: bool) -> ClueExplains:
    share = Estimate(0.8, 0.7, 0.9)
    known = {"best": "size", "guessed": share, "baseline": 0.5, "clues": ("size",), "known": ("size",)}
    return ClueExplains.model_validate(known | {"near": near, "model": "net", "accuracy": share})


def state(score: Estimate | None, *warnings: Caution, groups: int = 20, required: float | None = None) -> str:
    return judge_outcome(score, 0.5, ACCURACY, groups, warnings, required).state


def test_without_a_score_nothing_can_be_told() -> None:
    assert state(None) == "cannot be told"


@pytest.mark.parametrize(("groups", "expected"), [(4, "cannot be told"), (5, "ready")])
def test_five_tested_groups_are_needed(groups: int, expected: str) -> None:
    assert state(GOOD, groups=groups) == expected


def test_an_accuracy_without_an_interval_tells_nothing() -> None:
    assert state(Estimate(0.95)) == "cannot be told"


@pytest.mark.parametrize(("classes", "expected"), [(1, "one class tested"), (2, "errors avoided")])
def test_images_of_one_class_tell_nothing(classes: int, expected: str) -> None:
    outcome = judge_outcome(GOOD, 0.5, ACCURACY, 20, (), None, classes)
    assert outcome.reason == expected
    assert (outcome.state == "cannot be told") == (classes == 1)


@pytest.mark.parametrize(("low", "expected"), [(0.899, "promising"), (0.901, "ready")])
def test_the_interval_must_avoid_four_in_five_errors_of_guessing(low: float, expected: str) -> None:
    assert state(Estimate(0.95, low, 0.97)) == expected


@pytest.mark.parametrize(
    "warning",
    [GuessingBeatsAll(), NotBetterThanBaseline(), ClassNeverPredicted(classes=("B",)), clue(near=True)],
)
def test_what_disqualifies_a_model_however_high_its_score(warning: Caution) -> None:
    assert state(GOOD, warning) == "not good enough"


def test_a_clue_that_explains_half_of_the_gain_does_not_disqualify() -> None:
    assert state(GOOD, clue(near=False)) == "ready"


def test_look_alikes_make_intervals_too_narrow_to_call_a_model_ready() -> None:
    assert state(GOOD, LookAlikes(share=0.2, grouped=False)) == "promising"


@pytest.mark.parametrize(
    ("required", "expected"), [(0.92, "ready"), (0.93, "promising"), (0.97, "promising"), (0.98, "not good enough")]
)
def test_the_whole_interval_is_held_against_a_required_value(required: float, expected: str) -> None:
    assert state(GOOD, required=required) == expected


def test_costs_are_avoided_down_to_zero() -> None:
    share = errors_avoided(Estimate(20.0, 10.0, 30.0), 50.0, Criterion(metric="cost_per_100"))
    assert (share.value, share.low, share.high) == pytest.approx((0.6, 0.4, 0.8))


def test_nothing_can_be_better_than_a_perfect_guess() -> None:
    assert errors_avoided(GOOD, 1.0, ACCURACY).value is None


def test_a_clue_as_good_as_the_model_is_told_before_a_class_never_predicted_and_too_few_groups_before_both() -> None:
    warnings = (ClassNeverPredicted(classes=("B",)), clue(near=True), FewGroups(groups=4, compared=False))
    assert first_caution(warnings, groups=20) == "clue"
    assert first_caution(warnings, groups=4) == "few_groups"
    assert first_caution((ClassNeverPredicted(classes=("B",)), clue(near=False)), groups=20) == "class_never_predicted"
    assert first_caution((), groups=20) is None
