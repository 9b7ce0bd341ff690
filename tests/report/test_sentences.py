"""Sentences tell the numbers of the record, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from gradewise.evaluation.compare import CLUES
from gradewise.evaluation.inference import groups_for_equivalence, judge
from gradewise.evaluation.outcome import first_caution, judge_outcome
from gradewise.evaluation.recommendation import (
    ACCURACY,
    Accuracy,
    Baseline,
    Candidate,
    ClassesImbalanced,
    ClassNeverPredicted,
    ClassResult,
    Collapsed,
    ConstantPrediction,
    Criterion,
    FewGroups,
    Ground,
    LookAlikes,
    OtherMetricDisagrees,
    Pair,
    Recommendation,
    ValidationAboveTest,
    baseline_warning,
    decide,
    weakest,
)
from gradewise.report import at_a_glance, numbers, sentences
from gradewise.report.numbers import Estimate


def candidate(model: str, score: Estimate, *costs: float) -> Candidate:
    names = ("seconds_fit", "seconds_per_image", "memory_mb", "model_bytes")
    return Candidate(model=model, score=score, **dict(zip(names, costs, strict=False)))


def pair(
    first: str,
    second: str,
    difference: Estimate,
    p: float | None,
    detectable: float | None = None,
    margin: float | None = None,
    groups: int = 1000,
    scale: float = 1.0,
) -> Pair:
    low, high = difference.bounds or (float("nan"), float("nan"))
    return Pair(
        first=first,
        second=second,
        difference=difference,
        p_adjusted=p,
        detectable=detectable,
        groups=groups,
        groups_for_equivalence=None if margin is None else groups_for_equivalence(margin, scale),
        conclusion=judge(low, high, margin, groups, scale),
    )


NET = candidate("net", Estimate(0.90, 0.82, 0.95), 120.0, 0.02, 512.0, 2_500_000)
FOREST = candidate("forest", Estimate(0.86, 0.78, 0.92), 4.0, 0.005, 300.0, 9_000_000)
NEAR = candidate("near", Estimate(0.895, 0.81, 0.94), 4.0, 0.005, 300.0, 9_000_000)
SVM = candidate("svm", Estimate(0.60, 0.50, 0.70), 1.0)
POOR = candidate("poor", Estimate(0.3, 0.2, 0.4))
GROUND = Ground(images=48, groups=16, repeats=5)
GUESS = Baseline(predicted="sound", value=0.55)
TIE = pair("forest", "net", Estimate(-0.04, -0.11, 0.03), 0.31, 0.12)
NEAR_TIE = pair("near", "net", Estimate(-0.005, -0.075, 0.065), 0.9, 0.12)
LEAD = pair("net", "forest", Estimate(0.04, 0.01, 0.07), 0.012, 0.03)
FAR = pair("net", "svm", Estimate(0.30, 0.20, 0.40), 0.0002)
NARROW = pair("net", "forest", Estimate(0.015, 0.002, 0.028), 0.02, 0.02, 0.03)
COST = Criterion(metric="cost_per_100")
CHEAP = candidate("net", Estimate(31.0, 20.0, 45.0), 120.0)
DEAR = candidate("forest", Estimate(52.0, 40.0, 70.0), 4.0)
LOTTERY = Baseline(predicted="faulty", value=90.0)


def record(
    candidates: list[Candidate],
    pairs: list[Pair],
    criterion: Criterion = ACCURACY,
    baseline: Baseline = GUESS,
    ground: Ground = GROUND,
    **facts: Any,
) -> Recommendation:
    decision = decide(candidates, pairs, criterion)
    if decision.choice is not None:
        # the interval of the difference from a value is that of the score
        score = decision.candidate(decision.choice).score
        values = (score.value, *(score.bounds or (None, None)))
        ahead = [None if value is None else criterion.advantage(value, baseline.value) for value in values]
        difference = Estimate(ahead[0], *([] if None in ahead else sorted(ahead[1:])))
        always = pair(decision.choice, f"always {baseline.predicted}", difference, None)
        warning = baseline_warning(always.against, always.against)
        facts["warnings"] = (*facts.get("warnings", ()), *([] if warning is None else [warning]))
        facts["against_baselines"] = (always, *facts.get("against_baselines", ()))
    warnings = facts.get("warnings", ())
    score = None if decision.choice is None else decision.candidate(decision.choice).score
    common = {"dataset": "d", "criterion": criterion, "ground": ground, "baseline": baseline}
    common["outcome"] = judge_outcome(score, baseline.value, criterion, ground.groups, warnings)
    common["first_caution"] = first_caution(warnings, ground.groups)
    return Recommendation.model_validate(dict(decision) | common | facts)


def plain(text: str | None) -> str:
    assert text is not None
    return text.replace(numbers.SPACE, " ")


def results(predicted: bool = True, **classes: tuple[Estimate, Estimate]) -> dict[str, Any]:
    found = [
        ClassResult(name=name, recall=recall, precision=precision, predicted=predicted)
        for name, (recall, precision) in classes.items()
    ]
    return {"classes": tuple(found), "weakest": weakest(found)}


def test_the_headline_of_a_lead() -> None:
    assert plain(sentences.headline(record([NET, FOREST], [LEAD]))) == (
        "Use net: it gets 90.0 % of test images right, more than any other model, and chance does not explain the lead."
    )


def test_the_headline_of_a_tie() -> None:
    assert plain(sentences.headline(record([NET, NEAR], [NEAR_TIE]))) == (
        "Use net: it gets 90.0 % of test images right, more than any other model. "
        "But 16 groups (48 images) cannot separate it from near."
    )
    likely = NET.model_copy(update={"probability_best": 0.62})
    assert plain(sentences.headline(record([likely, NEAR], [NEAR_TIE]))).endswith(
        "from near. Ignoring how many models were compared, it is the best with a probability of 62 %."
    )
    sure = NET.model_copy(update={"probability_best": 0.997})
    assert "a probability of more than 99 %." in plain(sentences.headline(record([sure, NEAR], [NEAR_TIE])))


def test_the_headline_of_a_faster_model_that_is_no_worse() -> None:
    near = pair("net", "near", Estimate(0.005, -0.01, 0.0199), 0.9, margin=0.02, groups=200)
    assert plain(sentences.headline(record([NET, NEAR], [near], Criterion(margin=0.02)))) == (
        "Use near: it gets 89.5 % of test images right, net 90.0 %; it is shown to be at most 2.0 points worse, and "
        "it is faster to train."
    )


def test_the_headline_of_a_lead_that_is_not_shown() -> None:
    assert plain(sentences.headline(record([NET, FOREST], [TIE]))) == (
        "Use net: it gets 90.0 % of test images right, more than any other model. "
        "But 16 groups (48 images) cannot separate it from forest."
    )


def test_the_headline_of_a_model_alone() -> None:
    assert plain(sentences.headline(record([NET], []))) == (
        "net is the only model here; it gets 90.0 % of test images right."
    )


def test_the_headline_recommends_nothing_that_guessing_beats() -> None:
    assert plain(sentences.headline(record([POOR], []))) == (
        "Use none of these models as it is: the best, poor, gets 30.0 % of test images right, "
        "always predicting sound 55.0 %."
    )
    assert plain(sentences.headline(record([DEAR], [], COST, Baseline(predicted="faulty", value=30.0)))) == (
        "Use none of these models as it is: the best, forest, gets a cost of 52.0 for 100 images, "
        "always predicting faulty 30.0."
    )


def test_the_headline_admits_that_a_model_may_be_no_better_than_guessing() -> None:
    assert plain(sentences.headline(record([SVM], []))) == (
        "svm is the only model here; it gets 60.0 % of test images right. "
        "It is not shown to be better than always predicting sound."
    )


def test_without_any_score_nothing_is_recommended() -> None:
    nothing = record([candidate("net", Estimate(None))], [])
    assert sentences.headline(nothing) == "No model can be recommended: there is no accuracy on test images."
    assert sentences.sentences(nothing) == []


def test_accuracy_comes_with_its_interval_and_what_it_rests_on() -> None:
    assert plain(sentences.accuracy_sentence(record([NET], []))) == (
        "net classifies 90.0 % of test images correctly (95 % CI 82.0 to 95.0 %; 48 test images in 16 groups, over 5 "
        "repeats)."
    )
    once = Ground(images=2, groups=1, repeats=1)
    assert plain(sentences.accuracy_sentence(record([candidate("net", Estimate(0.9))], [], ground=once))) == (
        "net classifies 90.0 % of test images correctly (2 test images in 1 group, one split)."
    )
    assert plain(numbers.basis(48, 48, "image")) == "48 images"


def test_the_lead_that_a_test_confirms() -> None:
    assert plain(sentences.lead_sentence(record([NET, FOREST], [LEAD]))) == (
        "The most accurate, net, is 4.0 percentage points ahead of the next, forest (95 % CI +1.0 to +7.0, "
        "adjusted p = 0.012): more than chance explains."
    )


def test_the_lead_that_is_too_small_is_seen_from_the_leader_and_says_what_could_have_been_found() -> None:
    assert plain(sentences.lead_sentence(record([NET, FOREST], [TIE]))) == (
        "The most accurate, net, is 4.0 percentage points ahead of the next, forest (95 % CI −3.0 to +11.0, "
        "adjusted p = 0.31): 16 groups (48 images) cannot separate the two. A true difference of 12.0 points would be "
        "detected with 80 % power; to detect one as large as this takes about 150 groups."
    )


def test_the_lead_over_a_model_that_was_not_compared() -> None:
    assert plain(sentences.lead_sentence(record([NET, FOREST], []))) == (
        "The most accurate, net, is 4.0 percentage points ahead of the next, forest; "
        "the two were not tested against each other."
    )
    assert sentences.lead_sentence(record([NET], [])) is None


def test_groups_that_can_show_nothing_are_described_as_such() -> None:
    blind = pair("net", "forest", Estimate(0.04, -0.3, 0.4), 0.5)
    assert "So few groups can hardly detect any difference." in plain(
        sentences.lead_sentence(record([NET, FOREST], [blind]))
    )


def test_the_lead_has_the_unit_of_what_decides() -> None:
    kappa = pair("net", "forest", Estimate(0.04, -0.03, 0.11), 0.31, 0.12)
    assert plain(sentences.lead_sentence(record([NET, FOREST], [kappa], Criterion(metric="quadratic_kappa")))) == (
        "The best by quadratic weighted kappa, net, is 0.040 ahead of the next, forest (95 % CI −0.030 to +0.110, "
        "adjusted p = 0.31): 16 groups (48 images) cannot separate the two. A true difference of 0.120 would be "
        "detected with 80 % power; to detect one as large as this takes about 150 groups."
    )


def test_equivalence_is_told_with_its_margin() -> None:
    margin = Criterion(margin=0.03)
    near = candidate("forest", Estimate(0.885, 0.80, 0.93), 4.0)
    equivalent = record([NET, near], [NARROW], margin)
    assert plain(sentences.lead_sentence(equivalent)).endswith("the two are equivalent within 3.0 points.")
    assert "shown to be at most 3.0 points worse" in plain(sentences.rule(equivalent))
    few = pair("net", "forest", Estimate(0.04, -0.03, 0.11), 0.31, 0.12, margin=0.02, groups=16)
    assert plain(sentences.lead_sentence(record([NET, FOREST], [few], Criterion(margin=0.02)))).endswith(
        "Nor is it shown that the two are equivalent within 2.0 points, which takes more than 150 groups, since a "
        "model might fail in a few that were not tested."
    )
    many = Ground(images=4000, groups=400, repeats=5)
    enough = record([NET, FOREST], [few], Criterion(margin=0.02), ground=many)
    assert plain(sentences.lead_sentence(enough)).endswith("equivalent within 2.0 points.")
    beyond = few.model_copy(update={"beyond_margin": (0.71, 0.02)})
    assert plain(sentences.lead_sentence(record([NET, FOREST], [beyond], Criterion(margin=0.02)))).endswith(
        "The probability that net is better by more than 2.0 points is 71 %."
    )


def test_the_best_of_several_is_corrected_for_being_chosen() -> None:
    corrected = record([NET, FOREST], [LEAD], corrected=Estimate(0.884, 0.804, 0.95))
    assert plain(sentences.chosen_sentence(corrected)) == (
        "The best of 2 models on a test looks better than it is. Corrected for that, expect 88.4 % (95 % CI 80.4 to "
        "95.0 %) on new groups."
    )
    assert sentences.chosen_sentence(record([NET, FOREST], [LEAD])) is None
    alone = corrected.model_copy(update={"ground": Ground(images=48, groups=48, repeats=5)})
    assert plain(sentences.chosen_sentence(alone)).endswith("on new images.")
    assert "tested on new images." in plain(sentences.rule(alone))


def test_few_groups_and_failed_repeats_are_told() -> None:
    assert plain(sentences.few_groups_sentence(FewGroups(groups=9, compared=True))).startswith(
        "Only 9 groups were tested:"
    )
    assert "too few to compare" in plain(sentences.few_groups_sentence(FewGroups(groups=1, compared=False)))
    warnings = (Collapsed(models=("net",)), FewGroups(groups=9, compared=True))
    told = [plain(text) for text in sentences.sentences(record([NET], [], warnings=warnings))]
    assert sum("In some repeats net predicted" in text or "Only 9 groups" in text for text in told) == 2


def test_a_model_that_does_better_than_clues_is_said_to() -> None:
    clues = pair("net", CLUES, Estimate(0.2, 0.05, 0.35), 0.01)
    above = record([NET], [], against_baselines=(clues,))
    assert "are 20.0 points worse (95 % CI of the difference +5.0 to +35.0)" in plain(
        sentences.beyond_clues_sentence(above)
    )
    near = pair("net", CLUES, Estimate(0.2, 0.0, 0.35), 0.05)
    assert sentences.beyond_clues_sentence(record([NET], [], against_baselines=(near,))) is None


def test_what_the_faster_choice_saves_and_may_cost() -> None:
    near = pair("net", "near", Estimate(0.005, -0.01, 0.015), 0.9, margin=0.02)
    assert plain(sentences.trade_sentence(record([NET, NEAR], [near], Criterion(margin=0.02)))) == (
        "Choosing near over net saves training time (4 s against 2 min 00 s) and may cost accuracy: net got 0.5 "
        "points more (95 % CI −1.0 to +1.5). If accuracy matters more than time, take net."
    )
    assert sentences.trade_sentence(record([NET, FOREST], [LEAD])) is None


def test_beaten_models_are_named_with_their_distance() -> None:
    assert plain(sentences.beaten_sentence(record([NET, FOREST, SVM], [LEAD, FAR]))) == (
        "Less accurate than net by more than chance explains: forest (by 4.0 points) and svm (by 30.0 points)."
    )


def test_costs_have_their_units_and_those_not_measured_are_left_out() -> None:
    assert plain(sentences.cost_sentence(NET)) == (
        "net takes 2 min 00 s to train, 20 ms to classify an image, 537 MB of memory at most and 2.5 MB on disk."
    )
    assert plain(sentences.cost_sentence(SVM)) == "svm takes 1 s to train."
    assert sentences.cost_sentence(candidate("net", Estimate(0.9))) is None


def test_a_model_above_within_and_below_guessing() -> None:
    guess = (
        "The baseline, always predicting sound (the most frequent class), classifies 55.0 % of test images correctly"
    )
    assert plain(sentences.baseline_sentence(record([NET], []))) == (
        f"{guess}; net is 35.0 points above that (95 % CI of the difference +27.0 to +40.0)."
    )
    assert plain(sentences.baseline_sentence(record([SVM], []))) == (
        f"{guess}; svm is not shown to be better (95 % CI of the difference −5.0 to +15.0)."
    )
    assert plain(sentences.baseline_sentence(record([POOR], []))) == (
        f"{guess}: better than poor (95 % CI of the difference −35.0 to −15.0), which should not be used as it is."
    )
    assert plain(sentences.baseline_sentence(record([candidate("net", Estimate(0.9))], []))) == (
        f"{guess}; net reaches 90.0 %."
    )


def test_where_one_class_is_frequent_balanced_accuracy_is_proposed() -> None:
    told = sentences.imbalance_sentence(ClassesImbalanced(most_frequent="sound", share=0.83))
    assert f"{numbers.percent(0.83)} of images are sound" in told
    assert told.endswith("consider decide_by: balanced_accuracy.")


def test_guessing_that_may_reach_more_on_new_groups_is_explained() -> None:
    narrow = candidate("net", Estimate(0.9, 0.82, 0.95))
    undecided = pair("net", "always sound", Estimate(0.35, -0.05, 0.75), 0.2)
    unclear = record([narrow], []).model_copy(update={"against_baselines": (undecided,)})
    assert plain(sentences.baseline_sentence(unclear)).endswith(
        "net is not shown to be better (95 % CI of the difference −5.0 to +75.0), although its own interval lies above "
        "that value: what the baseline reaches on new groups depends on their mix of classes, of which 16 groups (48 "
        "images) tell little."
    )


def test_costs_are_told_in_the_unit_of_the_user() -> None:
    difference = pair("net", "forest", Estimate(21.0, 9.0, 33.0), 0.01)
    cheapest = record([DEAR, CHEAP], [difference], COST, LOTTERY)
    assert plain(sentences.headline(cheapest)) == (
        "Use net: it gets a cost of 31.0 for 100 images, better than any other model, "
        "and chance does not explain the lead."
    )
    assert plain(sentences.baseline_sentence(cheapest)) == (
        "The baseline, always predicting faulty, reaches a cost of 90.0 for 100 images; net is 59.0 better "
        "(95 % CI of the difference +45.0 to +70.0)."
    )


def test_the_class_that_is_recognised_worst_is_named() -> None:
    two = results(sound=(Estimate(0.9), Estimate(0.7)), faulty=(Estimate(0.4, 0.2, 0.6), Estimate(0.8, 0.5, 0.9)))
    assert plain(sentences.weakest_sentence(record([NET], [], **two))) == (
        "net does worst on faulty: it recognises 40.0 % (95 % CI 20.0 to 60.0 %) of the test images of that class, "
        "and 80.0 % (95 % CI 50.0 to 90.0 %) of its predictions of faulty are correct."
    )
    unknown = Estimate(None)
    three = results(A=(Estimate(0.5), unknown), B=(Estimate(0.5), unknown), C=(Estimate(0.9), unknown))
    assert plain(sentences.weakest_sentence(record([NET], [], **three))) == (
        "net does worst on A and B: it recognises 50.0 % of the test images of each."
    )
    assert sentences.weakest_sentence(record([NET], [])) is None


def test_classes_never_predicted_and_constant_models_are_named() -> None:
    warnings = (ClassNeverPredicted(classes=("B",)), ConstantPrediction(model="net", predicted="A"))
    warned = record([NET], [], warnings=warnings)
    assert sentences.weakest_sentence(warned) == (
        "net never predicts B: it recognises none of the test images of that class."
    )
    assert sentences.constant_sentence(warned) == "For every test image, net predicts A."
    assert sentences.constant_sentence(record([NET], [])) is None


def test_plain_accuracy_is_given_where_another_metric_decides() -> None:
    above = Accuracy(level="image", accuracy=Estimate(0.79, 0.75, 0.83), baseline=GUESS, against_baseline="better")
    assert plain(sentences.plain_sentence(above)) == (
        "Its plain accuracy is 79.0 % (95 % CI 75.0 to 83.0 %), above the 55.0 % of always predicting sound."
    )
    assert "not shown to be above" in plain(
        sentences.plain_sentence(above.model_copy(update={"against_baseline": "undecided"}))
    )
    assert sentences.plain_sentence(None) is None


def test_the_other_level_is_compared_with_guessing_too() -> None:
    of_samples = Accuracy(
        level="sample", accuracy=Estimate(0.814, 0.732, 0.875), baseline=GUESS, against_baseline="better"
    )
    told = sentences.sentences(record([NET], [], other_level=of_samples), "mean")
    assert (
        "On single samples, before they are combined into a verdict on their image, net classifies 81.4 % (95 % CI "
        "73.2 to 87.5 %) correctly; always predicting sound gets 55.0 %."
    ) in [plain(text) for text in told]
    assert any("(here aggregate: mean). If defects" in text for text in told)
    of_images = of_samples.model_copy(update={"level": "image", "against_baseline": "undecided"})
    assert plain(sentences.other_level_sentence(record([NET], [], other_level=of_images))).endswith(
        "; the model is not shown to be better."
    )


def test_metrics_that_disagree_are_told_by_model() -> None:
    warnings = (
        OtherMetricDisagrees(metric="roc_auc", model="net", value=0.82, choice_value=0.72),
        OtherMetricDisagrees(metric="log_loss", model="forest", value=0.5, choice_value=0.8),
    )
    text = plain(sentences.dissent_sentence(record([NEAR], [], warnings=warnings)))
    assert "net by ROC AUC (0.820 against 0.720); forest by log loss (0.500 against 0.800)" in text
    assert sentences.dissent_sentence(record([NEAR], [])) is None


def test_a_fall_from_validation_to_test_is_told() -> None:
    warning = ValidationAboveTest(validation=Estimate(0.85, 0.8, 0.9), test=SVM.score)
    told = [plain(text) for text in sentences.sentences(record([SVM], [], warnings=(warning,)))]
    begin = "svm does better on validation images than on test images: 85.0 % (95 % CI 80.0 to 90.0 %)."
    assert any(text.startswith(begin) for text in told)


def test_a_ready_model_is_to_be_used() -> None:
    good = record([candidate("net", Estimate(0.97, 0.94, 0.99), 120.0)], [])
    assert at_a_glance.answer(good) == "Use net"
    assert plain(at_a_glance.score_sentence(good)) == (
        "It classifies 97.0 % of test images correctly (95 % CI 94.0 to 99.0 %); the baseline, always predicting "
        "sound, gets 55.0 %."
    )
    assert plain(at_a_glance.state_sentence(good)).startswith(
        "It avoids 93 % of the baseline's errors (95 % CI: at least 87 %)"
    )


def test_a_model_that_may_be_no_better_than_guessing_is_not_to_be_used_and_its_lead_is_told() -> None:
    doubtful = record([SVM], [])
    assert at_a_glance.answer(doubtful) == "Do not use these models yet; the best is svm"
    assert "its lead of 5.0 points has a 95 % CI of −5.0 to +15.0" in plain(at_a_glance.state_sentence(doubtful))


def test_where_one_class_alone_was_tested_no_verdict_is_judged() -> None:
    outcome = judge_outcome(NET.score, 1.0, ACCURACY, 16, (), None, tested_classes=1)
    alone = record([NET, FOREST], [TIE], outcome=outcome, baseline=Baseline(predicted="faulty", value=1.0))
    assert at_a_glance.answer(alone) == "Verdicts cannot be judged: all that was tested is faulty"
    assert plain(at_a_glance.score_sentence(alone)) == (
        "net classifies 90.0 % of test images correctly (95 % CI 82.0 to 95.0 %)."
    )
    assert at_a_glance.glance(alone, [], "Maps are good.")["why"].endswith("is unknown. Maps are good.")
    assert "Maps" not in at_a_glance.glance(record([NET, FOREST], [TIE]), [], "Maps are good.")["why"]
    assert "an image of another class for one of these is unknown" in at_a_glance.state_sentence(alone)
    assert plain(sentences.headline(alone.model_copy(update={"warnings": ()}))) == (
        "Verdicts cannot be judged, since all test images are faulty: net gets 90.0 % of test images right, always "
        "predicting faulty would get all."
    )


def test_models_that_tie_are_the_reservation_where_nothing_is_worse() -> None:
    tied = record([NET, FOREST], [TIE])
    assert plain(at_a_glance.reservation(tied)) == "16 groups (48 images) cannot separate it from forest."


@pytest.mark.parametrize(
    ("warning", "text"),
    [
        (ClassNeverPredicted(classes=("faulty",)), "It never predicts faulty."),
        (LookAlikes(share=0.25, grouped=True), "25.0 % of images look much like one of another group"),
        (FewGroups(groups=7, compared=True), "Only 7 groups were tested: intervals are rough."),
    ],
)
def test_what_the_record_warns_of_comes_before_ties(warning, text) -> None:
    warned = record([NET, FOREST], [TIE], warnings=(warning,))
    assert plain(at_a_glance.reservation(warned)).startswith(text)


def test_without_a_score_there_is_no_reservation() -> None:
    nothing = record([candidate("net", Estimate(None))], [])
    assert at_a_glance.answer(nothing) == "No model has a score"
    assert at_a_glance.reservation(nothing) == ""
