import json

import numpy as np
import onnx
import pytest

from gradewise.families.forest import Forest
from gradewise.families.graph import load_graph
from gradewise.families.load import load
from gradewise.predict import predict_onnx
from gradewise.predict.export import NoOnnxError, export_onnx, write_script
from gradewise.predict.loading import read_parts

SAMPLES = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8)


def test_the_file_predicts_what_the_run_does_and_names_the_classes(run, tmp_path):
    facts = export_onnx(run, tmp_path / "forest.onnx", SAMPLES)
    content = (tmp_path / "forest.onnx").read_bytes()
    expected, actual = load(run).predict_proba(SAMPLES), load_graph(content)(SAMPLES)
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert json.loads(properties["classes"]) == ["good", "bad"]
    assert (properties["view"], properties["model"]) == ("seen", "forest")
    assert facts["bytes"] == len(content)
    assert facts["native_bytes"] == sum((run / name).stat().st_size for name in Forest.files)
    assert facts["largest_difference"] == pytest.approx(np.abs(actual - expected).max())
    assert (facts["other_classes"], facts["samples"]) == (0, 20)
    assert min(facts["seconds_per_sample"], facts["native_seconds_per_sample"]) > 0


def test_a_family_without_onnx_form_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Forest, "to_onnx", lambda self, classifier: None)
    with pytest.raises(NoOnnxError, match="the family forest has no ONNX form"):
        export_onnx(run, tmp_path / "forest.onnx", SAMPLES)
    assert not (tmp_path / "forest.onnx").exists()


def test_no_script_is_written_that_could_not_make_the_samples(make_run, tmp_path, monkeypatch):
    description = read_parts(make_run("grey", {"resize": 16})).description
    write_script(description, tmp_path / "able")
    assert (tmp_path / "able/predict_onnx.py").is_file()
    monkeypatch.delitem(predict_onnx.OPERATIONS, "resize")
    with pytest.raises(NoOnnxError, match=r'predict_onnx.py cannot do {"resize": 16} in the view seen'):
        write_script(description, tmp_path / "unable")
    assert not (tmp_path / "unable").exists()
