from gradewise.report import numbers, verdict
from gradewise.report.numbers import Estimate
from gradewise.report.recommendation import Ground, Measure, Pair, Standing, recommend

NET = Standing("net", Estimate(0.90, 0.82, 0.95), 120.0, 0.02, 512.0, 2_500_000)
FOREST = Standing("forest", Estimate(0.86, 0.78, 0.92), 4.0, 0.005, 300.0, 9_000_000)
NEAR = Standing("near", Estimate(0.895, 0.81, 0.94), 4.0, 0.005, 300.0, 9_000_000)
SVM = Standing("svm", Estimate(0.60, 0.50, 0.70), 1.0)
GROUND = Ground(images=48, groups=16, repeats=5, commonest="sound", share=0.55)
TIE = Pair("forest", "net", Estimate(-0.04, -0.11, 0.03), 0.31, "exact McNemar", 0.12)
NEAR_TIE = Pair("near", "net", Estimate(-0.005, -0.075, 0.065), 0.9, "exact McNemar", 0.12)
LEAD = Pair("net", "forest", Estimate(0.04, 0.01, 0.07), 0.012, "exact McNemar", 0.03)
FAR = Pair("net", "svm", Estimate(0.30, 0.20, 0.40), 0.0002, "exact McNemar")


def plain(text: str | None) -> str | None:
    return None if text is None else text.replace(numbers.SPACE, " ")


def test_the_most_accurate_model_is_recommended_where_it_leads_beyond_chance():
    found = recommend([FOREST, NET], [LEAD])
    assert (found.leader, found.choice, found.tied, found.beaten) == (NET, NET, (), (FOREST,))


def test_of_models_that_tie_and_are_close_the_fastest_to_train_is_recommended():
    found = recommend([NET, NEAR, FOREST, SVM], [NEAR_TIE, TIE, FAR])
    assert (found.leader, found.choice, found.tied, found.beaten) == (NET, NEAR, (NEAR, FOREST), (SVM,))


def test_a_lead_that_is_not_proven_but_large_still_decides():
    found = recommend([NET, FOREST], [TIE])
    assert (found.choice, found.tied) == (NET, (FOREST,))


def test_a_cheaper_model_that_is_worse_beyond_chance_is_not_recommended():
    assert recommend([NET, SVM], [FAR]).choice == NET


def test_models_never_compared_tie():
    assert recommend([NET, FOREST], []).tied == (FOREST,)


def test_a_comparison_without_p_value_tells_nothing_apart():
    unknown = Pair("net", "forest", Estimate(0.04), None, "exact McNemar")
    assert recommend([NET, FOREST], [unknown]).tied == (FOREST,)


def test_a_p_value_of_exactly_one_in_twenty_is_a_tie():
    edge = Pair("net", "forest", Estimate(0.04, 0.0, 0.08), 0.05, "exact McNemar")
    assert recommend([NET, FOREST], [edge]).tied == (FOREST,)


def test_models_without_accuracy_are_not_considered():
    unknown = Standing("unknown", Estimate(None), 0.1)
    assert recommend([unknown, NET], []).choice == NET
    assert recommend([unknown], []) is None


def test_a_tie_without_training_times_goes_to_the_most_accurate():
    timeless = [Standing("a", Estimate(0.8)), Standing("b", Estimate(0.9))]
    found = recommend(timeless, [])
    assert found.choice.model == "b"
    assert plain(verdict.headline(found, GROUND)) == (
        "Use b: it gets 90.0 % of test images right, more than any other model. "
        "But there is no difference from a that 48 images could show."
    )


def test_the_headline_of_a_lead():
    assert plain(verdict.headline(recommend([NET, FOREST], [LEAD]), GROUND)) == (
        "Use net: it gets 90.0 % of test images right, more than any other model, and chance does not explain the lead."
    )


def test_the_headline_of_a_tie():
    assert plain(verdict.headline(recommend([NET, NEAR], [NEAR_TIE]), GROUND)) == (
        "Use near: it gets 89.5 % of test images right, net 90.0 %, which is no difference that 48 images could show, "
        "and it is faster to train."
    )


def test_the_headline_of_a_model_alone():
    assert plain(verdict.headline(recommend([NET], []), GROUND)) == (
        "net is the only model here; it gets 90.0 % of test images right."
    )


def test_the_headline_recommends_nothing_that_guessing_beats():
    poor = Standing("poor", Estimate(0.3, 0.2, 0.4))
    assert plain(verdict.headline(recommend([poor], []), GROUND)) == (
        "Use none of these models as it is: the best, poor, gets 30.0 % of test images right, "
        "always answering sound 55.0 %."
    )


