"""Random changes to training samples, a whole batch at once on the device that trains.

All operate on floats 0..1 before normalisation. What is random is drawn for many batches at once on the processor, so
that it depends on the seed alone, and nothing in a batch waits for it. Changes that follow each other and move pixels
are put together: flips and `d4` move pixels without resampling; with a rotation or a perspective they become one
warp, which interpolates once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, groupby, product
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from gradewise.families.cnn.settings import Augmentation, ColourJitter, Rotate

Change = Callable[[Tensor], Tensor]
"""Maps floats (n, channels, height, width) in 0..1 to the same shape and range."""

DISTORTION = 0.5
"""How far a perspective moves the corners of a sample along each axis at most, as a share of half the side."""

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601)."""


AXES = {"d4": (-2, -1), "vertical_flip": (-2,), "horizontal_flip": (-1,)}
"""Dimensions along which they flip."""


class _Step(Protocol):
    """One change of all batches, or several that are made at once."""

    def draw(self, sizes: Sequence[int], device: torch.device) -> list[Change]:
        """What it does to batches of these sizes on a device."""
        ...


class Augmenter:
    """The augmentations of a configuration.

    Flips and the perspective are each applied with probability 0.5, as in section 1.2.1 of the mango report; rotation,
    colour jitter and d4 always. What comes from beyond the edges is black. For grey samples, which have no saturation,
    colour jitter changes only brightness and contrast.

    Parameters
    ----------
    augment : sequence of augmentations
        Applied in order.
    shape : tuple of int
        Height, width and channels of a sample.

    Raises
    ------
    ValueError
        If d4 is requested for samples that are not square.
    """

    def __init__(self, augment: Sequence[Augmentation], shape: tuple[int, int, int]) -> None:
        if "d4" in augment and shape[0] != shape[1]:
            raise ValueError(
                f"augment: d4 needs square samples, but those of this view are {shape[0]} x {shape[1]}; "
                "use vertical_flip and horizontal_flip, or a view that ends in a square"
            )
        self._steps: list[_Step] = []
        for moves, entries in groupby(augment, lambda entry: not isinstance(entry, ColourJitter)):
            if moves:
                self._steps.append(_moving(list(entries), shape))
            else:
                self._steps += [_Jitter(entry, shape[2]) for entry in entries if isinstance(entry, ColourJitter)]

    def draw(self, sizes: Sequence[int], device: torch.device) -> list[Change]:
        """Draw from PyTorch's global generator what happens to batches of these sizes, which are on a device."""
        drawn = [step.draw(sizes, device) for step in self._steps]
        return [_in_turn([changes[number] for changes in drawn]) for number in range(len(sizes))]


def _in_turn(changes: Sequence[Change]) -> Change:
    def apply(batch: Tensor) -> Tensor:
        for change in changes:
            batch = change(batch)
        return batch

    return apply


def _moving(entries: Sequence[Augmentation], shape: tuple[int, int, int]) -> _Step:
    """What moves pixels, as one step."""
    if any(isinstance(entry, Rotate) or entry == "perspective" for entry in entries):
        return _Warp(entries, shape[:2])
    return _Turns(entries)


class _Turns:
    """Flips and turns by quarters, exact."""

    def __init__(self, entries: Sequence[Augmentation]) -> None:
        # each of two flips of an axis is as likely as not, and so is what both of them do
        axes = sorted({axis for name, axes in AXES.items() if name in entries for axis in axes})
        flips = [flipped for count in range(len(axes) + 1) for flipped in combinations(axes, count)]
        # with rows made columns or not before, flips of both axes are the eight elements of d4
        self._elements = list(product((False, True) if "d4" in entries else (False,), flips))

    def draw(self, sizes: Sequence[int], device: torch.device) -> list[Change]:
        drawn = torch.split(torch.randint(len(self._elements), (sum(sizes),)), list(sizes))
        positions = torch.split(torch.cat([part.argsort() for part in drawn]).to(device), list(sizes))
        counts = [torch.bincount(part, minlength=len(self._elements)).tolist() for part in drawn]
        return [
            partial(self._turn, torch.split(part, of_batch)) for part, of_batch in zip(positions, counts, strict=True)
        ]

    def _turn(self, chosen: Sequence[Tensor], batch: Tensor) -> Tensor:
        """Turn samples, of which those at `chosen` positions are turned by each element."""
        turned = torch.empty_like(batch)
        for (sideways, axes), positions in zip(self._elements, chosen, strict=True):
            part = batch[positions]
            turned[positions] = (part.transpose(-2, -1) if sideways else part).flip(axes)
        return turned


