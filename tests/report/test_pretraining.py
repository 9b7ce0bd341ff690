"""What the report says of models that learn from features of a pretrained network."""

from __future__ import annotations

import json
from pathlib import Path

from gradewise.evaluation.measured import Run
from gradewise.report import evidence, page
from gradewise.report.pretraining import licences, warning
from gradewise.report.sections import accuracy
from gradewise.report.sections.settings import model_in_words

LITE = {"name": "lite0", "architecture": "efficientnet_lite0", "trained_on": "ImageNet", "licence": "Apache-2.0"}


def run(model, repeat, **record):
    return Run({"model": model, "repeat": repeat, "family": "linear", "view": "photos", **record}, Path(model))


def test_models_that_saw_other_images_are_named_once_with_their_backbone():
    text = warning([run("a", 0), run("b", 0, backbone=LITE), run("b", 1, backbone=LITE), run("c", 0, backbone=LITE)])
    assert text.startswith(
        "b and c learn from features of lite0 (efficientnet_lite0, trained on ImageNet, Apache-2.0). Such models saw "
    )
    assert warning([run("b", 0, backbone=LITE)]).startswith("b learns from features of lite0")


def test_fine_tuned_models_are_told_from_those_on_features():
    text = warning([run("a", 0, backbone=LITE), run("b", 0, backbone=LITE, fine_tuned=True)])
    assert "a learns from features of lite0 (" in text
    assert "b fine-tunes lite0 (efficientnet_lite0, trained on ImageNet, Apache-2.0). Such models saw" in text


def test_a_blend_is_named_with_its_pretrained_members():
    runs = [run("a", 0), run("b", 0, backbone=LITE)]
    both, pixels = (run(name, 0, settings={"members": members}) for name, members in (("c", "ab"), ("d", "a")))
    for blend in (both, pixels):
        blend.record["family"] = "blend"
    text = warning([*runs, both, pixels])
    assert "c blends b, among others." in text
    assert "d blends" not in text


def test_an_onnx_network_is_named_by_its_layer_and_licence():
    mine = {"name": "mine", "architecture": "onnx", "layer": "map", "trained_on": "micrographs", "licence": "CC-BY-4.0"}
    made = run("b", 0, backbone=mine)
    assert "features of mine (layer map of an ONNX file, trained on micrographs, CC-BY-4.0)." in warning([made])
    assert licences([made, run("b", 1, backbone=mine)]).startswith(
        "The folder contains weights that others published: mine (CC-BY-4.0). Keep to this licence when"
    )
    assert licences([run("a", 0)]) == ""


def test_nothing_is_said_where_all_models_learn_from_pixels():
    assert warning([run("a", 0), run("b", 0)]) == ""


def test_the_settings_say_what_a_model_sees():
    seen = model_in_words("b", run("b", 0, backbone=LITE).record)
    assert seen.endswith("on view photos, seen by lite0 (efficientnet_lite0, trained on ImageNet, Apache-2.0).")
    tuned = model_in_words("b", run("b", 0, backbone=LITE, fine_tuned=True).record)
    assert tuned.endswith(
        "on view photos, fine-tuned from lite0 (efficientnet_lite0, trained on ImageNet, Apache-2.0)."
    )
    assert model_in_words("a", run("a", 0).record).endswith("on view photos.")


def test_models_that_are_left_out_are_told_with_the_reason(make_grades):
    made = make_grades(models=("svm-plain",), repeats=1)
    path = made.known["results"] / "plan/runs.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"left_out": {"lite": "it needs what is not there"}}))
    text = page.fill(accuracy.section(evidence.read(**made.known)))
    assert "names a further model, lite, which was left out because it needs what is not there." in text