def test_the_headline_admits_that_a_model_may_be_no_better_than_guessing():
    assert plain(verdict.headline(recommend([SVM], []), GROUND)) == (
        "svm is the only model here; it gets 60.0 % of test images right. "
        "That is not shown to be better than always answering sound."
    )


def test_accuracy_comes_with_its_interval_and_what_stands_behind_it():
    assert plain(verdict.accuracy_sentence(NET, GROUND)) == (
        "net judges 90.0 % of test images correctly; the 95 % interval reaches from 82.0 % to 95.0 % "
        "(48 test images in 16 groups, over 5 repeats)."
    )


def test_accuracy_without_interval_claims_none():
    once = Ground(images=2, groups=1, repeats=1, commonest="sound", share=1.0)
    assert plain(verdict.accuracy_sentence(Standing("net", Estimate(0.9)), once)) == (
        "net judges 90.0 % of test images correctly (2 test images in 1 group, one split)."
    )


def test_groups_are_not_counted_where_each_image_is_its_own():
    assert plain(verdict.basis(48, 48, "image")) == "48 images"


def test_the_lead_that_a_test_confirms():
    found = recommend([NET, FOREST], [LEAD])
    assert plain(verdict.lead_sentence(found, [LEAD], GROUND)) == (
        "The most accurate, net, is 4.0 percentage points ahead of the next, forest (95 % interval +1.0 to +7.0, "
        "adjusted p = 0.012, exact McNemar): chance alone does not explain that."
    )


def test_the_lead_that_is_too_small_is_seen_from_the_leader_and_says_what_could_have_been_seen():
    found = recommend([NET, FOREST], [TIE])
    assert plain(verdict.lead_sentence(found, [TIE], GROUND)) == (
        "The most accurate, net, is 4.0 percentage points ahead of the next, forest (95 % interval −3.0 to +11.0, "
        "adjusted p = 0.31, exact McNemar): no difference that 48 images could show. "
        "The test by itself would find one of 12.0 points four times in five."
    )


def test_the_lead_over_a_model_that_was_not_compared():
    found = recommend([NET, FOREST], [])
    assert plain(verdict.lead_sentence(found, [], GROUND)) == (
        "The most accurate, net, is 4.0 percentage points ahead of the next, forest; "
        "the two were not tested against each other."
    )


def test_a_model_alone_leads_nobody():
    assert verdict.lead_sentence(recommend([NET], []), [], GROUND) is None


def test_samples_are_compared_with_guessing_too():
    assert plain(verdict.sample_sentence(NET, Estimate(0.814, 0.732, 0.875), "sound", 0.8)) == (
        "Of single samples, before they are gathered to a verdict on their image, net judges 81.4 % (73.2 to 87.5) "
        "correctly; always answering sound would be right for 80.0 %."
    )


def test_the_way_samples_are_gathered_is_named_where_masks_give_the_labels():
    assert "(here aggregate: mean)" in verdict.gathering_sentence("mean")
    assert "aggregate: max or {top: n}" in verdict.gathering_sentence("mean")


def test_what_the_cheaper_choice_saves_and_may_cost():
    found = recommend([NET, NEAR], [NEAR_TIE])
    assert plain(verdict.trade_sentence(found, [NEAR_TIE])) == (
        "Choosing near over net saves training time (4 s against 2 min 00 s) and may cost accuracy: net got 0.5 "
        "points more (95 % interval −6.5 to +7.5). Where accuracy matters more than time, take net."
    )


def test_there_is_nothing_to_trade_where_the_most_accurate_is_the_choice():
    assert verdict.trade_sentence(recommend([NET, FOREST], [LEAD]), [LEAD]) is None


def test_beaten_models_are_named_with_their_distance():
    found = recommend([NET, FOREST, SVM], [LEAD, FAR])
    assert plain(verdict.beaten_sentence(found, [LEAD, FAR])) == (
        "Less accurate than net beyond chance: forest (by 4.0 points) and svm (by 30.0 points)."
    )


def test_costs_are_told_with_their_units():
    assert plain(verdict.cost_sentence(NET)) == (
        "net takes 2 min 00 s to train once, 20 ms to judge an image, 537 MB of memory at most and 2.5 MB on disk."
    )


def test_costs_that_were_not_measured_are_not_told():
    assert plain(verdict.cost_sentence(SVM)) == "svm takes 1 s to train once."
    assert verdict.cost_sentence(Standing("net", Estimate(0.9))) is None


