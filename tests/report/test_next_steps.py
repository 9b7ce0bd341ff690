"""The steps that a report proposes: what they say can be copied into a configuration."""

from __future__ import annotations

from dataclasses import replace

import yaml

from gradewise.config.backbones import Backbone
from gradewise.config.evaluation import Evaluation
from gradewise.config.models import FittedModel
from gradewise.report import evidence
from gradewise.report.next_steps import next_steps


def test_lines_for_a_pretrained_network_are_whole_sections(grades):
    known = evidence.read(**grades.known)
    step = next(step for step in next_steps(known, most=99) if step.title == "Try features of a pretrained network")
    lines = yaml.safe_load(step.lines)
    (name, section), (model_name, model) = (next(iter(lines[key].items())) for key in ("backbones", "models"))
    assert Backbone.model_validate(section).sha256
    assert FittedModel.model_validate(model).backbone == name
    assert model["view"] in known.views
    assert lines["datasets"] == {known.dataset: {"models": [*known.models, model_name]}}


def learning_from_one_class(known, **settings):
    """The evidence as it would be if training took images of one class alone."""
    evaluation = Evaluation.model_validate({"train_only": "A", **settings})
    return replace(known, settings=known.settings.model_copy(update={"evaluation": evaluation, "positive": "B"}))


def test_where_no_normal_image_is_tested_folds_of_them_are_proposed_first(grades):
    known = evidence.read(**grades.known)
    first = next_steps(learning_from_one_class(known))[0]
    assert first.title == "Test images of A, too"
    proposed = yaml.safe_load(first.lines)["datasets"][known.dataset]["evaluation"]
    assert Evaluation.model_validate(proposed) == Evaluation(train_only="A", folds=5, repeats=1)
    for others in (known, learning_from_one_class(known, folds=3)):
        assert first.title not in {step.title for step in next_steps(others, most=99)}


def test_models_that_learn_from_one_class_are_proposed_nothing_that_needs_two(grades):
    steps = {step.title: step for step in next_steps(learning_from_one_class(evidence.read(**grades.known)), most=99)}
    assert "Find out whether more groups would help" not in steps
    assert "family: patches" in steps["Try features of a pretrained network"].lines


def test_no_more_steps_than_asked_for_the_measured_ones_first(grades):
    known = evidence.read(**grades.known)
    every = next_steps(known, most=99)
    assert next_steps(known) == every[:3]
    assert [step.rank[0] for step in every] == sorted(step.rank[0] for step in every)
