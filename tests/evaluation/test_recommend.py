"""The rule of choice on both sides of its thresholds, and the record that the step writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.section import to_json
from gradewise.evaluation.compare import compare
from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.evaluate import evaluate
from gradewise.evaluation.recommend import json_schema, recommend
from gradewise.evaluation.recommendation import (
    ACCURACY,
    CLOSE,
    FALL,
    MANY_ALIKE,
    SIGNIFICANT,
    Candidate,
    ClassesImbalanced,
    ClassResult,
    ClueExplains,
    ConstantPrediction,
    Criterion,
    Decision,
    LookAlikes,
    Pair,
    Recommendation,
    decide,
    disagreements,
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
    first: str, second: str, value: float, low: float | None = None, high: float | None = None, p: float | None = None
) -> Pair:
    return Pair(first=first, second=second, difference=Estimate(value, low, high), p_holm=p, test="mcnemar")


TIE = pair("forest", "net", -0.04, -0.11, 0.03, 0.31)
NEAR_TIE = pair("near", "net", -0.005, -0.075, 0.065, 0.9)
LEAD = pair("net", "forest", 0.04, 0.01, 0.07, 0.012)
FAR = pair("net", "svm", 0.30, 0.20, 0.40, 0.0002)
NARROW = pair("net", "forest", 0.015, 0.002, 0.028, 0.02)


def chosen(decision: Decision) -> tuple[str | None, str | None, tuple[str, ...], tuple[str, ...]]:
    return decision.leader, decision.choice, decision.tied, decision.beaten


def test_the_best_model_is_chosen_where_it_leads_beyond_chance() -> None:
    assert chosen(decide([FOREST, NET], [LEAD])) == ("net", "net", (), ("forest",))


def test_of_models_that_tie_and_are_close_the_fastest_to_train_is_chosen() -> None:
    decision = decide([NET, NEAR, FOREST, SVM], [NEAR_TIE, TIE, FAR])
    assert chosen(decision) == ("net", "near", ("near", "forest"), ("svm",))
    assert [candidate.model for candidate in decision.ranking] == ["net", "near", "forest", "svm"]


@pytest.mark.parametrize(("behind", "choice"), [(CLOSE, "fast"), (CLOSE + 0.0005, "net")])
def test_a_faster_model_may_be_one_point_behind_and_no_more(behind: float, choice: str) -> None:
    # scores that are exact in binary, so that the threshold itself is tested
    net = Candidate(model="net", score=Estimate(0.0 + behind), seconds_fit=120.0)
    fast = Candidate(model="fast", score=Estimate(0.0), seconds_fit=4.0)
    assert decide([net, fast], []).choice == choice


def test_where_costs_decide_no_faster_model_may_be_behind() -> None:
    net = Candidate(model="net", score=Estimate(30.0), seconds_fit=120.0)
    fast = Candidate(model="fast", score=Estimate(30.005), seconds_fit=4.0)
    assert decide([net, fast], [], Criterion(metric="cost_per_100")).choice == "net"


def test_a_lead_that_is_not_proven_but_large_still_decides() -> None:
    assert chosen(decide([NET, FOREST], [TIE])) == ("net", "net", ("forest",), ())


def test_a_model_never_compared_ties() -> None:
    assert decide([NET, FOREST], []).tied == ("forest",)


def test_a_comparison_without_p_value_makes_no_difference() -> None:
    assert decide([NET, FOREST], [pair("net", "forest", 0.04)]).tied == ("forest",)


@pytest.mark.parametrize(("p", "tied"), [(SIGNIFICANT, ("forest",)), (SIGNIFICANT - 1e-9, ())])
def test_a_p_value_of_exactly_one_in_twenty_is_a_tie(p: float, tied: tuple[str, ...]) -> None:
    assert decide([NET, FOREST], [pair("net", "forest", 0.04, 0.0, 0.08, p)]).tied == tied


@pytest.mark.parametrize(("low", "conclusion"), [(0.0, "undecided"), (1e-9, "likely")])
def test_a_lead_is_likely_where_its_interval_leaves_out_zero(low: float, conclusion: str) -> None:
    decision = decide([NET, FOREST], [pair("net", "forest", 0.04, low, 0.08, 0.06)])
    assert decision.pairs[0].conclusion == conclusion
    assert decision.likely == (("forest",) if conclusion == "likely" else ())


def test_models_without_a_score_are_not_considered() -> None:
    unknown = Candidate(model="unknown", score=Estimate(None), seconds_fit=0.1)
    assert decide([unknown, NET], []).choice == "net"
    assert decide([unknown], []) == Decision()


def test_without_training_times_the_best_is_chosen() -> None:
    assert decide([Candidate(model=name, score=Estimate(x)) for name, x in (("a", 0.8), ("b", 0.9))], []).choice == "b"


def test_a_real_difference_within_the_margin_is_equivalence_and_the_faster_is_chosen() -> None:
    near = Candidate(model="forest", score=Estimate(0.885, 0.80, 0.93), seconds_fit=4.0)
    decision = decide([NET, near], [NARROW], Criterion(margin=0.03))
    assert (decision.tied, decision.equivalent, decision.choice) == (("forest",), ("forest",), "forest")
    assert decide([NET, FOREST], [NARROW]).beaten == ("forest",)
    assert decide([NET, FOREST], [TIE], Criterion(margin=0.02)).equivalent == ()


@pytest.mark.parametrize(("margin", "equivalent"), [(0.028, ()), (0.0281, ("forest",))])
def test_equivalence_needs_the_whole_interval_inside_the_margin(margin: float, equivalent: tuple[str, ...]) -> None:
    assert decide([NET, FOREST], [NARROW], Criterion(margin=margin)).equivalent == equivalent


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
    compare(dataset="fruit", results=made.folder, classes=CLASSES, seed=1, output=comparisons)
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
    assert record.pairs[0].conclusion == "distinguishable"
    assert record.warned(ConstantPrediction) == [ConstantPrediction(model="stuck", predicted="A")]


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


def test_the_schema_is_the_one_shipped() -> None:
    assert SCHEMA.read_text() == json_schema() + "\n", "write it anew with recommend.json_schema()"