def test_a_model_above_guessing_beyond_chance():
    assert plain(verdict.baseline_sentence(NET, GROUND)) == (
        "Always answering sound, the commonest class, would be right for 55.0 % of test images; "
        "net is 35.0 points above that, with an interval that leaves it out."
    )


def test_a_model_whose_interval_holds_guessing_is_not_shown_to_be_better():
    assert plain(verdict.baseline_sentence(SVM, GROUND)) == (
        "Always answering sound, the commonest class, would be right for 55.0 % of test images, "
        "which lies within the interval of svm: it is not shown to be better than guessing."
    )


def test_a_model_below_guessing_is_advised_against():
    poor = Standing("poor", Estimate(0.3, 0.2, 0.4))
    assert plain(verdict.baseline_sentence(poor, GROUND)).endswith(
        "better than poor, which should not be used as it is."
    )


COST = Measure("cost_per_100")
CHEAP = Standing("net", Estimate(31.0, 20.0, 45.0), 120.0)
DEAR = Standing("forest", Estimate(52.0, 40.0, 70.0), 4.0)
LOTTERY = Ground(images=48, groups=16, repeats=5, commonest="faulty", share=90.0)


def test_the_cheapest_leads_where_cost_decides():
    found = recommend([DEAR, CHEAP], [Pair("net", "forest", Estimate(21.0, 9.0, 33.0), 0.01, "t test")], COST)
    assert (found.leader, found.beaten) == (CHEAP, (DEAR,))
    assert plain(verdict.headline(found, LOTTERY, COST)) == (
        "Use net: it gets a cost of 31.0 for 100 images, better than any other model, "
        "and chance does not explain the lead."
    )
    assert plain(verdict.baseline_sentence(found.choice, LOTTERY, COST)) == (
        "Always answering faulty would reach a cost of 90.0 for 100 images; net is 59.0 better, "
        "with an interval that leaves it out."
    )


def test_no_model_is_recommended_where_one_answer_is_cheaper():
    found = recommend([DEAR], [], COST)
    text = plain(verdict.headline(found, Ground(48, 16, 5, "faulty", 30.0), COST))
    assert text == (
        "Use none of these models as it is: the best, forest, gets a cost of 52.0 for 100 images, "
        "always answering faulty 30.0."
    )


def test_the_lead_is_told_in_the_unit_of_what_decides():
    kappa = Measure("quadratic_kappa")
    pair = Pair("net", "forest", Estimate(0.04, -0.03, 0.11), 0.31, "t test", 0.12)
    found = recommend([NET, FOREST], [pair], kappa)
    assert plain(verdict.lead_sentence(found, [pair], GROUND, kappa)) == (
        "The best by quadratic weighted kappa, net, is 0.040 ahead of the next, forest (95 % interval −0.030 to "
        "+0.110, adjusted p = 0.31, t test): no difference that 48 images could show. "
        "The test by itself would find one of 0.120 four times in five."
    )


NARROW = Pair("net", "forest", Estimate(0.015, 0.002, 0.028), 0.02, "t test", 0.02)


def test_a_real_difference_within_the_margin_is_equivalence_and_the_faster_is_chosen():
    margin = Measure(margin=0.03)
    near = Standing("forest", Estimate(0.885, 0.80, 0.93), 4.0)
    found = recommend([NET, near], [NARROW], margin)
    assert (found.tied, found.equivalent, found.choice) == ((near,), ("forest",), near)
    assert plain(verdict.headline(found, GROUND, margin)) == (
        "Use forest: it gets 88.5 % of test images right, net 90.0 %; the two are equivalent within 3.0 points, "
        "and it is faster to train."
    )
    assert plain(verdict.lead_sentence(found, [NARROW], GROUND, margin)).endswith(
        "the two are equivalent within 3.0 points."
    )
    assert "lies within 3.0 points" in plain(verdict.rule(margin))


def test_a_wide_interval_shows_no_equivalence():
    margin = Measure(margin=0.02)
    found = recommend([NET, FOREST], [TIE], margin)
    assert found.equivalent == ()
    assert plain(verdict.lead_sentence(found, [TIE], GROUND, margin)).endswith(
        "Nor is it shown that the two are equivalent within 2.0 points."
    )


def test_without_a_margin_the_same_difference_decides():
    assert recommend([NET, FOREST], [NARROW]).beaten == (FOREST,)


