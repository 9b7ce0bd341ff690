"""Random changes to training samples, a whole batch at once on the device that trains.

All operate on floats 0..1 before normalisation. kornia does the warping and colours; the eight rotations and flips
(`d4`) move pixels without resampling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gradewise.families.cnn.settings import Augmentation, ColourJitter, Rotate
from gradewise.symmetry import ORDER

Change = Callable[[Tensor], Tensor]


def build_augmentation(augment: Sequence[Augmentation], shape: tuple[int, int, int]) -> Change:
    """The augmentations of a configuration as one function.

    Flips and the perspective (distortion 0.5) are each applied with probability 0.5, as in section 1.2.1 of the mango
    report; rotation, colour jitter and d4 always. For grey samples, which have no saturation, colour jitter changes
    only brightness and contrast. Random numbers come from PyTorch's global generator.

    Parameters
    ----------
    augment : sequence of augmentations
        Applied in order.
    shape : tuple of int
        Height, width and channels of a sample.

    Returns
    -------
    callable
        Maps floats (n, channels, height, width) in 0..1 to the same shape and range.

    Raises
    ------
    ValueError
        If d4 is requested for samples that are not square.
    """
    if "d4" in augment and shape[0] != shape[1]:
        raise ValueError(
            f"augment: d4 needs square samples, but those of this view are {shape[0]} x {shape[1]}; "
            "use vertical_flip and horizontal_flip, or a view that ends in a square"
        )
    changes = [_change(entry) for entry in augment]

    def apply(batch: Tensor) -> Tensor:
        for change in changes:
            batch = change(batch)
        return batch

    return apply


def _change(entry: Augmentation) -> Change:
    if entry == "d4":
        return turn_and_flip
    # kornia takes a quarter of a second to import, and most runs do not need it.
    from kornia import augmentation as kornia

    change: Callable[[Tensor], Tensor]
    if isinstance(entry, Rotate):
        change = kornia.RandomRotation(entry.rotate, p=1.0)
    elif isinstance(entry, ColourJitter):
        change = kornia.ColorJitter(entry.colour_jitter, entry.colour_jitter, entry.colour_jitter, p=1.0)
    else:
        flips = {
            "vertical_flip": kornia.RandomVerticalFlip,
            "horizontal_flip": kornia.RandomHorizontalFlip,
            "perspective": kornia.RandomPerspective,
        }
        change = flips[entry](p=0.5)
    return change


def turn_and_flip(batch: Tensor) -> Tensor:
    """Apply one of the eight rotations and flips, drawn at random, to each sample; exact.

    Parameters
    ----------
    batch : Tensor, shape (n, channels, side, side)

    Returns
    -------
    Tensor of the same shape
    """
    drawn = torch.randint(ORDER, (len(batch),))
    turned = torch.empty_like(batch)
    for element in range(ORDER):
        chosen = (drawn == element).nonzero().flatten().to(batch.device)
        part = batch[chosen].flip(3) if element >= ORDER // 2 else batch[chosen]
        turned[chosen] = torch.rot90(part, element % 4, (2, 3))
    return turned
