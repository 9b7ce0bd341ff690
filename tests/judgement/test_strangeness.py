"""Strangeness of samples, and files of the samples that others are compared with."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gradewise.command import UserError
from gradewise.judgement.spoil import KINDS
from gradewise.judgement.strangeness import MOST_SAMPLES, Stranger, describe, fit_reference, read_reference

SHAPE = (24, 20, 3)


def textures(count, seed):
    """Coloured noise of varying contrast."""
    rng = np.random.default_rng(seed)
    contrast = rng.uniform(14, 17, (count, 1, 1, 1))
    return np.clip(rng.normal((120, 100, 90), contrast, (count, *SHAPE)), 0, 255).astype(np.uint8)


@pytest.fixture
def reference():
    return fit_reference(describe(textures(200, 0)), SHAPE, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["blurred", "dark"])
def test_bad_photos_are_stranger_than_new_images_of_the_same_kind(reference, kind):
    usual, bad = textures(40, 1), np.stack([KINDS[kind](pixels) for pixels in textures(40, 2)])
    assert reference.distances(describe(bad)).min() > reference.distances(describe(usual)).max()


def test_other_colours_of_the_same_light_are_strange(reference):
    turned = np.roll(textures(40, 1), 1, axis=3)
    assert reference.distances(describe(turned)).min() > reference.distances(describe(textures(40, 2))).max()


def test_strangeness_does_not_depend_on_which_samples_are_described_together(reference):
    pixels = textures(9, 1)
    together = reference.distances(describe(pixels))
    alone = np.concatenate([reference.distances(describe(pixels[k : k + 1])) for k in range(9)])
    np.testing.assert_allclose(alone, together, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 40, 1), (4, 4, 3), (33, 65, 1)])
def test_samples_of_any_shape_are_described_and_stored(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, (7, *shape), dtype=np.uint8)
    known = fit_reference(describe(pixels), shape, np.random.default_rng(0))
    known.write(tmp_path / "v.safetensors")
    again = read_reference(tmp_path / "v.safetensors")
    new = describe(np.zeros((2, *shape), np.uint8))
    np.testing.assert_array_equal(again.distances(new), known.distances(new))
    assert again.shape == shape


def test_of_many_samples_some_are_kept():
    statistics = np.random.default_rng(0).normal(size=(MOST_SAMPLES + 10, 3)).astype(np.float32)
    assert len(fit_reference(statistics, SHAPE, np.random.default_rng(0)).statistics) == MOST_SAMPLES


def test_an_image_is_as_strange_as_the_mean_of_its_samples_in_the_view_in_which_it_is_strangest(reference):
    pixels = textures(5, 1)
    distances = reference.distances(describe(pixels))
    stranger = Stranger({"tiles": reference, "whole": reference}, 1.0, 0.05)
    told = stranger.of_images({"tiles": pixels, "whole": pixels[3:]}, {"tiles": [3, 2], "whole": [1, 1]})
    expected = np.maximum([distances[:3].mean(), distances[3:].mean()], distances[3:])
    np.testing.assert_allclose(told, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"scale": np.zeros(16, np.float32)}, "scale is not above zero"),
        ({"scale": np.ones(3, np.float32)}, "has not 16 statistics"),
        ({"statistics": np.full((4, 16), np.nan, np.float32)}, "not finite"),
        ({"statistics": np.ones((4, 16), np.float64)}, "is F64"),
        ({"statistics": np.ones((MOST_SAMPLES + 1, 16), np.float32)}, "more than 5000"),
        ({"more": np.ones(2, np.float32)}, "unknown tensors more"),
    ],
)
def test_an_altered_file_is_refused(reference, tmp_path, changed, match):
    path = tmp_path / "v.safetensors"
    reference.write(path)
    tensors = load_file(path) | changed
    save_file(tensors, path, {"gradewise": '{"shape": [24, 20, 3]}'})
    with pytest.raises(UserError, match=match):
        read_reference(path)


def test_a_damaged_file_is_refused(reference, tmp_path):
    path = tmp_path / "v.safetensors"
    reference.write(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"v\.safetensors: cannot be read"):
        read_reference(path)


def test_features_are_compared_by_direction_and_length_does_not_count(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.normal(5, 1, (30, 1, 1, 12)).astype(np.float32)
    known = fit_reference(describe(features), (1, 1, 12), np.random.default_rng(0))
    known.write(tmp_path / "v.safetensors")
    again = read_reference(tmp_path / "v.safetensors")
    np.testing.assert_allclose(again.distances(describe(3 * features)), known.distances(describe(features)), atol=1e-6)
    opposite = features.copy()
    opposite[..., :6] *= -1
    assert again.distances(describe(opposite)).min() > again.distances(describe(features)).max()


def test_units_make_views_comparable(reference):
    samples = textures(4, 1)
    plain = Stranger({"a": reference}, 1.0, 0.05).of_images({"a": samples}, {"a": [1] * 4})
    double = Stranger({"a": reference}, 1.0, 0.05, {"a": 0.5}).of_images({"a": samples}, {"a": [1] * 4})
    np.testing.assert_allclose(double, 2 * plain)