def test_the_class_that_is_recognised_worst_is_named():
    recalls = {"sound": Estimate(0.9, 0.8, 0.95), "faulty": Estimate(0.4, 0.2, 0.6), "odd": Estimate(None)}
    precisions = {"sound": Estimate(0.7), "faulty": Estimate(0.8, 0.5, 0.9), "odd": Estimate(None)}
    text = plain(verdict.weakest_sentence(NET, recalls, precisions, {"sound", "faulty"}))
    assert text == (
        "net does worst on faulty: it recognises 40.0 % (20.0 to 60.0) of the test images of that class, and where it "
        "answers faulty it is right 80.0 % (50.0 to 90.0) of the time."
    )
    assert verdict.weakest_sentence(NET, {"odd": Estimate(None)}, precisions, {"odd"}) is None
    assert verdict.weakest_sentence(NET, {"a": Estimate(1.0), "b": Estimate(1.0)}, precisions, {"a", "b"}) is None


def test_a_class_that_is_never_answered_is_named():
    recalls = {"A": Estimate(0.9), "B": Estimate(0.0, 0.0, 0.07)}
    text = plain(verdict.weakest_sentence(NET, recalls, {}, {"A"}))
    assert text == "net never answers B: it recognises none of the test images of that class."
    assert verdict.constant_sentence({}) is None
    assert verdict.constant_sentence({"net": "A"}) == "Always the same, to every test image: net answers A."


def test_plain_accuracy_stands_beside_another_metric_that_decides():
    text = plain(verdict.plain_sentence(NET, Estimate(0.79, 0.75, 0.83), GROUND, Measure()))
    assert text == "Its plain accuracy is 79.0 % (75.0 to 83.0), above the 55.0 % of always answering sound."
    text = verdict.plain_sentence(NET, Estimate(0.55, 0.5, 0.6), GROUND, Measure())
    assert "not shown to be above" in text


def test_a_likely_difference_that_is_not_proven_is_told_as_such():
    likely = Pair("net", "forest", Estimate(0.04, 0.01, 0.07), 0.057, "exact McNemar")
    found = recommend([NET, FOREST], [likely])
    assert found.likely == ("forest",)
    assert verdict.headline(found, GROUND).endswith("It is likely, but not proven, to be better than forest.")
    assert "likely a difference, but not proven" in verdict.lead_sentence(found, [likely], GROUND)


def test_other_metrics_that_speak_against_the_choice_are_told():
    own = {"roc_auc": Estimate(0.72, 0.70, 0.74), "log_loss": Estimate(0.8, 0.7, 0.9)}
    ahead = {"roc_auc": Estimate(0.82, 0.80, 0.85), "log_loss": Estimate(0.7, 0.6, 0.75)}
    lower = {"roc_auc": Estimate(0.79, 0.76, 0.81), "log_loss": Estimate(0.5, 0.4, 0.6)}
    text = plain(verdict.dissent_sentence(NEAR, {"net": ahead, "forest": lower}, own))
    assert "net by ROC AUC (0.820 against 0.720); forest by log loss (0.500 against 0.800)" in text
    assert verdict.dissent_sentence(NEAR, {"net": own}, own) is None
    assert verdict.dissent_sentence(NEAR, {"net": ahead}, {"roc_auc": own["roc_auc"]}, Measure("roc_auc")) is None


def test_a_fall_from_validation_to_test_is_told_where_intervals_are_apart():
    text = plain(verdict.validation_sentence(SVM, Estimate(0.85, 0.8, 0.9)))
    assert text.startswith("On validation images svm does better than on test images: 85.0 % (80.0 to 90.0).")
    assert verdict.validation_sentence(SVM, Estimate(0.75, 0.65, 0.85)) is None
    assert verdict.validation_sentence(SVM, Estimate(None)) is None
    sure = Standing("sure", Estimate(0.900, 0.899, 0.901))
    assert verdict.validation_sentence(sure, Estimate(0.92, 0.91, 0.93)) is None
    cheap = Standing("cheap", Estimate(60.0, 50.0, 70.0))
    assert verdict.validation_sentence(cheap, Estimate(20.0, 15.0, 25.0), Measure("cost_per_100")) is not None
    assert verdict.validation_sentence(cheap, Estimate(90.0, 85.0, 95.0), Measure("cost_per_100")) is None


def test_classes_that_tie_for_worst_are_all_named():
    recalls = {"A": Estimate(0.5), "B": Estimate(0.5), "C": Estimate(0.9)}
    text = plain(verdict.weakest_sentence(NET, recalls, {}, set("ABC")))
    assert text == "net does worst on A and B: it recognises 50.0 % of the test images of each."


def test_a_test_that_can_show_nothing_is_told_as_such():
    blind = Pair("net", "forest", Estimate(0.04, -0.3, 0.4), 0.5, "exact McNemar", None)
    found = recommend([NET, FOREST], [blind])
    assert "this test can hardly show any" in verdict.lead_sentence(found, [blind], GROUND)
