"""The ONNX form of a model predicts what the model does."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from gradewise.families import graph, pca, registry
from gradewise.families.graph import load_graph
from gradewise.families.training_set import Components, TrainingSet
from gradewise.views.samples import read_samples

SHAPE = (16, 16, 3)
CNN = {"channels": [4, 8], "dense": [8], "epochs": 1, "batch_size": 8}
CASES = [
    ("cnn", CNN),
    ("cnn", CNN | {"activation": "prelu", "norm": "after", "pool": "stride", "dropout": 0.3, "convolutions": 2}),
    ("cnn", {"channels": [4], "dense": [], "epochs": 1, "activation": "leaky_relu", "norm": "none", "kernel": 5}),
    ("pca_svm", {"components": 6}),
    ("pca_svm", {"components": 6, "kernel": "linear", "whiten": True}),
    ("pca_svm", {"components": 40, "C": 10, "gamma": 1e-6, "class_weight": "balanced"}),
    ("forest", {"trees": 12}),
    ("forest", {"trees": 12, "select": 1.0}),
    ("forest", {"trees": 12, "components": 5}),
    ("forest", {"trees": 30, "min_samples_leaf": 4, "class_weight": "balanced"}),
    ("linear", {"C": 1.0}),
    ("linear", {"components": 6, "class_weight": "balanced"}),
]


@pytest.fixture
def fit(cache, tmp_path):
    """A factory: family, settings and a cache -> a classifier, and the pixels of the cache."""

    def fit(name, settings, made):
        family = registry.family(name)
        section = family.settings.model_validate(settings)
        samples = read_samples(made.samples, made.splits, made.manifest, 0)
        training = TrainingSet(samples, made.classes, seed=1, threads=1, folder=tmp_path)
        count = family.components(section)
        if count is not None:
            fitted = pca.fit(samples.pixels, training.train[0], count)
            training = replace(training, components=Components(fitted, fitted.project(samples.pixels), 0.0))
        return family.fit(training, section).classifier, samples.pixels

    return fit


def converted(name, classifier):
    """The ONNX form as a function, after ONNX's own check of the file."""
    model = registry.family(name).to_onnx(classifier)
    onnx.checker.check_model(model, full_check=True)
    return load_graph(model.SerializeToString())


@pytest.mark.parametrize("classes", [["A", "B"], ["A", "B", "C", "D", "E"]], ids=len)
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_probabilities_and_classes_are_those_of_the_model(cache, fit, name, settings, classes):
    classifier, pixels = fit(name, settings, cache(groups=40, shape=SHAPE, classes=classes, contrast=15))
    noise = np.random.default_rng(0).integers(0, 256, (60, *SHAPE), dtype=np.uint8)
    pixels = np.concatenate([pixels, noise])
    expected, predict = classifier.predict_proba(pixels), converted(name, classifier)
    actual = predict(pixels)
    assert (actual.dtype, actual.shape) == (np.float32, (len(pixels), len(classes)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
    assert (actual.argmax(axis=1) == expected.argmax(axis=1)).all()
    np.testing.assert_allclose(predict(pixels[:1]), expected[:1], rtol=0, atol=1e-5)


def test_a_pixel_on_a_threshold_goes_the_same_way(cache, fit):
    classifier, _ = fit("forest", {"trees": 5}, cache(shape=(2, 2, 1)))
    thresholds = np.concatenate([tree.tree_.threshold for tree in classifier.forest.estimators_])
    on_integers = np.unique(thresholds[(thresholds == thresholds.astype(int)) & (thresholds > 0)]).astype(np.uint8)
    assert len(on_integers) > 1
    grid = np.stack(np.meshgrid(*[on_integers[:6]] * 4), axis=-1).reshape(-1, 2, 2, 1)
    np.testing.assert_allclose(converted("forest", classifier)(grid), classifier.predict_proba(grid), atol=1e-6)


def test_two_classes_with_equal_votes_give_the_same_class(cache, fit):
    classifier, pixels = fit("forest", {"trees": 2}, cache(shape=(2, 2, 1), classes=["A", "B"], contrast=5))
    expected = classifier.predict_proba(pixels)
    assert (expected == 0.5).any()
    np.testing.assert_array_equal(converted("forest", classifier)(pixels).argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize(("gpu", "offered", "there"), list(itertools.product([True, False], repeat=3)))
def test_a_graph_runs_on_a_gpu_only_where_asked_offered_and_there(monkeypatch, gpu, offered, there):
    monkeypatch.setattr(graph, "has_gpu", lambda: there)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [graph.ON_GPU] if offered else [])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda model, options, providers: providers)
    providers = graph.session_of(b"", gpu=gpu)
    if gpu and offered and there:
        assert providers == [(graph.ON_GPU, graph.ALIKE_ON_GPU), graph.ON_PROCESSOR]
    else:
        assert providers == [graph.ON_PROCESSOR]
