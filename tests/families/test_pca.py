from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from gradewise.command import UserError
from gradewise.families import pca


def make_pixels(n: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Images of a few smooth factors with noise, so that components are distinct."""
    generator = np.random.default_rng(n)
    d = int(np.prod(shape))
    factors = generator.normal(size=(n, 12)) * 60 * 0.7 ** np.arange(12)
    grey = 120 + factors @ generator.normal(size=(12, d)) / 2 + generator.normal(0, 2, (n, d))
    return np.clip(grey, 0, 255).astype(np.uint8).reshape(n, *shape)


@pytest.mark.parametrize(("n", "shape"), [(60, (16, 16, 3)), (400, (6, 6, 2))], ids=["gram", "covariance"])
class TestAgainstScikitLearn:
    def test_scores_components_and_variances_agree_with_the_full_decomposition(self, n, shape):
        pixels = make_pixels(n, shape)
        rows = np.arange(0, n, 2)
        flat = pixels.reshape(n, -1).astype(np.float64)
        reference = PCA(10, svd_solver="full").fit(flat[rows])
        fitted = pca.fit(pixels, rows, 10)
        np.testing.assert_allclose(fitted.explained_variance, reference.explained_variance_, rtol=1e-4)
        np.testing.assert_allclose(fitted.components, reference.components_, atol=1e-4)
        scores, expected = fitted.project(pixels), reference.transform(flat)
        assert np.linalg.norm(scores - expected, axis=0) == pytest.approx(
            0, abs=1e-4 * np.linalg.norm(expected, axis=0).min()
        )
        ratio = fitted.explained_variance.sum() / fitted.total_variance
        assert ratio == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-4)

    def test_small_blocks_change_nothing(self, n, shape, monkeypatch):
        pixels = make_pixels(n, shape)
        whole = pca.fit(pixels, np.arange(n), 5)
        monkeypatch.setattr(pca, "BLOCK_BYTES", 1)
        blocks = pca.fit(pixels, np.arange(n), 5)
        np.testing.assert_allclose(blocks.components, whole.components, atol=1e-4)
        np.testing.assert_allclose(blocks.project(pixels), whole.project(pixels), atol=0.05)

    def test_a_fit_with_more_components_begins_with_those_of_fewer(self, n, shape):
        pixels = make_pixels(n, shape)
        many, few = (pca.fit(pixels, np.arange(n), k) for k in (12, 4))
        np.testing.assert_allclose(many.project(pixels)[:, :4], few.project(pixels), atol=0.05)
        np.testing.assert_allclose(many.first(4).project(pixels), few.project(pixels), atol=0.05)

    def test_the_largest_entry_of_each_component_is_positive(self, n, shape):
        axes = pca.fit(make_pixels(n, shape), np.arange(n), 8).components
        assert (axes[np.arange(8), np.abs(axes).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize(("n", "d"), [(40, 60), (90, 20)], ids=["gram", "covariance"])
def test_features_are_standardised_with_the_training_samples(n, d):
    generator = np.random.default_rng(n)
    features = (generator.normal(size=(n, 5)) @ generator.normal(size=(5, d)) + generator.normal(size=(n, d))) * 10.0
    features[:, 0] = 3
    features[:, 1] *= 1000
    features, rows = features.astype(np.float32), np.arange(0, n, 2)
    scaler = StandardScaler().fit(features[rows])
    reference = PCA(4, svd_solver="full").fit(scaler.transform(features[rows]))
    fitted = pca.fit(features.reshape(n, 1, 1, d), rows, 4)
    expected = reference.transform(scaler.transform(features))
    signs = np.sign((fitted.components / np.abs(fitted.components).max() * reference.components_).sum(axis=1))
    np.testing.assert_allclose(fitted.project(features.reshape(n, 1, 1, d)), expected * signs, atol=0.01)
    np.testing.assert_allclose(fitted.explained_variance, reference.explained_variance_, rtol=1e-3)


def test_no_more_components_than_samples_less_one_are_found():
    pixels = make_pixels(9, (8, 8, 1))
    assert len(pca.fit(pixels, np.arange(9), 50).components) == 8


def test_no_components_are_made_up_where_samples_repeat():
    pixels = np.concatenate([make_pixels(6, (8, 8, 1))] * 4)
    fitted = pca.fit(pixels, np.arange(24), 20)
    assert len(fitted.components) == 5
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(5), atol=1e-4)


def test_samples_that_are_all_alike_are_refused():
    with pytest.raises(UserError, match="are all equal"):
        pca.fit(np.full((5, 4, 4, 1), 7, np.uint8), np.arange(5), 2)


def test_a_single_training_sample_is_refused():
    with pytest.raises(UserError, match="at least two training samples"):
        pca.fit(make_pixels(3, (4, 4, 1)), np.array([1]), 2)


def test_stored_components_come_back_with_their_notes(tmp_path):
    pixels = make_pixels(20, (5, 4, 3))
    fitted = pca.fit(pixels, np.arange(20), 3)
    fitted.write(tmp_path / "pca.safetensors", repeat=4)
    found, notes = pca.read_pca(tmp_path / "pca.safetensors")
    np.testing.assert_array_equal(found.project(pixels), fitted.project(pixels))
    assert (found.total_variance, found.shape, notes) == (fitted.total_variance, (5, 4, 3), {"repeat": 4})
