"""The rule of choice on both sides of its thresholds, and the record that the step writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.section import to_json
from gradewise.evaluation.compare import CLUES, compare
from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.evaluate import evaluate
from gradewise.evaluation.inference import groups_for_equivalence, judge
from gradewise.evaluation.measured import read
from gradewise.evaluation.recommend import clue_warnings, json_schema, recommend
from gradewise.evaluation.recommendation import (
    ACCURACY,
    FALL,
    MANY_ALIKE,
    Candidate,
    ClassesImbalanced,
    ClassResult,
    ClueExplains,
    ConstantPrediction,
    Criterion,
    Decision,
    GuessingBeatsAll,
    LookAlikes,
    NotBetterThanBaseline,
    Pair,
    Recommendation,
    baseline_warning,
    decide,
    disagreements,
    few_groups_warning,
    look_alike_warning,
    validation_warning,
    weakest,
)
from gradewise.families.schemas import predictions_schema
from gradewise.images.schemas import AUDIT

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/recommendation.schema.json"
CLASSES = ["A", "B", "C"]
NET = Candidate(model="net", score=Estimate(0.90, 0.82, 0.95), seconds_fit=120.0)
FOREST = Candidate(model="forest", score=Estimate(0.86, 0.78, 0.92), seconds_fit=4.0)
NEAR = Candidate(model="near", score=Estimate(0.895, 0.81, 0.94), seconds_fit=4.0)
SVM = Candidate(model="svm", score=Estimate(0.60, 0.50, 0.70), seconds_fit=1.0)


def pair(
    first: str, second: str, value: float, low: float, high: float, margin: float | None = None, groups: int = 1000
) -> Pair:
    return Pair(
        first=first,
        second=second,
        difference=Estimate(value, low, high),
        groups=groups,
        groups_for_equivalence=None if margin is None else groups_for_equivalence(margin, 1.0),
        conclusion=judge(low, high, margin, groups, 1.0),
    )


TIE = pair("forest", "net", -0.04, -0.11, 0.03)
NEAR_TIE = pair("near", "net", -0.005, -0.075, 0.065)
LEAD = pair("net", "forest", 0.04, 0.01, 0.07)
FAR = pair("net", "svm", 0.30, 0.20, 0.40)


def chosen(decision: Decision) -> tuple[str | None, str | None, tuple[str, ...], tuple[str, ...]]:
    return decision.leader, decision.choice, decision.tied, decision.beaten


def test_the_best_model_is_chosen_where_it_leads_beyond_chance() -> None:
    assert chosen(decide([FOREST, NET], [LEAD])) == ("net", "net", (), ("forest",))


def test_models_are_ranked_and_those_not_shown_to_be_worse_tie() -> None:
    decision = decide([NET, NEAR, FOREST, SVM], [NEAR_TIE, TIE, FAR])
    assert chosen(decision) == ("net", "net", ("near", "forest"), ("svm",))
    assert [candidate.model for candidate in decision.ranking] == ["net", "near", "forest", "svm"]


@pytest.mark.parametrize(
    ("high", "margin", "groups", "choice"),
    [
        (0.0199, 0.02, 151, "near"),
        (0.02, 0.02, 151, "net"),
        (0.0199, 0.02, 150, "net"),
        (0.0199, None, 151, "net"),
    ],
)
def test_a_faster_model_needs_to_be_shown_no_worse_than_the_margin_on_enough_groups(
    high: float, margin: float | None, groups: int, choice: str
) -> None:
    difference = pair("net", "near", 0.005, -0.01, high, margin, groups)
    assert decide([NET, NEAR], [difference], Criterion(margin=margin)).choice == choice


@pytest.mark.parametrize(("faster", "choice"), [("training", "near"), ("prediction", "net")])
def test_the_time_that_counts_is_the_one_asked_for(faster: str, choice: str) -> None:
    times = {"net": (120.0, 0.1), "near": (4.0, 0.3)}
    candidates = [
        candidate.model_copy(update={"seconds_per_image": times[candidate.model][1]}) for candidate in (NET, NEAR)
    ]
    criterion = Criterion(margin=0.02, faster=faster)
    assert decide(candidates, [pair("net", "near", 0.005, -0.01, 0.015, 0.02)], criterion).choice == choice


def test_a_lead_that_is_not_proven_but_large_still_decides() -> None:
    assert chosen(decide([NET, FOREST], [TIE])) == ("net", "net", ("forest",), ())


def test_a_model_never_compared_ties() -> None:
    assert decide([NET, FOREST], []).tied == ("forest",)


def test_a_comparison_that_tells_nothing_makes_no_difference() -> None:
    unknown = Pair(first="net", second="forest", difference=Estimate(0.04))
    assert decide([NET, FOREST], [unknown], Criterion(margin=0.5)).tied == ("forest",)
    assert decide([NET, FOREST], [unknown], Criterion(margin=0.5)).choice == "net"
    assert unknown.against == "unknown"


def test_a_pair_turns_round() -> None:
    turned = LEAD.model_copy(update={"probability": 0.9, "beyond_margin": (0.6, 0.02)}).seen_from("forest")
    assert turned.beyond_margin == (0.02, 0.6)
    assert (turned.first, turned.second, turned.conclusion, turned.against) == (
        "forest",
        "net",
        "second better",
        "worse",
    )
    assert turned.difference == Estimate(-0.04, -0.07, -0.01)
    assert turned.probability == pytest.approx(0.1)


@pytest.mark.parametrize(("groups", "expected"), [(10, None), (9, (9, True)), (5, (5, True)), (4, (4, False))])
def test_few_groups_are_warned_of_below_ten_and_not_compared_below_five(
    groups: int, expected: tuple[int, bool] | None
) -> None:
    warning = few_groups_warning(groups)
    assert (None if warning is None else (warning.groups, warning.compared)) == expected


@pytest.mark.parametrize(
    ("leader", "choice", "code"),
    [
        ("worse", "worse", "guessing_beats_all"),
        ("better", "undecided", "not_better_than_baseline"),
        ("better", "worse", "not_better_than_baseline"),
        ("better", "better", None),
        ("unknown", "unknown", None),
    ],
)
def test_guessing_is_warned_of_where_models_are_not_shown_to_be_better(leader, choice, code) -> None:
    warning = baseline_warning(leader, choice)
    assert (None if warning is None else warning.code) == code


def test_models_without_a_score_are_not_considered() -> None:
    unknown = Candidate(model="unknown", score=Estimate(None), seconds_fit=0.1)
    assert decide([unknown, NET], []).choice == "net"
    assert decide([unknown], []) == Decision()


def test_without_training_times_the_best_is_chosen() -> None:
    assert decide([Candidate(model=name, score=Estimate(x)) for name, x in (("a", 0.8), ("b", 0.9))], []).choice == "b"


def test_a_real_difference_within_the_margin_is_equivalence_and_the_faster_is_chosen() -> None:
    narrow = (0.015, 0.002, 0.028)
    decision = decide([NET, FOREST], [pair("net", "forest", *narrow, 0.03)], Criterion(margin=0.03))
    assert (decision.tied, decision.equivalent, decision.choice) == (("forest",), ("forest",), "forest")
    assert decide([NET, FOREST], [pair("net", "forest", *narrow)]).beaten == ("forest",)


def test_the_cheapest_leads_where_cost_decides() -> None:
    cheap, dear = (Candidate(model=name, score=Estimate(x)) for name, x in (("cheap", 31.0), ("dear", 52.0)))
    assert decide([dear, cheap], [], Criterion(metric="cost_per_100")).leader == "cheap"


@pytest.mark.parametrize(
    ("score", "against"),
    [
        (Estimate(0.6, 0.5, 0.7), "undecided"),
        (Estimate(0.6, 0.5001, 0.7), "better"),
        (Estimate(0.4, 0.3, 0.4999), "worse"),
        (Estimate(0.4, 0.3, 0.5), "undecided"),
        (Estimate(0.6), "unknown"),
    ],
)
def test_a_score_is_better_than_a_value_where_its_whole_interval_is(score: Estimate, against: str) -> None:
    assert ACCURACY.against(score, 0.5) == against
    mirrored = Estimate(1 - (score.value or 0), *([] if score.bounds is None else [1 - x for x in score.bounds[::-1]]))
    assert Criterion(metric="far_errors").against(mirrored, 0.5) == against


def test_a_fall_from_validation_to_test_needs_intervals_apart_and_five_points() -> None:
    test = Estimate(0.0, 0.0, 0.01)
    assert validation_warning(Estimate(FALL, 0.02, 0.08), test, ACCURACY) is not None
    assert validation_warning(Estimate(FALL - 1e-9, 0.02, 0.08), test, ACCURACY) is None
    assert validation_warning(Estimate(0.4, 0.01, 0.8), test, ACCURACY) is None
    assert validation_warning(Estimate(None), test, ACCURACY) is None
    cost, paid = Criterion(metric="cost_per_100"), Estimate(60.0, 50.0, 70.0)
    assert validation_warning(Estimate(20.0, 15.0, 25.0), paid, cost) is not None
    assert validation_warning(Estimate(90.0, 85.0, 95.0), paid, cost) is None


def test_many_look_alikes_begin_at_one_in_ten() -> None:
    assert look_alike_warning(MANY_ALIKE, grouped=True) == LookAlikes(share=MANY_ALIKE, grouped=True)
    assert look_alike_warning(MANY_ALIKE - 1e-9, grouped=True) is None


def test_other_metrics_disagree_where_intervals_are_apart() -> None:
    own = {"roc_auc": Estimate(0.72, 0.70, 0.74), "log_loss": Estimate(0.8, 0.7, 0.9)}
    net = {"roc_auc": Estimate(0.82, 0.80, 0.85), "log_loss": Estimate(0.7, 0.6, 0.75)}
    forest = {"roc_auc": Estimate(0.79, 0.76, 0.81), "log_loss": Estimate(0.5, 0.4, 0.6)}
    models = {"near": own, "net": net, "forest": forest}
    scores = {metric: {name: values[metric] for name, values in models.items()} for metric in own}
    told = [(warning.metric, warning.model) for warning in disagreements(scores, "near", ACCURACY)]
    assert told == [("roc_auc", "net"), ("log_loss", "forest")]
    assert [w.metric for w in disagreements(scores, "near", Criterion(metric="roc_auc"))] == ["log_loss"]


def test_the_weakest_classes_are_those_of_the_lowest_recall() -> None:
    def results(*recalls: float | None, predicted: bool = True) -> list[ClassResult]:
        return [
            ClassResult(name=name, recall=Estimate(value), precision=Estimate(None), predicted=predicted)
            for name, value in zip("ABC", recalls, strict=True)
        ]

    assert weakest(results(0.5, 0.9, None)) == ("A",)
    assert weakest(results(0.5, 0.9, 0.5)) == ("A", "C")
    assert weakest(results(0.9, 0.9, 0.9)) == ()
    assert weakest(results(0.5, 0.9, 0.5, predicted=False)) == ()


@pytest.fixture(scope="module")
def results(make: Callable[..., Any]) -> Path:
    """What earlier steps leave of a dataset with tiles, of which one model predicts nothing but A."""
    made = make({"good": 4.0, "stuck": 0.0}, groups=60, repeats=5, tiles=2)
    for path in made.predictions[5:]:
        frame = tables.read(path).assign(predicted="A", p_A=0.8, p_B=0.1, p_C=0.1)
        frame = frame.astype({f"p_{name}": "float32" for name in CLASSES})
        tables.write(frame, path, predictions_schema(CLASSES))
    for path in made.runs:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"samples_per_image": 2, "seconds_fit": 3.0}))
    section = {"images": "fruit", "classes": CLASSES, "models": ["good", "stuck"], "evaluation": {"holdout": 0.3}}
    (made.folder / "plan/settings.json").write_text(to_json(Dataset.model_validate(section)))
    outputs = {name: made.folder / f"{name}.parquet" for name in ("metrics", "verdicts", "calibration", "subgroups")}
    evaluate(dataset="fruit", results=made.folder, classes=CLASSES, **outputs)
    comparisons = made.folder / "comparisons.parquet"
    standings = made.folder / "standings.parquet"
    compare(dataset="fruit", results=made.folder, classes=CLASSES, seed=1, output=comparisons, standings=standings)
    return Path(made.folder)


def recommended(results: Path, *findings: dict[str, Any]) -> Recommendation:
    audit = pd.DataFrame(list(findings), columns=AUDIT.names)
    audit = audit.assign(severity="notice", text="").astype(dict.fromkeys(("value", "low", "high", "baseline"), float))
    tables.write(audit, results / "audit.parquet", AUDIT)
    recommend(dataset="fruit", results=results, output=results / "recommendation.json")
    written = (results / "recommendation.json").read_text()
    jsonschema.validate(json.loads(written), json.loads(SCHEMA.read_text()))
    return Recommendation.model_validate_json(written)


def test_the_record_holds_the_decision_and_its_numbers(results: Path) -> None:
    record = recommended(results)
    metrics = tables.read(results / "metrics.parquet").query(
        "metric == 'accuracy' and role == 'test' and level == 'image'"
    )
    own = metrics.loc[(metrics["model"] == "good") & metrics["repeat"].isna()].iloc[0]
    assert (record.choice, record.leader, record.beaten) == ("good", "good", ("stuck",))
    assert record.candidate("good").score == Estimate(own["value"], own["low"], own["high"])
    assert record.candidate("good").seconds_fit == 3.0
    tested = tables.read(results / "verdicts.parquet").query("model == 'good' and role == 'test'")
    assert (record.ground.images, record.ground.groups) == (tested["image_id"].nunique(), tested["group"].nunique())
    assert record.baseline.value == tested["label"].value_counts(normalize=True).iloc[0]
    assert record.against_baseline == "better"
    assert record.other_level is not None
    assert record.other_level.level == "sample"
    assert record.pairs[0].conclusion == "first better"
    assert record.pairs[0].probability > 0.999
    assert record.candidate("good").probability_best > 0.999
    assert record.corrected.value == pytest.approx(own["value"], abs=0.01)
    assert [pair.second for pair in record.against_baselines] == [f"always {record.baseline.predicted}"]
    assert record.warned(ConstantPrediction) == [ConstantPrediction(model="stuck", predicted="A")]


def test_where_images_of_one_class_alone_were_tested_nothing_can_be_told_and_guessing_is_no_rival(
    results: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    verdicts = tables.read(folder / "verdicts.parquet")
    kept = verdicts.loc[(verdicts["role"] != "test") | (verdicts["label"] == "A")]
    tables.write(kept, folder / "verdicts.parquet", pq.read_schema(folder / "verdicts.parquet"))
    record = recommended(folder)
    assert (record.outcome.state, record.outcome.reason) == ("cannot be told", "one class tested")
    assert record.baseline.value == 1.0
    assert not record.warned(GuessingBeatsAll)
    assert not record.warned(NotBetterThanBaseline)


def test_what_the_audit_found_becomes_warnings(results: Path) -> None:
    accuracy = recommended(results).candidate("good").score
    assert accuracy.low is not None
    alike = {"check": "alike", "value": 0.4}
    clue = {"check": "clue", "subject": "size", "baseline": 0.4, "value": 0.6, "low": 0.5, "high": accuracy.low}
    record = recommended(results, alike, clue)
    assert record.warned(LookAlikes) == [LookAlikes(share=0.4, grouped=False)]
    assert [(warning.best, warning.near) for warning in record.warned(ClueExplains)] == [("size", True)]
    assert not [
        warning.near for warning in recommended(results, clue | {"high": 0.0}).warned(ClueExplains) if warning.near
    ]
    assert recommended(results, clue | {"low": 0.4}).warned(ClueExplains) == []
    assert recommended(results, clue | {"value": 0.449}).warned(ClueExplains) == []


@pytest.mark.parametrize("decide_by", [None, "accuracy", "balanced_accuracy"])
def test_another_metric_is_proposed_where_classes_are_out_of_balance_and_none_was_chosen(
    results: Path, tmp_path: Path, decide_by: str | None
) -> None:
    results = shutil.copytree(results, tmp_path / "results")
    settings = Dataset.model_validate_json((results / "plan/settings.json").read_text())
    (results / "plan/settings.json").write_text(to_json(settings.model_copy(update={"decide_by": decide_by})))
    record = recommended(results, {"check": "class imbalance", "severity": "notice", "subject": "A", "value": 0.8})
    expected = [] if decide_by else [ClassesImbalanced(most_frequent="A", share=0.8, proposed="balanced_accuracy")]
    assert record.warned(ClassesImbalanced) == expected
    assert recommended(results).warned(ClassesImbalanced) == []


@pytest.mark.parametrize(("low", "near"), [(0.0, True), (1e-9, False)])
def test_clues_are_near_where_the_model_is_not_shown_to_be_better_than_them(
    results: Path, low: float, near: bool
) -> None:
    measured = read(results, "fruit")
    accuracy = measured.estimate("good", "accuracy")
    assert accuracy.low is not None
    clue = {"check": "clue", "subject": "size", "baseline": 0.4, "value": 0.7, "low": 0.5, "high": accuracy.low}
    audit = pd.DataFrame([clue])
    against = pair("good", CLUES, 0.1, low, 0.2)
    assert [warning.near for warning in clue_warnings(audit, measured, "good", [against])] == [near]


def test_the_schema_is_the_one_shipped() -> None:
    assert SCHEMA.read_text() == json_schema() + "\n", "write it anew with recommend.json_schema()"
