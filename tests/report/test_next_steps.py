"""The steps that a report proposes: what they say can be copied into a configuration."""

from __future__ import annotations

import yaml

from gradewise.config.backbones import Backbone
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


def test_no_more_steps_than_asked_for_the_measured_ones_first(grades):
    known = evidence.read(**grades.known)
    every = next_steps(known, most=99)
    assert next_steps(known) == every[:3]
    assert [step.rank[0] for step in every] == sorted(step.rank[0] for step in every)
