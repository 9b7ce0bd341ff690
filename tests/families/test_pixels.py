"""Pixels reach the device that trains in the order asked for, and stay there only if they fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradewise.families.cnn import pixels
from gradewise.families.cnn.pixels import PixelSource, fits

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 4, 3, 2), dtype=np.uint8)
POSITIONS = [np.array([3, 3, 19]), np.array([0]), np.array([7, 1])]


@pytest.mark.parametrize("resident", [True, False])
def test_batches_are_the_samples_at_their_positions(resident: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "fits", lambda size, device: resident)
    monkeypatch.setattr(pixels, "BLOCK_BYTES", 3 * PIXELS[0].nbytes)  # several blocks, the last one shorter
    source = PixelSource(PIXELS, torch.device("cpu"))
    for _ in range(2):
        batches = list(source.batches(POSITIONS))
        assert all(np.array_equal(batch, PIXELS[rows]) for batch, rows in zip(batches, POSITIONS, strict=True))
        assert {batch.dtype for batch in batches} == {torch.uint8}
    assert list(source.batches([])) == []


@pytest.mark.parametrize("resident", [True, False])
def test_batches_are_made_without_waiting_for_the_device(resident: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors of the device `meta` have no values to wait for."""
    monkeypatch.setattr(pixels, "fits", lambda size, device: resident)
    batches = list(PixelSource(PIXELS, torch.device("meta")).batches(POSITIONS))
    assert [batch.shape for batch in batches] == [(len(rows), 4, 3, 2) for rows in POSITIONS]
    assert {batch.device.type for batch in batches} == {"meta"}


@pytest.mark.parametrize(("size", "expected"), [(250, True), (251, False)])
def test_a_gpu_keeps_pixels_that_take_at_most_a_quarter_of_what_is_free(size, expected, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 8000))
    assert fits(size, torch.device("cuda")) is expected


def test_on_a_processor_pixels_stay_where_they_are() -> None:
    assert not fits(1, torch.device("cpu"))
