"""Prediction sets: what they promise, for how many groups, and what is measured of them."""

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.judgement.prediction_sets import measure, prediction_sets
from gradewise.judgement.record import read_judgement
from gradewise.judgement.sets import draw, highest_coverage, in_set
from gradewise.results import Results

CLASSES = ["A", "B", "C"]


def verdicts(groups, size, rng, shared=0.5):
    """Verdicts on images of three classes, of which those of a group share an offset."""
    group = np.repeat(np.arange(groups), size)
    truth = rng.integers(3, size=len(group))
    odds = 3 * np.eye(3)[truth] + shared * rng.normal(size=(groups, 3))[group] + rng.normal(size=(len(group), 3))
    chances = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    return pd.DataFrame(chances, columns=[f"p_{name}" for name in CLASSES]).assign(
        repeat=0,
        group=[f"g{number:03}" for number in group],
        image_id=[f"i{number}" for number in range(len(group))],
        label=np.take(CLASSES, truth),
        predicted=np.take(CLASSES, chances.argmax(axis=1)),
        role="test",
    )


@pytest.mark.parametrize(("groups", "coverage"), [(4, 0.8), (9, 0.9), (19, 0.95), (99, 0.99)])
def test_so_many_groups_can_promise_a_coverage_and_one_fewer_cannot(groups, coverage):
    chances = np.linspace(0.01, 0.99, groups)
    rng = np.random.default_rng(0)
    assert draw(chances, np.arange(groups), rng).least_probability(coverage) == chances.min()
    assert draw(chances[1:], np.arange(groups - 1), rng).least_probability(coverage) is None
    assert highest_coverage(groups) == pytest.approx(coverage)


def test_of_single_images_the_threshold_is_the_rank_that_split_conformal_takes():
    chances = np.arange(1, 41) / 50
    drawn = draw(chances, np.random.default_rng(1).permutation(40), np.random.default_rng(0))
    # 90 % of 41, rounded up: 37 of 40 images reach the fourth lowest
    assert drawn.least_probability(0.9) == chances[3]
    # 36 of the 39 others: the fourth lowest of them, which is the fifth of all for the images up to the fourth
    assert sorted(drawn.without_each(0.9)) == [chances[3]] * 36 + [chances[4]] * 4


def test_many_images_of_one_group_count_as_one():
    rng = np.random.default_rng(0)
    few, many = rng.uniform(0.5, 1, 30), np.full(500, 0.01)
    group = np.concatenate([np.arange(30), np.full(500, 30)])
    drawn = draw(np.concatenate([few, many]), group, rng)
    assert drawn.groups == 31
    assert drawn.least_probability(0.9) == pytest.approx(np.sort(few)[1])


def test_each_group_is_left_out_of_its_own_threshold():
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(12), 5)
    chances = rng.uniform(size=60)
    without = draw(chances, group, np.random.default_rng(0)).without_each(0.8)
    for left_out in (0, 7):
        kept = group != left_out
        codes = np.unique(group[kept], return_inverse=True)[1]
        alone = draw(chances[kept], codes, np.random.default_rng(0)).least_probability(0.8)
        assert without[left_out] == pytest.approx(alone, abs=0.03)


def test_sets_of_images_of_new_groups_hold_the_true_class_as_often_as_promised():
    rng = np.random.default_rng(0)
    covered = {0.8: [], 0.95: []}
    for _ in range(60):
        tested, new = verdicts(25, 4, rng), verdicts(200, 1, rng)
        columns = [f"p_{name}" for name in CLASSES]
        truth, of_new = (np.array([CLASSES.index(name) for name in table["label"]]) for table in (tested, new))
        of_truth = tested[columns].to_numpy()[np.arange(len(truth)), truth]
        drawn = draw(of_truth, pd.factorize(tested["group"])[0], rng)
        chances = new[columns].to_numpy()
        for coverage, shares in covered.items():
            inside = in_set(chances, drawn.least_probability(coverage), chances.argmax(axis=1))
            shares.append(inside[np.arange(len(of_new)), of_new].mean())
    # the accuracy is above 0.8, and the predicted class is in every set
    assert np.mean(covered[0.8]) > 0.8
    assert np.mean(covered[0.95]) == pytest.approx(0.96, abs=0.02)


def test_a_set_holds_the_classes_that_reach_the_threshold_and_the_predicted_one():
    chances = np.array([[0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.5, 0.25, 0.25]])
    inside = in_set(chances, 0.3, np.array([0, 0, 2]))
    assert inside.tolist() == [[True, False, False], [True, True, True], [True, False, True]]


def test_what_is_measured_stands_for_all_classes_and_for_each():
    rows = measure(verdicts(30, 3, np.random.default_rng(2)), CLASSES, np.random.default_rng(0))
    measured = rows[rows["covered"].notna()]
    assert sorted(set(measured["coverage"])) == [0.9, 0.95]
    overall = measured[measured["class"].isna()].set_index("coverage")
    assert overall["covered"].between(0.88, 1).all()
    assert overall.loc[0.95, "several"] > overall.loc[0.9, "several"]
    assert (overall["groups"] == 30).all()
    assert set(measured["class"].dropna()) == set(CLASSES)
    thresholds = rows.loc[rows["class"].isna(), "least_probability"]
    assert thresholds.is_monotonic_decreasing
    assert rows["coverage"].max() <= highest_coverage(30)


def test_a_class_that_the_model_hardly_knows_is_covered_less():
    table = verdicts(40, 3, np.random.default_rng(2))
    rare = table["label"] == "C"
    table.loc[rare, ["p_A", "p_C"]] = table.loc[rare, ["p_C", "p_A"]].to_numpy()
    table.loc[rare, "predicted"] = "A"
    rows = measure(table[~rare | (np.arange(len(table)) % 6 == 0)], CLASSES, np.random.default_rng(0))
    rows = rows[(rows["coverage"] == 0.9) & rows["class"].notna()].set_index("class")
    assert rows.loc["C", "covered"] < 0.7 < rows.loc["A", "covered"]


def test_few_groups_are_measured_at_the_highest_coverage_that_they_can():
    rows = measure(verdicts(5, 6, np.random.default_rng(2)), CLASSES, np.random.default_rng(0))
    assert set(rows.loc[rows["covered"].notna(), "coverage"]) == {0.8}
    assert rows["coverage"].max() == 0.83


def test_thresholds_of_a_model_go_with_it(tmp_path):
    table = verdicts(25, 2, np.random.default_rng(0))
    both = pd.concat([table.assign(model="sure"), table.assign(model="other", p_A=1.0, p_B=0.0, p_C=0.0)])
    tables.write(both, tmp_path / "verdicts.parquet", verdicts_schema(CLASSES))
    output = tmp_path / "prediction_sets.parquet"
    prediction_sets(dataset="made-up", results=tmp_path, classes=CLASSES, seed=1, output=output)
    sets = {model: read_judgement(Results(tmp_path), model).prediction_sets for model in ("sure", "other")}
    assert sets["sure"].groups == 25
    assert sets["sure"].least_probability(0.9) > 0
    assert sets["other"].least_probability(0.9) == 0
    assert sets["sure"].least_probability(0.97) is None
    assert sets["sure"].least_probability(0.905) is None