class _Warp:
    """Rotations, perspectives, flips and d4 as one interpolation.

    Points are those of `torch.nn.functional.grid_sample`: edges of a sample are at -1 and 1. Matrices (3, 3) give, in
    homogeneous coordinates, where the pixel of a changed sample was before.
    """

    def __init__(self, entries: Sequence[Augmentation], sides: tuple[int, int]) -> None:
        self._entries = entries
        self._sides = sides
        height, width = sides
        rows, columns = (torch.arange(side) * (2 / side) + (1 / side - 1) for side in sides)
        x, y = columns.expand(height, width), rows[:, None].expand(height, width)
        self._points = torch.stack([x, y, torch.ones(height, width)]).flatten(1)

    def draw(self, sizes: Sequence[int], device: torch.device) -> list[Change]:
        self._points = self._points.to(device)
        matrices = torch.split(self._matrices(sum(sizes)).to(device), list(sizes))
        return [partial(self._warp, part) for part in matrices]

    def _matrices(self, count: int) -> Tensor:
        """Shape (count, 3 * frames, 3): from a pixel to where it was in each sample that is warped, the first one last.

        What a warp moves out of the frame is gone, even if the next one would move it back.
        """
        total = torch.eye(3, dtype=torch.float64).expand(count, 3, 3)
        frames = []
        # drawn in order, and applied to a point in reverse
        matrices = [self._draw(entry, count) for entry in self._entries]
        for entry, matrix in reversed(list(zip(self._entries, matrices, strict=True))):
            total = matrix @ total
            if isinstance(entry, Rotate) or entry == "perspective":
                frames.append(total)
        # flips before the first warp keep the frame
        return torch.cat([*frames[:-1], total], dim=1).float()

    def _draw(self, entry: Augmentation, count: int) -> Tensor:
        if isinstance(entry, Rotate):
            return _rotations((2 * torch.rand(count) - 1) * entry.rotate, self._sides)
        if entry == "perspective":
            chosen, inwards = torch.rand(count) < 0.5, torch.rand(count, 4, 2)
            return _perspectives(inwards * chosen[:, None, None], self._sides)
        if entry == "d4":
            return _turns(torch.randint(2, (count, 3)))
        drawn = torch.zeros(count, 3, dtype=torch.int64)
        drawn[:, 1 if entry == "vertical_flip" else 2] = torch.randint(2, (count,))
        return _turns(drawn)

    def _warp(self, matrices: Tensor, batch: Tensor) -> Tensor:
        moved = (matrices @ self._points).view(len(batch), -1, 3, *self._sides)
        grid = (moved[:, -1, :2] / moved[:, -1, 2:]).permute(0, 2, 3, 1)
        if moved.shape[1] > 1:
            outside = (moved[:, :-1, :2].abs() > moved[:, :-1, 2:]).flatten(1, 2).any(1)
            grid = grid.masked_fill(outside[..., None], 3.0)
        return functional.grid_sample(batch, grid, align_corners=False)


def _turns(drawn: Tensor) -> Tensor:
    """Matrices of turns. A 1 in `drawn` (n, 3) makes rows columns, then flips vertically, then horizontally."""
    sideways, vertical, horizontal = drawn.double().unbind(1)
    matrices = torch.zeros(len(drawn), 3, 3, dtype=torch.float64)
    flip_x, flip_y = 1 - 2 * horizontal, 1 - 2 * vertical
    matrices[:, 0, 0], matrices[:, 1, 1] = (1 - sideways) * flip_x, (1 - sideways) * flip_y
    matrices[:, 0, 1], matrices[:, 1, 0] = sideways * flip_y, sideways * flip_x
    matrices[:, 2, 2] = 1
    return matrices


