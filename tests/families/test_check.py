"""The families of this package keep the contract, and `check_family` tells which part of it another breaks."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from onnx import ModelProto

from gradewise.command import UserError
from gradewise.families import registry
from gradewise.families.check import ContractError, check_family
from gradewise.families.forest import Forest
from gradewise.families.forest.classifier import ForestClassifier

pytestmark = pytest.mark.slow

SMALL = {
    "cnn": {"channels": [4, 8], "dense": [8], "epochs": 4, "batch_size": 8, "optimiser": {"name": "adam", "lr": 0.02}},
    "pca_svm": {"components": 6},
    "forest": {"trees": 12},
    "linear": {},
    "patches": {"stored": 100},
}


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_the_families_of_this_package_keep_the_contract(name):
    check_family(name, SMALL[name])


class Swapped(ForestClassifier):
    """Gives probabilities in another order than that of its classes."""

    def predict_proba(self, pixels):
        return super().predict_proba(pixels)[:, ::-1]


class Forgetful(ForestClassifier):
    """Leaves out a file."""

    def write(self, folder):
        super().write(folder)
        (folder / "model.json").unlink()


class Trusting(Forest):
    """Reads a damaged file as if it were whole."""

    def load(self, folder):
        try:
            return super().load(folder)
        except UserError:
            return None


class Unnormalised(ForestClassifier):
    """Gives scores instead of probabilities."""

    def predict_proba(self, pixels):
        return 0.5 * super().predict_proba(pixels)


@pytest.mark.parametrize(
    ("classifier", "breach"),
    [
        (Swapped, "order of classes"),
        (Forgetful, r"wrote \['forest.safetensors'\], but files lists \['forest.safetensors', 'model.json'\]"),
        (Unnormalised, "do not add up to 1"),
    ],
)
def test_a_breach_is_named(monkeypatch, classifier, breach):
    monkeypatch.setattr("gradewise.families.forest.fit.ForestClassifier", classifier)
    with pytest.raises(ContractError, match=breach):
        check_family("forest", SMALL["forest"])


def test_a_damaged_file_that_is_read_is_named(monkeypatch):
    module = registry.module_of("forest")
    monkeypatch.setattr(registry, "family", lambda name: Trusting())
    monkeypatch.setattr(registry, "module_of", lambda name: module)
    with pytest.raises(ContractError, match=r"UserError that names forest\.safetensors if it is cut"):
        check_family("forest", SMALL["forest"])


def test_an_onnx_form_that_predicts_otherwise_is_named(monkeypatch):
    whole = Forest.to_onnx

    def without_a_tree(self, classifier):
        fewer = copy(classifier.forest)
        fewer.estimators_ = fewer.estimators_[1:]
        return whole(self, replace(classifier, forest=fewer))

    monkeypatch.setattr(Forest, "to_onnx", without_a_tree)
    with pytest.raises(ContractError, match="probabilities of the ONNX form differ by up to 0"):
        check_family("forest", SMALL["forest"])


def test_an_onnx_form_that_no_runtime_reads_is_named(monkeypatch):
    monkeypatch.setattr(Forest, "to_onnx", lambda self, classifier: ModelProto())
    with pytest.raises(ContractError, match="the ONNX form cannot be used"):
        check_family("forest", SMALL["forest"])


def test_a_fit_that_does_not_repeat_is_named(monkeypatch):
    seeds = iter(range(100))
    fit = Forest.fit_best

    def moody(self, training, candidates):
        object.__setattr__(training, "seed", next(seeds))
        return fit(self, training, candidates)

    monkeypatch.setattr(Forest, "fit_best", moody)
    with pytest.raises(ContractError, match="same seed and threads predict differently"):
        check_family("forest", {"trees": 3, "max_features": 0.1})


def test_facts_that_are_no_json_are_named(monkeypatch):
    monkeypatch.setattr("gradewise.families.forest.fit.describe_trees", lambda forest: {"depth": np.float64("nan")})
    with pytest.raises(ContractError, match="facts cannot be written as JSON"):
        check_family("forest", SMALL["forest"])
