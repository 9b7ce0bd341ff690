from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gradewise.command import UserError
from gradewise.config.aggregation import Top
from gradewise.verdicts import classify, gather, reclassify

CLASSES = ["sound", "defect"]
LABELS = pd.Series({"one": "defect", "two": "sound"})


def tiles(one: list[float], two: list[float]) -> pd.DataFrame:
    """Tiles of two images, interleaved as far as they go, from their probability of a defect."""
    rows = sorted(
        [(place, "one", chance) for place, chance in enumerate(one)]
        + [(place, "two", chance) for place, chance in enumerate(two)]
    )
    frame = pd.DataFrame(rows, columns=["place", "image_id", "p_defect"])
    return frame.assign(p_sound=1 - frame["p_defect"], group="g", role="test", label="sound", predicted="sound")


def defect_probability(aggregate: object, one: list[float], two: list[float]) -> tuple[list[float], list[str]]:
    verdicts = gather(tiles(one, two), LABELS, CLASSES, "defect", aggregate).set_index("image_id")
    verdicts = verdicts.loc[["one", "two"]]
    return verdicts["p_defect"].astype("float64").round(6).tolist(), verdicts["predicted"].tolist()


def test_mean_averages_tiles() -> None:
    assert defect_probability("mean", [0.2, 0.9, 0.7], [0.1, 0.3]) == ([0.6, 0.2], ["defect", "sound"])


def test_max_takes_the_worst_tile() -> None:
    assert defect_probability("max", [0.1, 0.1, 0.9], [0.3, 0.4]) == ([0.9, 0.4], ["defect", "sound"])


def test_an_image_is_positive_from_one_half_on() -> None:
    assert defect_probability("max", [0.5], [0.49])[1] == ["defect", "sound"]


def test_top_averages_the_highest_tiles() -> None:
    found, _ = defect_probability(Top(top=2), [0.1, 0.8, 0.6], [0.2, 0.4, 0.0])
    assert found == [0.7, 0.3]


def test_top_of_more_tiles_than_there_are_averages_all() -> None:
    found, _ = defect_probability(Top(top=5), [0.2, 0.4], [0.1])
    assert found == [0.3, 0.1]


def test_vote_counts_tiles_whatever_their_certainty() -> None:
    found, called = defect_probability("vote", [0.6, 0.6, 0.0], [0.4, 0.4, 1.0])
    assert found == [0.666667, 0.333333]
    assert called == ["defect", "sound"]


def test_a_tied_vote_goes_to_the_higher_mean_probability() -> None:
    assert defect_probability("vote", [0.9, 0.4], [0.6, 0.1])[1] == ["defect", "sound"]


def test_truth_is_the_manifests_not_the_tiles() -> None:
    verdicts = gather(tiles([0.2], [0.2]), LABELS, CLASSES, "defect", "mean").set_index("image_id")
    assert verdicts["label"].to_dict() == {"one": "defect", "two": "sound"}


def test_images_keep_their_order_group_and_role() -> None:
    frame = tiles([0.2, 0.1], [0.3]).iloc[::-1]
    frame["role"] = np.where(frame["image_id"] == "one", "train", "test")
    verdicts = gather(frame, LABELS, CLASSES, "defect", "mean")
    assert verdicts["image_id"].tolist() == list(dict.fromkeys(frame["image_id"]))
    assert verdicts.set_index("image_id")["role"].to_dict() == {"one": "train", "two": "test"}


def test_max_needs_a_positive_class() -> None:
    with pytest.raises(UserError, match="two classes and positive"):
        gather(tiles([0.2], [0.3]), LABELS, CLASSES, None, "max")


COSTS = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0], [10.0, 3.0, 0.0]])


def drawn(n: int = 20000) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities of three classes, and true classes drawn from them."""
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([1.0, 1.0, 1.0], size=n)
    return probabilities, (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


def test_without_costs_the_most_probable_class_is_predicted_the_first_of_equals() -> None:
    assert classify(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])).tolist() == [1, 0]


def test_equal_costs_predict_the_most_probable_class() -> None:
    probabilities, _ = drawn()
    assert np.array_equal(classify(probabilities, 1 - np.eye(3)), classify(probabilities))


def test_no_other_class_has_a_lower_expected_cost_and_truth_costs_what_is_expected() -> None:
    probabilities, truth = drawn()
    called = classify(probabilities, COSTS)
    expected = np.stack([(probabilities * COSTS[:, place]).sum(axis=1) for place in range(3)], axis=1)
    chosen = expected[np.arange(len(called)), called]
    assert (chosen <= expected.min(axis=1) + 1e-12).all()
    paid, paid_for_the_most_probable = COSTS[truth, called].mean(), COSTS[truth, classify(probabilities)].mean()
    assert paid == pytest.approx(chosen.mean(), rel=0.03)
    assert paid < 0.8 * paid_for_the_most_probable


def test_two_classes_have_the_threshold_of_their_costs() -> None:
    costs = np.array([[0.0, 1.0], [9.0, 0.0]])
    assert classify(np.array([[0.91, 0.09], [0.89, 0.11]]), costs).tolist() == [0, 1]


def test_equal_expected_costs_go_to_the_more_probable_class_then_to_the_first() -> None:
    costs = np.array([[0.0, 1.0], [3.0, 0.0]])
    assert classify(np.array([[0.75, 0.25]]), costs).tolist() == [0]
    assert classify(np.array([[0.1, 0.9]]), np.array([[0.0, 0.9], [0.1, 0.0]])).tolist() == [1]
    assert classify(np.array([[0.5, 0.5]]), np.ones((2, 2))).tolist() == [0]


def test_predictions_of_samples_change_with_costs_alone() -> None:
    frame = tiles([0.2, 0.9], [0.05])
    costs = np.array([[0.0, 1.0], [9.0, 0.0]])
    assert reclassify(frame, CLASSES, None) is frame
    changed = reclassify(frame, CLASSES, costs)
    assert changed["predicted"].tolist() == ["defect" if p > 0.1 else "sound" for p in frame["p_defect"]]
    assert changed.drop(columns="predicted").equals(frame.drop(columns="predicted"))


@pytest.mark.parametrize("aggregate", ["mean", "max", Top(top=2)])
@pytest.mark.parametrize("classes", [CLASSES, CLASSES[::-1]])
def test_a_verdict_has_the_least_expected_cost_under_the_gathered_probabilities(
    aggregate: object, classes: list[str]
) -> None:
    price = {("sound", "defect"): 1.0, ("defect", "sound"): 4.0}
    costs = np.array([[price.get((true, called), 0.0) for called in classes] for true in classes])
    for one, two in (([0.1, 0.25, 0.3], [0.1, 0.12]), ([0.2], [0.2]), ([0.9, 0.0], [0.0])):
        verdicts = gather(tiles(one, two), LABELS, classes, "defect", aggregate, costs).set_index("image_id")
        expected = np.where(verdicts["p_defect"] * 4.0 >= verdicts["p_sound"] - 1e-6, "defect", "sound")
        tied = np.isclose(verdicts["p_defect"], 0.2)
        assert verdicts.loc[~tied, "predicted"].tolist() == expected[~tied].tolist()
        assert set(verdicts.loc[tied, "predicted"]) <= {"sound"}


def test_votes_have_no_expected_cost() -> None:
    with pytest.raises(UserError, match="no probabilities"):
        gather(tiles([0.2], [0.3]), LABELS, CLASSES, "defect", "vote", np.array([[0.0, 1.0], [4.0, 0.0]]))