def _rotations(degrees: Tensor, sides: tuple[int, int]) -> Tensor:
    """Matrices of rotations about the centre, counter-clockwise as a sample is shown; `degrees` has the shape (n,)."""
    height, width = sides
    radians = torch.deg2rad(degrees.double())
    matrices = torch.zeros(len(degrees), 3, 3, dtype=torch.float64)
    matrices[:, 0, 0] = matrices[:, 1, 1] = radians.cos()
    # points count in half sides, of which an angle knows nothing
    matrices[:, 0, 1], matrices[:, 1, 0] = -radians.sin() * height / width, radians.sin() * width / height
    matrices[:, 2, 2] = 1
    return matrices


def _perspectives(inwards: Tensor, sides: tuple[int, int]) -> Tensor:
    """Matrices of perspectives that move the corners of a sample inwards.

    Parameters
    ----------
    inwards : Tensor, shape (n, 4, 2)
        Share of the largest distance that each corner moves along x and y, in 0..1. Corners, which are the centres of
        pixels, are in the order top left, top right, bottom right, bottom left.
    sides : tuple of int
        Height and width.

    Returns
    -------
    Tensor of float64, shape (n, 3, 3)
    """
    height, width = sides
    signs = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
    corners = signs * torch.tensor([1 - 1 / width, 1 - 1 / height], dtype=torch.float64)
    moved = corners - DISTORTION * signs * inwards.double()
    # two equations for each corner: numerator = coordinate times denominator, whose constant is 1
    ones = torch.ones(len(inwards), 4, 1, dtype=torch.float64)
    point, none = torch.cat([moved, ones], 2), torch.zeros(len(inwards), 4, 3, dtype=torch.float64)
    target = corners.expand_as(moved)
    x = torch.cat([point, none, -target[..., :1] * moved], 2)
    y = torch.cat([none, point, -target[..., 1:] * moved], 2)
    solved = torch.linalg.solve(torch.cat([x, y], 1), torch.cat([target[..., 0], target[..., 1]], 1))
    return torch.cat([solved, torch.ones(len(inwards), 1, dtype=torch.float64)], 1).view(-1, 3, 3)


class _Jitter:
    """Brightness, contrast and saturation, each changed by a factor of its own, in an order drawn for each batch."""

    def __init__(self, entry: ColourJitter, channels: int) -> None:
        self._low, self._high = entry.colour_jitter
        self._luma = torch.tensor(LUMA if channels == len(LUMA) else [1 / channels] * channels).view(1, -1, 1, 1)
        self._kinds = [self._brightness, self._contrast, *([self._saturation] if channels == len(LUMA) else [])]

    def draw(self, sizes: Sequence[int], device: torch.device) -> list[Change]:
        self._luma = self._luma.to(device)
        drawn = torch.empty(len(self._kinds), sum(sizes), 1, 1, 1).uniform_(self._low, self._high).to(device)
        changes = []
        for factors in torch.split(drawn, list(sizes), dim=1):
            order = torch.randperm(len(self._kinds)).tolist()
            changes.append(_in_turn([partial(self._kinds[kind], factors[kind]) for kind in order]))
        return changes

    def _brightness(self, factor: Tensor, batch: Tensor) -> Tensor:
        return (batch * factor).clamp_(0, 1)

    def _contrast(self, factor: Tensor, batch: Tensor) -> Tensor:
        mean = (batch.mean((2, 3), keepdim=True) * self._luma).sum(1, keepdim=True)
        return torch.lerp(mean, batch, factor).clamp_(0, 1)

    def _saturation(self, factor: Tensor, batch: Tensor) -> Tensor:
        grey = (batch * self._luma).sum(1, keepdim=True)
        return torch.lerp(grey, batch, factor).clamp_(0, 1)
