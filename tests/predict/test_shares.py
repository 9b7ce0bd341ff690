"""A model that adjusts its probabilities to expected shares of classes: every way to use it gives the same verdicts."""

import json

import numpy as np
import pandas as pd
import pytest

from gradewise.command import UserError
from gradewise.judgement.record import Judgement
from gradewise.judgement.sets import PredictionSets
from gradewise.judgement.shares import Shares
from gradewise.predict import load_predictor, predict_files
from gradewise.predict.artefact import Facts, copy_members, seal
from gradewise.predict.loading import read_parts
from gradewise.predict.predict import predict

CLASSES = ["good", "bad"]
SHARES = Shares(training={"good": 0.5, "bad": 0.5}, expected={"good": 0.98, "bad": 0.02})
SETS = {"groups": 10, "thresholds": [{"coverage": 0.8, "least_probability": 0.2}]}


def hand_over(run, folder, shares=SHARES):
    parts = read_parts(run)
    judgement = Judgement(shares=shares, prediction_sets=PredictionSets.model_validate(SETS))
    seal(folder, parts, run.parent.name, copy_members(parts, folder), Facts(judgement=judgement))
    return folder


def probabilities(verdicts):
    return np.array([list(verdict.probabilities.values()) for verdict in verdicts])


def test_tiles_of_a_blend_are_gathered_before_their_image_is_adjusted(make_blend, tmp_path):
    run = make_blend(["grey", {"resize": 16}], ["grey", {"tile": 16}], "probability", "image")
    images = sorted((tmp_path / "photos").iterdir())
    before, after = (list(predict_files(folder, images)) for folder in (run, hand_over(run, tmp_path / "deployed")))
    expected = SHARES.adjust(probabilities(before), CLASSES)
    np.testing.assert_allclose(probabilities(after), expected, atol=1e-6)
    assert [verdict.predicted for verdict in after] == np.take(CLASSES, expected.argmax(axis=1)).tolist()
    assert [verdict.predicted for verdict in after] != [verdict.predicted for verdict in before]
    for adjusted, own in zip(after, before, strict=True):
        for said, other in zip(adjusted.of_samples, own.of_samples, strict=True):
            np.testing.assert_array_equal(said.probabilities, other.probabilities)


def test_the_fingerprint_tells_other_shares_apart(run, tmp_path):
    other = SHARES.model_copy(update={"expected": {"good": 0.9, "bad": 0.1}})
    folders = [run, hand_over(run, tmp_path / "one"), hand_over(run, tmp_path / "two", other)]
    assert len({load_predictor(folder).fingerprint for folder in folders}) == 3


def test_sets_are_those_of_the_models_own_probabilities_with_the_adjusted_class(run, tmp_path):
    photos = [str(tmp_path / "photos")]
    for name, shares in (("own", None), ("adjusted", SHARES)):
        predict(hand_over(run, tmp_path / name, shares), photos, tmp_path / f"{name}.csv", coverage=0.8)
    own, adjusted = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("own", "adjusted"))
    assert (own["class"] != adjusted["class"]).any()
    for before, after in zip(own.itertuples(), adjusted.itertuples(), strict=True):
        own_set = {name for name in CLASSES if getattr(before, f"p_{name}") >= 0.2}
        assert set(after.set.split("|")) == own_set | {after[2]}


def test_shares_that_do_not_fit_the_classes_are_refused(run, tmp_path):
    folder = hand_over(run, tmp_path / "deployed")
    content = json.loads((folder / "model.json").read_text())
    content["judgement"]["shares"]["training"] = {"good": 0.5, "worse": 0.5}
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"model\.json: lacks a share in training or an expected one"):
        load_predictor(folder)
