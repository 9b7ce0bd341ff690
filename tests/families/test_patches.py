"""Patches find what is unlike normal samples in its place, and their threshold needs no other samples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import sparse_encode

from gradewise.command import UserError
from gradewise.config.backbones import Backbone, NamedBackbone
from gradewise.config.views import View
from gradewise.families import registry
from gradewise.families.backbones.network import convolutions
from gradewise.families.check import check_family
from gradewise.families.patches.classifier import PatchesClassifier
from gradewise.families.patches.reconstruction import sparse_codes
from gradewise.families.training_set import Pretrained, TrainingSet
from gradewise.localisation.maps import map_image
from gradewise.provenance import hash_file
from gradewise.views.samples import Samples

CLASSES = ["good", "bad"]
SIDE = 64


def texture(generator, height=SIDE, width=SIDE):
    """Stripes with noise, shifted at random."""
    waves = np.sin((np.arange(width) + generator.uniform(0, 50)) / 2.5) * 40
    return np.clip(128 + waves + generator.normal(0, 12, (height, width)), 0, 255).astype(np.uint8)[..., None]


def with_blob(sample, row, column, radius=9):
    """The sample with a smooth disc in it."""
    rows, columns = np.indices(sample.shape[:2])
    inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
    return np.where(inside[..., None], 170, sample).astype(np.uint8), inside


def training_set(folder, *, labels=("good",) * 24, positive="bad", seed=0, pretrained=None):
    generator = np.random.default_rng(seed)
    pixels = [texture(generator) for _ in labels]
    pixels = [
        with_blob(sample, 32, 32)[0] if label == "bad" else sample for sample, label in zip(pixels, labels, strict=True)
    ]
    rows = [
        {"sample_id": f"{k}", "image_id": f"{k}", "group": f"g{k // 2}", "role": "train", "row": 0, "column": 0}
        for k in range(len(labels))
    ]
    table = pd.DataFrame(rows).assign(label=list(labels))
    samples = Samples(table=table, pixels=np.stack(pixels))
    return TrainingSet(samples, CLASSES, 1, 1, folder, positive=positive, pretrained=pretrained)


def fit(training, **settings):
    family = registry.family("patches")
    return family.fit(training, family.settings_with(training.pretrained is not None)(**settings))


@pytest.fixture
def pretrained(tmp_path):
    """An EfficientNet-Lite0 with random weights."""
    generator, tensors = np.random.default_rng(0), {}
    for layer in convolutions("efficientnet_lite0"):
        scale = np.sqrt(2 / np.prod(layer.shape[1:]))
        tensors[f"{layer.weight}.weight"] = (generator.normal(0, scale, layer.shape)).astype(np.float32)
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            tensors[f"{layer.norm}.{part}"] = np.full(layer.shape[0], value, np.float32)
    path = tmp_path / "lite0.safetensors"
    save_file(tensors, path)
    section = Backbone.model_validate(
        {
            "architecture": "efficientnet_lite0",
            "weights": str(path),
            "sha256": hash_file(path),
            "licence": "made up",
            "trained_on": "nothing",
        }
    )
    return Pretrained(NamedBackbone(name="lite0", section=section), path)


@pytest.mark.parametrize("describe", ["texture", "dictionary", "components"])
@pytest.mark.parametrize("memory", [{"memory": "neighbours"}, {"memory": "gaussians", "gaussians": 2}], ids=str)
def test_a_blob_is_found_where_it_is(tmp_path, describe, memory):
    classifier = fit(training_set(tmp_path), describe=describe, stride=4, patch=8, stored=500, **memory).classifier
    sample, blob = with_blob(texture(np.random.default_rng(7), 96, 160), 30, 120)
    heat = classifier.maps(sample[None], "bad")[0]
    assert heat.shape == (24, 40)
    inside = blob[2::4, 2::4]
    far = np.ones_like(inside)
    far[: (30 + 30) // 4, (120 - 40) // 4 :] = False
    assert np.median(heat[inside]) > np.quantile(heat[far], 0.99)
    np.testing.assert_array_equal(classifier.maps(sample[None], "good")[0], -heat)


def test_maps_of_a_network_find_it_too_and_are_the_same_in_blocks(tmp_path, pretrained, monkeypatch):
    training = training_set(tmp_path, labels=("good",) * 6, pretrained=pretrained)
    fitted = fit(training, enlarge=2, depths=[2, 3], stored=500)
    assert fitted.facts["backbone"]["name"] == "lite0"
    assert fitted.facts["described_by"] == "efficientnet_lite0, stages 2, 3, enlarged 2 times"
    assert fitted.facts["compared_with"] == "4 Gaussians"
    assert fitted.facts["sees_px"] == 2 * fitted.classifier.reach
    sample, blob = with_blob(texture(np.random.default_rng(7), 96, 160), 30, 120)
    heat = fitted.classifier.maps(sample[None], "bad")[0]
    assert heat.shape == (12, 20)
    assert np.median(heat[blob[4::8, 4::8]]) > np.quantile(heat[:, :10], 0.95)
    monkeypatch.setattr("gradewise.families.patches.network.BLOCK", 64)
    np.testing.assert_allclose(fitted.classifier.maps(sample[None], "bad")[0], heat, atol=0.3)


def test_a_large_image_is_mapped_by_a_network_part_by_part_as_in_one(tmp_path, pretrained, monkeypatch):
    training = training_set(tmp_path, labels=("good",) * 6, pretrained=pretrained)
    classifier = fit(training, enlarge=1, depths=[2], stored=500).classifier
    image = with_blob(texture(np.random.default_rng(7), 128, 512), 60, 300)[0][..., 0]
    view = View.model_validate(["grey", {"tile": SIDE, "keep": "all"}])
    whole = map_image(image, view, classifier, "bad").scores
    seen = []
    maps = PatchesClassifier.maps
    monkeypatch.setattr("gradewise.localisation.maps.PART", 128)
    monkeypatch.setattr(
        PatchesClassifier, "maps", lambda self, pixels, label: seen.append(pixels.shape) or maps(self, pixels, label)
    )
    parts = map_image(image, view, classifier, "bad").scores
    assert len(seen) > 2
    assert max(shape[2] for shape in seen) < 512
    assert parts.shape == whole.shape == (16, 64)
    assert np.ptp(whole) > 3
    np.testing.assert_allclose(parts, whole, atol=0.3)


def test_about_as_many_normal_samples_are_called_bad_as_stated_and_blobs_are_seen(tmp_path):
    training = training_set(tmp_path, labels=("good",) * 60)
    generator = np.random.default_rng(9)
    normal = np.stack([texture(generator) for _ in range(100)])
    called = {}
    for share in (0.02, 0.3):
        classifier = fit(training, false_alarms=share, stored=500).classifier
        called[share] = (classifier.predict_proba(normal)[:, 1] > 0.5).mean()
        bad = np.stack([with_blob(sample, 20, 40)[0] for sample in normal[:20]])
        assert (classifier.predict_proba(bad)[:, 1] > 0.5).all()
    assert called[0.02] < 0.08
    assert 0.1 < called[0.3] < 0.45


@pytest.mark.parametrize(
    ("settings", "described", "compared"),
    [
        (
            {"describe": "texture", "memory": "neighbours", "stored": 60},
            "texture, filters of 1, 2, 4 px",
            "nearest 3 of 60",
        ),
        ({"describe": "dictionary", "patch": 8, "gaussians": 1}, "sparse codes of patches of 8 px", "1 Gaussian"),
        ({"describe": "components", "patch": 12}, "principal components of patches of 12 px", "4 Gaussians"),
    ],
)
def test_a_run_records_what_describes_patches_and_what_they_are_compared_with(tmp_path, settings, described, compared):
    facts = fit(training_set(tmp_path), **settings).facts
    assert facts["described_by"] == described
    assert str(facts["compared_with"]).startswith(compared)


def test_bad_training_samples_have_no_part_in_the_model(tmp_path):
    labels = ("good",) * 24
    alone = fit(training_set(tmp_path, labels=labels))
    both = fit(training_set(tmp_path, labels=labels + ("bad",) * 6))
    assert both.facts["normal_samples"] == alone.facts["normal_samples"] == 24
    samples = training_set(tmp_path, seed=5).samples.pixels
    np.testing.assert_array_equal(both.classifier.predict_proba(samples), alone.classifier.predict_proba(samples))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positive": None}, "positive: null"),
        ({"classes": ["good", "bad", "ugly"]}, "two classes"),
        ({"labels": ("good",)}, "at least two"),
    ],
)
def test_what_it_cannot_learn_from_is_refused(tmp_path, change, message):
    classes = change.pop("classes", CLASSES)
    with pytest.raises(UserError, match=message):
        fit(replace(training_set(tmp_path, **change), classes=classes))


def test_a_stored_model_with_a_network_predicts_the_same_and_is_refused_when_altered(tmp_path, pretrained):
    training = training_set(tmp_path, labels=("good",) * 4, pretrained=pretrained)
    classifier = fit(training, enlarge=1, depths=[2], memory="gaussians").classifier
    classifier.write(tmp_path)
    family, pixels = registry.family("patches"), training.samples.pixels
    np.testing.assert_array_equal(family.load(tmp_path).predict_proba(pixels), classifier.predict_proba(pixels))
    record = json.loads((tmp_path / "model.json").read_text())
    for change in ({"positive": "ugly"}, {"spread": 0.0}, {"network": None}, {"classes": ["a", "b", "c"]}):
        (tmp_path / "model.json").write_text(json.dumps({**record, **change}))
        with pytest.raises(UserError, match=r"model\.json"):
            family.load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(record))
    tensors = load_file(tmp_path / "patches.safetensors")
    save_file({**tensors, "memory.mean": tensors["memory.mean"][:-1]}, tmp_path / "patches.safetensors")
    with pytest.raises(UserError, match=r"patches\.safetensors"):
        family.load(tmp_path)


@pytest.mark.slow
def test_models_with_a_network_keep_the_contract(pretrained):
    check_family("patches", {"enlarge": 2, "depths": [2], "stored": 100}, (32, 32, 3), pretrained)


def test_sparse_codes_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    basis = generator.normal(size=(30, 36)).astype(np.float32)
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    patches = generator.normal(size=(50, 36)).astype(np.float32)
    expected = sparse_encode(patches, basis, algorithm="omp", n_nonzero_coefs=4)
    np.testing.assert_allclose(sparse_codes(patches, basis, 4), expected, atol=2e-3)
