import json
from dataclasses import replace

import pytest

from gradewise.predict.verification import Verification
from gradewise.report import evidence
from gradewise.report.sections.deployed import compared, onnx_sentences, section

FACTS = {
    "model": "cnn",
    "repeat": 0,
    "images": 14,
    "of_images": 14,
    "samples": 126,
    "largest_difference": 3e-8,
    "largest_sample_difference": 6e-8,
    "other_class": (),
    "device": "cpu",
    "tolerance": 1e-6,
    "seconds_per_image": 0.02,
    "threads": 1,
    "versions": {},
}


def found(**changed):
    return Verification.model_validate(FACTS | changed)


@pytest.mark.parametrize(
    ("changed", "outcome", "words"),
    [
        ({}, "equal", "It predicts what was tested: cnn of the first repeat was packed in the same way and read all 14 "
         "of its test images from their files. All verdicts are those of the test, and no probability differs by "
         "more than 6e-8."),
        ({"largest_sample_difference": 1e-6}, "equal", "no probability differs by more than 1e-6"),
        ({"largest_sample_difference": 1.1e-6}, "other probabilities", "It is not quite the model that was tested"),
        ({"other_class": ("a.png",)}, "other classes", "and 1\u00a0image got another class than in the test"),
        ({"of_images": 20}, "equal", "14 of its 20 test images, drawn at random,"),
        ({"largest_difference": 0, "largest_sample_difference": 0}, "equal", "all probabilities are exactly those"),
    ],
)  # fmt: skip
def test_the_comparison_is_told_as_it_ended(changed, outcome, words):
    verification = found(**changed)
    assert verification.outcome == outcome
    assert verification.equal == (outcome == "equal")
    assert words in compared(verification)


def test_onnx_forms_are_told_with_what_is_missing():
    form = {"member": "cnn", "bytes": 1000, "native_bytes": 900, "seconds_per_sample": 1e-3}
    told = {"largest_difference": 4e-7, "other_class": ()}
    (sentence,) = onnx_sentences(found(onnx=[form], onnx_verdicts=told))
    assert "predicts the same class for all of these images, and probabilities differ by at most 4e-7." in sentence
    (sentence,) = onnx_sentences(found(onnx=[form], onnx_verdicts=told | {"other_class": ("a", "b")}))
    assert "predicts another class for 2\u00a0images" in sentence
    obstacle = 'predict_onnx.py cannot do {"blur": 2} in the view soft; use gradewise predict'
    sentence, reason = onnx_sentences(found(onnx=[form], onnx_verdicts=told, script_missing=obstacle))
    assert "nor PyTorch: it predicts the same class" in sentence
    assert reason == f"The folder has no script for image files, since {obstacle}."
    (sentence,) = onnx_sentences(found(onnx=[{"member": "cnn", "missing": "none"}]))
    assert sentence == "It cannot be used without gradewise: cnn has no ONNX form."


def test_the_section_says_where_the_model_is_and_what_it_was_fitted_on(make_fibres):
    fibres = make_fibres()
    text = _text(fibres)
    assert text.startswith("cnn-small can be tried out in results/fibres/deployed and results/fibres/deployed.zip")
    assert "trained again in the same way on all 48\u00a0images. No image is left to test it on" in text
    fibres.change(deploy={"fit_on": "training"})
    assert "as it was trained and tested in the first repeat" in _text(fibres)
    path = fibres.results.folder / "verification.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"other_class": ["a.png"]}))
    assert _text(fibres) == "No model is handed over: cnn-small failed the check below."


@pytest.mark.parametrize(
    ("state", "words"),
    [("ready", "is ready to use"), ("promising", "can be tried out"), ("not good enough", "can be tried out")],
)
def test_only_a_model_that_is_ready_is_called_ready(fibres, state, words):
    known = evidence.read(**fibres.known)
    outcome = known.recommendation.outcome.model_copy(update={"state": state})
    judged = replace(known, recommendation=known.recommendation.model_copy(update={"outcome": outcome}))
    assert section(judged).blocks[0].text.startswith(f"cnn-small {words} in results/fibres/deployed")


def _text(world):
    return section(evidence.read(**world.known)).blocks[0].text


def test_without_a_model_handed_over_there_is_no_section(grades):
    assert section(evidence.read(**grades.known)) is None
