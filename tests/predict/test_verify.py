"""The proof that a model that is handed over predicts what was tested."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.predict import verify as module
from gradewise.predict.verification import read_verification
from gradewise.predict.verify import verify
from gradewise.verdicts import gather

CLASSES = ["good", "bad"]


def judge(run, model):
    """Write the verdicts that evaluation would make of a run."""
    samples = tables.read(run / "predictions.parquet")
    labels = samples.groupby("image_id")["label"].first()
    verdicts = gather(samples, labels, CLASSES, None, "mean").assign(model=model, repeat=0)
    verdicts["repeat"] = verdicts["repeat"].astype("int32")
    tables.write(verdicts, run.parents[2] / "verdicts.parquet", verdicts_schema(CLASSES))


def compare(run, model, seed=1, shares=None):
    results = run.parents[2]
    output = results / "verification.json"
    verify(dataset="made-up", results=results, model=model, shares=shares, seed=seed, threads=2, output=output)
    return read_verification(output)


@pytest.fixture
def tiled(make_run):
    """A run on tiles drawn at random."""
    run = make_run("grey", {"tile": 16, "keep": "random", "count": 2})
    judge(run, "forest")
    return run


def test_a_tested_model_predicts_from_files_what_was_tested_natively_and_as_onnx(tiled):
    found = compare(tiled, "forest")
    assert found.outcome == "equal"
    assert (found.images, found.of_images, found.samples, found.other_class) == (4, 4, 8, ())
    assert found.difference <= 1e-6
    assert found.onnx_verdicts.other_class == ()
    assert found.onnx_verdicts.largest_difference <= 1e-5
    assert found.onnx[0].bytes > 0
    assert found.onnx[0].missing is None


def test_a_blend_is_compared_with_the_samples_of_its_members(make_blend):
    run = make_blend(["grey", {"resize": 16}], ["grey", {"tile": 16}], "probability", "image")
    judge(run, "both")
    found = compare(run, "both")
    assert found.equal
    assert found.samples == 4 * (1 + 6)
    assert [form.member for form in found.onnx] == ["forest", "second"]


def test_adjusted_verdicts_are_those_of_the_test_adjusted(make_blend):
    run = make_blend(["grey", {"resize": 16}], ["grey", {"tile": 16}], "probability", "image")
    judge(run, "both")
    found = compare(run, "both", shares=[0.98, 0.02])
    assert found.equal
    assert found.difference <= 1e-6
    assert found.adjusted.shares.training == {"good": 0.5, "bad": 0.5}
    assert found.adjusted.largest_difference <= found.adjusted.tolerance == pytest.approx(49e-6)
    path = run.parents[2] / "verdicts.parquet"
    verdicts = tables.read(path)
    swapped = verdicts.assign(p_good=verdicts["p_bad"], p_bad=verdicts["p_good"])
    tables.write(swapped, path, verdicts_schema(CLASSES))
    assert not compare(run, "both", shares=[0.98, 0.02]).adjusted.equal
    assert compare(run, "both").adjusted is None


def test_other_probabilities_and_classes_are_found(tiled):
    path = tiled.parents[2] / "verdicts.parquet"
    verdicts = tables.read(path)
    nudged = verdicts.assign(p_good=(verdicts["p_good"] + 1e-4).astype(np.float32))
    tables.write(nudged, path, verdicts_schema(CLASSES))
    found = compare(tiled, "forest")
    assert found.outcome == "other probabilities"
    assert found.largest_difference == pytest.approx(1e-4, rel=1e-2)
    other = verdicts["predicted"].map({"good": "bad", "bad": "good"})
    tables.write(verdicts.assign(predicted=other), path, verdicts_schema(CLASSES))
    found = compare(tiled, "forest")
    assert found.outcome == "other classes"
    assert len(found.other_class) == 4


def test_other_tiles_than_those_tested_are_found(tiled):
    path = tiled.parents[2] / "prediction.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 2}))
    found = compare(tiled, "forest")
    assert found.largest_sample_difference == 1.0
    assert not found.equal


def test_of_many_images_some_are_drawn(tiled, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    found = compare(tiled, "forest")
    assert (found.images, found.of_images, found.equal) == (3, 4, True)


def test_an_image_that_is_gone_is_named(tiled, tmp_path):
    (tmp_path / "photos/11.png").unlink()
    with pytest.raises(UserError, match=r"11.png: no such file; it was tested before"):
        compare(tiled, "forest")


def test_an_image_replaced_after_the_test_shows(tiled, tmp_path):
    Image.fromarray(np.full((32, 48), 90, np.uint8)).save(tmp_path / "photos/11.png")
    assert not compare(tiled, "forest").equal


def test_a_model_on_a_gpu_is_given_more_room(tiled):
    record = tiled / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"device": "NVIDIA H100"}))
    samples = tables.read(tiled / "predictions.parquet")
    assert isinstance(samples, pd.DataFrame)
    found = compare(tiled, "forest")
    assert (found.device, found.tolerance) == ("NVIDIA H100", 1e-2)


def test_a_damaged_record_is_refused(tmp_path):
    (tmp_path / "verification.json").write_text("{}")
    with pytest.raises(UserError, match="not what the rule verify writes"):
        read_verification(tmp_path / "verification.json")
