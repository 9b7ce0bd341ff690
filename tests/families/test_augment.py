"""Random changes keep samples valid and are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradewise import symmetry
from gradewise.families.cnn.augment import build_augmentation, turn_and_flip
from gradewise.families.cnn.settings import ColourJitter, Rotate

ENTRIES = [
    "vertical_flip",
    "horizontal_flip",
    "perspective",
    "d4",
    Rotate(rotate=30),
    ColourJitter(colour_jitter=(0.8, 1.2)),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_shape_and_range_are_kept_and_samples_change(entry, channels: int) -> None:
    torch.manual_seed(0)
    batch = torch.rand(16, channels, 24, 24)
    changed = build_augmentation([entry], (24, 24, channels))(batch.clone())
    assert changed.shape == batch.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.equal(changed, batch)


def test_the_same_seed_gives_the_same_changes() -> None:
    augment = build_augmentation(ENTRIES, (16, 16, 3))
    batch = torch.rand(8, 3, 16, 16)
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(augment(batch))
    assert torch.equal(*results)


def test_d4_gives_each_sample_one_of_its_eight_exactly() -> None:
    torch.manual_seed(0)
    batch = torch.rand(64, 2, 6, 6)
    changed = turn_and_flip(batch).permute(0, 2, 3, 1).numpy()
    orbits = symmetry.orbit(batch.permute(0, 2, 3, 1).numpy())
    matches = (orbits == changed[:, None]).all(axis=(2, 3, 4))
    assert (matches.sum(axis=1) == 1).all()
    assert set(matches.argmax(axis=1)) == set(range(symmetry.ORDER))


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_jitter_changes_brightness_within_its_interval(channels: int) -> None:
    torch.manual_seed(0)
    flat = torch.full((200, channels, 4, 4), 0.5)
    means = build_augmentation([ColourJitter(colour_jitter=(0.8, 1.2))], (4, 4, channels))(flat).mean(dim=(1, 2, 3))
    assert 0.4 - 1e-6 <= means.min() < 0.41
    assert 0.59 < means.max() <= 0.6 + 1e-6


def test_flips_happen_to_about_half_of_the_samples() -> None:
    torch.manual_seed(0)
    batch = torch.rand(400, 1, 4, 4)
    flipped = build_augmentation(["horizontal_flip"], (4, 4, 1))(batch.clone())
    share = np.mean([torch.allclose(after, before.flip(2)) for after, before in zip(flipped, batch, strict=True)])
    assert share == pytest.approx(0.5, abs=0.1)


def test_d4_of_oblong_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="d4 needs square samples, but those of this view are 8 x 12"):
        build_augmentation(["d4"], (8, 12, 1))


def test_no_augmentation_returns_the_batch() -> None:
    batch = torch.rand(2, 1, 4, 4)
    assert build_augmentation([], (4, 4, 1))(batch) is batch
