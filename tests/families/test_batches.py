"""The order of training samples, and their pixel statistics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradewise.families.cnn import batches
from gradewise.families.cnn.batches import batches_per_epoch, pixel_statistics, prefetch, shuffled_batches


@given(st.integers(2, 50), st.integers(2, 20), st.integers(0, 3))
def test_an_epoch_takes_every_sample_once_but_one_left_over(samples: int, size: int, epoch: int) -> None:
    positions = np.arange(100, 100 + samples)
    per_epoch = batches_per_epoch(samples, size)
    parts = list(shuffled_batches(positions, size, 1, epoch * per_epoch, (epoch + 1) * per_epoch))
    taken = np.concatenate(parts)
    assert len(parts) == per_epoch
    assert all(2 <= len(part) <= size for part in parts)
    assert len(set(taken)) == len(taken) == samples - (samples % size == 1)
    assert set(taken) <= set(positions)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_any_cut_of_the_row_of_batches_gives_the_same_batches(first: int, second: int, third: int) -> None:
    start, cut, stop = sorted((first, second, third))
    positions = np.arange(17)
    whole = list(shuffled_batches(positions, 4, 9, start, stop))
    parts = itertools.chain(shuffled_batches(positions, 4, 9, start, cut), shuffled_batches(positions, 4, 9, cut, stop))
    assert len(whole) == stop - start
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_epochs_are_shuffled_differently() -> None:
    first, second = (next(shuffled_batches(np.arange(40), 40, 0, epoch, epoch + 1)) for epoch in (0, 1))
    assert not np.array_equal(first, second)


def test_prefetch_keeps_the_order() -> None:
    assert list(prefetch(iter(range(1, 20)))) == list(range(1, 20))


def test_prefetch_passes_on_what_goes_wrong() -> None:
    def broken():
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(prefetch(broken()))


def test_statistics_are_those_of_the_chosen_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BLOCK_BYTES", 500)  # several blocks
    pixels = np.random.default_rng(0).integers(0, 256, (20, 7, 5, 3), dtype=np.uint8)
    chosen = np.array([1, 4, 5, 19])
    mean, std = pixel_statistics(pixels, chosen)
    np.testing.assert_allclose(mean, pixels[chosen].mean(axis=(0, 1, 2)) / 255, rtol=1e-12)
    np.testing.assert_allclose(std, pixels[chosen].std(axis=(0, 1, 2)) / 255, rtol=1e-10)


def test_statistics_of_many_bright_pixels_do_not_overflow() -> None:
    pixels = np.full((2**17, 1, 1, 1), 254, dtype=np.uint8)
    pixels[::2] = 255
    mean, std = pixel_statistics(pixels, np.arange(len(pixels)))
    assert mean == pytest.approx([254.5 / 255])
    assert std == pytest.approx([0.5 / 255])


def test_a_channel_without_variation_is_left_at_its_scale() -> None:
    mean, std = pixel_statistics(np.full((3, 4, 4, 1), 51, dtype=np.uint8), np.arange(3))
    assert mean == pytest.approx([0.2])
    assert std == [1.0]
