"""Random changes keep samples valid and are what they say; kornia is the measure of those that were published."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from kornia import augmentation as kornia
from scipy.stats import ks_2samp
from torch import Tensor
from torch.nn import functional

from gradewise import symmetry
from gradewise.families.cnn.augment import Augmenter
from gradewise.families.cnn.settings import ColourJitter, Rotate

ENTRIES = [
    "vertical_flip",
    "horizontal_flip",
    "perspective",
    "d4",
    Rotate(rotate=30),
    ColourJitter(colour_jitter=(0.8, 1.2)),
]
CPU = torch.device("cpu")


def augment(entries: list, batch: Tensor) -> Tensor:
    """The batch changed once."""
    (change,) = Augmenter(entries, (*batch.shape[2:], batch.shape[1])).draw([len(batch)], CPU)
    return change(batch)


def smooth(count: int, channels: int, height: int, width: int) -> Tensor:
    """Pictures in which neighbouring pixels are alike, so that interpolating twice hardly changes them."""
    coarse = torch.rand(count, channels, 4, 4)
    return functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=True)


def ramps(count: int, height: int, width: int) -> Tensor:
    """Pictures whose three channels say where a pixel is, as shares of width and height, and that it is one."""
    x, y = torch.meshgrid(torch.linspace(0.2, 0.8, width), torch.linspace(0.2, 0.8, height), indexing="xy")
    return torch.stack([x, y, torch.ones_like(x)]).expand(count, 3, height, width)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_shape_and_range_are_kept_and_samples_change(entry, channels: int) -> None:
    torch.manual_seed(0)
    batch = torch.rand(16, channels, 24, 24)
    changed = augment([entry], batch.clone())
    assert changed.shape == batch.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.equal(changed, batch)


def test_the_same_seed_gives_the_same_changes() -> None:
    batch = torch.rand(8, 3, 16, 16)
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(augment(ENTRIES, batch))
    assert torch.equal(*results)


def test_batches_that_are_drawn_together_are_changed_differently() -> None:
    torch.manual_seed(0)
    batch = torch.rand(2, 3, 16, 16)
    first, second, third = Augmenter(ENTRIES, (16, 16, 3)).draw([2, 2, 1], CPU)
    assert not torch.equal(first(batch), second(batch))
    assert third(batch[:1]).shape == (1, 3, 16, 16)


def test_d4_gives_each_sample_one_of_its_eight_exactly() -> None:
    torch.manual_seed(0)
    batch = torch.rand(64, 2, 6, 6)
    changed = augment(["d4"], batch).permute(0, 2, 3, 1).numpy()
    orbits = symmetry.orbit(batch.permute(0, 2, 3, 1).numpy())
    matches = (orbits == changed[:, None]).all(axis=(2, 3, 4))
    assert (matches.sum(axis=1) == 1).all()
    assert set(matches.argmax(axis=1)) == set(range(symmetry.ORDER))


def test_turns_do_to_a_warped_sample_what_they_do_to_others() -> None:
    torch.manual_seed(0)
    batch = torch.rand(64, 1, 6, 6)
    changed = augment(["d4", "vertical_flip", Rotate(rotate=1e-6)], batch)[:, 0].numpy()
    orbits = symmetry.orbit(batch.permute(0, 2, 3, 1).numpy())[..., 0]
    matches = np.isclose(orbits, changed[:, None], atol=1e-4).all(axis=(2, 3))
    assert (matches.sum(axis=1) == 1).all()
    assert set(matches.argmax(axis=1)) == set(range(symmetry.ORDER))


@pytest.mark.parametrize("flip", ["vertical_flip", "horizontal_flip"])
def test_flips_happen_to_about_half_of_the_samples(flip: str) -> None:
    torch.manual_seed(0)
    batch = torch.rand(400, 1, 4, 6)
    axis = {"vertical_flip": 1, "horizontal_flip": 2}[flip]
    for entries, allowed in (([flip], 0), ([flip, Rotate(rotate=1e-6)], 1e-4)):
        changed = augment(entries, batch)
        flipped = (changed - batch.flip(axis + 1)).abs().amax((1, 2, 3)) <= allowed
        unchanged = (changed - batch).abs().amax((1, 2, 3)) <= allowed
        assert (flipped ^ unchanged).all()
        assert flipped.double().mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_jitter_changes_brightness_within_its_interval(channels: int) -> None:
    torch.manual_seed(0)
    means = augment([ColourJitter(colour_jitter=(0.8, 1.2))], torch.full((200, channels, 4, 4), 0.5)).mean((1, 2, 3))
    assert 0.4 - 1e-6 <= means.min() < 0.41
    assert 0.59 < means.max() <= 0.6 + 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_jitter_is_that_of_kornia_in_one_of_its_orders(channels: int) -> None:
    torch.manual_seed(0)
    batch = torch.rand(2, channels, 8, 8)
    changes = Augmenter([ColourJitter(colour_jitter=(1.6, 1.6))], (8, 8, channels)).draw([2] * 60, CPU)
    orders = list(permutations(range(3)))
    theirs = [kornia.ColorJitter(*[(1.6, 1.6)] * 3, p=1.0, order=order)(batch) for order in orders]
    matches = [[torch.allclose(change(batch), other, atol=1e-6) for other in theirs] for change in changes]
    different = len({tuple(row) for row in matches})
    assert all(any(row) for row in matches)
    assert different == {1: 2, 3: 6}[channels]  # of grey samples, brightness before contrast or after


def test_factors_of_colour_jitter_are_distributed_as_those_of_kornia() -> None:
    torch.manual_seed(0)
    batch = (0.4 + 0.1 * smooth(1, 3, 8, 8)).expand(2000, -1, -1, -1)
    ours = augment([ColourJitter(colour_jitter=(0.8, 1.2))], batch)
    theirs = kornia.ColorJitter(*[(0.8, 1.2)] * 3, p=1.0)(batch)
    for measure in (Tensor.mean, Tensor.std, lambda sample: (sample.amax(0) - sample.amin(0)).mean()):
        values = ([measure(sample).item() for sample in changed] for changed in (ours, theirs))
        assert ks_2samp(*values).pvalue > 0.001


@pytest.mark.parametrize(
    ("entries", "steps"),
    [
        ([Rotate(rotate=40)], [kornia.RandomRotation(40.0, p=1.0)]),
        (["perspective"], [kornia.RandomPerspective(0.5, p=0.5)]),
        (
            ["horizontal_flip", Rotate(rotate=40), "perspective"],
            [
                kornia.RandomHorizontalFlip(p=0.5),
                kornia.RandomRotation(40.0, p=1.0),
                kornia.RandomPerspective(0.5, p=0.5),
            ],
        ),
    ],
    ids=["rotation", "perspective", "flip, rotation and perspective"],
)
def test_warps_move_pixels_as_those_of_kornia_do(entries: list, steps: list) -> None:
    """Where a pixel comes from, or whether it comes from beyond the edges, has the same distribution."""
    torch.manual_seed(0)
    batch = ramps(1500, 12, 20)
    ours, theirs = augment(entries, batch), batch
    for step in steps:
        theirs = step(theirs)
    for row, column in ((2, 3), (6, 14)):
        before, after = (changed[:, :, row, column].double() for changed in (theirs, ours))
        inside = [changed[:, 2] > 0.5 for changed in (before, after)]
        assert abs(inside[0].double().mean() - inside[1].double().mean()) < 0.05
        for axis in range(2):
            values = (
                (changed[:, axis] / changed[:, 2])[within].numpy().round(4)
                for changed, within in ((before, inside[0]), (after, inside[1]))
            )
            assert ks_2samp(*values).pvalue > 0.001


def test_one_interpolation_gives_what_two_of_kornia_give() -> None:
    """Its random numbers, in our matrices: the same picture but for edges, which are interpolated with black."""
    torch.manual_seed(0)
    batch = smooth(40, 3, 48, 64)
    rotate, bend = kornia.RandomRotation(40.0, p=1.0), kornia.RandomPerspective(0.5, p=1.0)
    theirs = bend(rotate(batch))
    inwards = (bend._params["end_points"] - bend._params["start_points"]).abs() / torch.tensor([64 / 4, 48 / 4])
    shares = (rotate._params["degrees"] / 40 + 1) / 2
    numbers = iter([shares, torch.zeros(40), inwards])  # a zero chooses the perspective
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *_: next(numbers))
        ours = augment([Rotate(rotate=40), "perspective"], batch)
    brightest = functional.pad(torch.minimum(ours, theirs).amax(1, keepdim=True), [2] * 4)
    black = functional.max_pool2d(-brightest, 5, 1) == 0  # or near it
    apart = (ours - theirs).abs().amax(1, keepdim=True)
    assert black.double().mean() > 0.2
    assert (~black).double().mean() > 0.2
    assert apart[~black].max() < 0.02
    assert ((ours == 0) == (theirs == 0)).double().mean() > 0.97


def test_d4_of_oblong_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="d4 needs square samples, but those of this view are 8 x 12"):
        Augmenter(["d4"], (8, 12, 1))


def test_no_augmentation_returns_the_batch() -> None:
    batch = torch.rand(2, 1, 4, 4)
    assert augment([], batch) is batch


@pytest.mark.parametrize("interval", [(1.2, 0.8), (-0.1, 1.0), (0.5, float("inf"))])
def test_factors_of_colour_jitter_are_an_interval_from_zero_up(interval: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="colour_jitter"):
        ColourJitter(colour_jitter=interval)


def test_changes_never_wait_for_the_device() -> None:
    """Tensors of the device `meta` have no values: asking for one, as waiting for a GPU does, is an error."""
    device = torch.device("meta")
    entries = ["d4", ColourJitter(colour_jitter=(0.8, 1.2)), Rotate(rotate=30), "perspective"]
    batch = torch.empty(5, 3, 16, 16, device=device)
    for change in Augmenter(entries, (16, 16, 3)).draw([5, 5], device):
        assert change(batch).shape == batch.shape
