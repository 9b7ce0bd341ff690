"""Probabilities adjusted from the shares of classes in training to expected ones."""

import json

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.families.schemas import predictions_schema
from gradewise.judgement.expected_shares import expected_shares
from gradewise.judgement.shares import Shares, training_shares
from gradewise.results import Results

CLASSES = ["good", "bad"]
RARE = Shares(training={"good": 0.5, "bad": 0.5}, expected={"good": 0.9, "bad": 0.1})


def test_an_image_that_tells_nothing_gets_the_expected_shares():
    shares = Shares(training={"good": 0.7, "bad": 0.3}, expected={"good": 0.2, "bad": 0.8})
    np.testing.assert_allclose(shares.adjust(np.array([[0.7, 0.3]]), CLASSES), [[0.2, 0.8]])


def test_adjusted_probabilities_are_those_of_bayes_and_can_be_restored():
    probabilities = np.array([[0.2, 0.8], [0.0, 1.0], [0.999, 0.001]])
    adjusted = RARE.adjust(probabilities, CLASSES)
    np.testing.assert_allclose(adjusted[0], [0.2 * 0.9 / (0.2 * 0.9 + 0.8 * 0.1), 0.08 / 0.26])
    np.testing.assert_allclose(adjusted[1], [0, 1])
    np.testing.assert_allclose(RARE.restore(adjusted, CLASSES), probabilities)


def test_rounding_grows_by_the_amplification_at_most():
    before = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    nudged = before + np.array([[1e-6, -1e-6], [-1e-6, 1e-6], [1e-6, -1e-6]])
    grown = np.abs(RARE.adjust(nudged, CLASSES) - RARE.adjust(before, CLASSES)).max()
    assert 0.9 * 1e-6 * RARE.amplification < grown <= 1.001e-6 * RARE.amplification


def test_verdicts_follow_adjusted_probabilities_and_costs():
    verdicts = pd.DataFrame({"predicted": ["bad", "bad"], "p_good": [0.2, 0.05], "p_bad": [0.8, 0.95]})
    assert list(RARE.adjust_verdicts(verdicts, CLASSES)["predicted"]) == ["good", "bad"]
    dear = np.array([[0.0, 1.0], [5.0, 0.0]])
    assert list(RARE.adjust_verdicts(verdicts, CLASSES, dear)["predicted"]) == ["bad", "bad"]


def write_run(results, model, labels, settings, family="forest"):
    """A run whose samples of training have these labels; four of test are all sure to be bad."""
    folder = results / f"models/{model}/0"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"family": family, "settings": settings}))
    labels = [*labels, "good", "good", "bad", "bad"]
    names = [f"{number}.png" for number in range(len(labels))]
    frame = pd.DataFrame({"sample_id": names, "image_id": names, "group": names, "label": labels, "predicted": "bad"})
    frame["role"] = ["train"] * (len(labels) - 4) + ["test"] * 4
    frame = frame.assign(row=np.int32(0), column=np.int32(0), p_good=np.float32(0.3), p_bad=np.float32(0.7))
    tables.write(frame, folder / "predictions.parquet", predictions_schema(CLASSES))
    return folder, frame.drop(columns=["sample_id", "row", "column"]).assign(model=model, repeat=np.int32(0))


def test_shares_of_training_are_those_of_its_samples_or_equal_where_classes_were_balanced(tmp_path):
    labels = ["good"] * 6 + ["bad"] * 2
    plain, _ = write_run(tmp_path, "plain", labels, {"trees": 9})
    balanced, _ = write_run(tmp_path, "balanced", labels, {"class_weight": "balanced"})
    assert training_shares([plain], CLASSES) == {"good": 0.75, "bad": 0.25}
    assert training_shares([balanced], CLASSES) == {"good": 0.5, "bad": 0.5}
    # a blend of both states their mean of an image that tells nothing
    assert training_shares([plain, balanced], CLASSES) == {"good": 0.625, "bad": 0.375}


def test_accuracy_in_use_is_measured_before_and_after_the_adjustment_but_not_of_votes(tmp_path):
    verdicts = []
    for model, by in (("plain", None), ("mean", "probability"), ("votes", "vote")):
        settings = {} if by is None else {"members": ["plain"], "repeats": [0], "by": by, "level": "image"}
        run = write_run(tmp_path, model, ["good"] * 4 + ["bad"] * 4, settings, "forest" if by is None else "blend")
        verdicts.append(run[1])
    tables.write(pd.concat(verdicts), tmp_path / "verdicts.parquet", verdicts_schema(CLASSES))
    facts = {"dataset": "d", "results": tmp_path, "classes": CLASSES, "least_cost": False, "adjustable": True}
    expected_shares(**facts, shares=[0.9, 0.1], output=tmp_path / "expected_shares.parquet")
    rows = tables.read(Results(tmp_path).table("expected_shares")).query("metric == 'accuracy'").set_index("model")
    assert rows["value"].tolist() == pytest.approx([0.1] * 3)
    assert rows["adjusted"].tolist() == pytest.approx([0.9, 0.9, np.nan], nan_ok=True)
