"""What a view shows of images, and how much it distorts them; from where its operations move points."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradewise.config.views import Operation, Size, View

POINTS = 4096
"""Points of an image that are followed through a view; the share shown is then exact to 0.1 %."""
SPACING = (0.7548776662466927, 0.5698402909980532)
"""Multiples of these, modulo 1, fill a square evenly (the sequence R2 of Roberts 2018)."""
PROBES, STEP = 100, 1e-3
"""At how many of the points scales are measured, and between points how far apart [px]."""
WHOLE, UNDISTORTED = 0.995, 1.02
"""The share of an image from which it counts as whole, and the factor up to which it counts as undistorted."""


@dataclass(frozen=True)
class Coverage:
    """What a view does to images of one size.

    Attributes
    ----------
    shown : float
        Share of an image's area that its samples show.
    stretch : float
        Horizontal scale over vertical scale, before images are bent; 1 keeps proportions.
    bent_by : Operation or None
        The first operation whose scales differ from place to place.
    """

    shown: float
    stretch: float
    bent_by: Operation | None


def measure_coverage(view: View, size: Size) -> Coverage | Operation:
    """What a view does to images of a height and width, or the first operation that does not tell it."""
    points = np.outer(np.arange(POINTS), SPACING) % 1 * size
    stretch, bent_by = 1.0, None
    for operation in view.operations:
        moved = follow(operation, points, size)
        if moved is None:
            return operation
        if bent_by is None:
            ratios = _scale_ratios(operation, points[:PROBES], size)
            if len(ratios) and ratios.max() > UNDISTORTED * ratios.min():
                bent_by = operation
            elif len(ratios):
                stretch *= float(np.median(ratios))
        points, size = moved
        points = points[np.isfinite(points).all(axis=1)]
    return Coverage(len(points) / POINTS, stretch, bent_by)


def follow(operation: Operation, points: np.ndarray, size: Size) -> tuple[np.ndarray, Size] | None:
    """Where the output of an operation shows points of its input of a height and width, and the size of that output.

    Points, of shape (n, 2), are rows and columns [px], NaN where they are not shown. None if the operation does not
    tell.
    """
    moved = operation.move(points, size)
    if moved is None:
        return None
    after = operation.size_after(size)
    assert after is not None, "an operation knows its output's size from its input's"
    shown = np.all((moved >= 0) & (moved < after), axis=1)
    return np.where(shown[:, None], moved, np.nan), after


def describe_view(view: View, sizes: Sequence[Size]) -> list[str]:
    """What a view shows of images and how much it distorts them, in sentences.

    Parameters
    ----------
    view : View
    sizes : sequence of (int, int)
        Height and width of each image [px], above the data bar if the view cuts it off; all at least as large as the
        view needs.

    Returns
    -------
    list of str
        Such as 'It shows 61 % of an image (median; range 40 to 75 %).'; empty without images.
    """
    of_size = {size: measure_coverage(view, size) for size in set(sizes)}
    coverages = []
    for size in sizes:
        coverage = of_size[size]
        if isinstance(coverage, Operation):
            return [f"How much of an image it shows and whether it distorts it is unknown: {coverage} does not tell."]
        coverages.append(coverage)
    if not coverages:
        return []
    sentences = [_share_sentence([coverage.shown for coverage in coverages])]
    sentences.append(_stretch_sentence([coverage.stretch for coverage in coverages], view))
    bent_by = next((coverage.bent_by for coverage in coverages if coverage.bent_by), None)
    if bent_by:
        sentences.append(f"Then {bent_by} bends images: the scale differs from place to place.")
    return sentences


def _scale_ratios(operation: Operation, points: np.ndarray, size: Size) -> np.ndarray:
    """Horizontal over vertical scale of an operation at those points of its input that it shows."""
    here, right, below = (operation.move(points + np.array(step), size) for step in ((0, 0), (0, STEP), (STEP, 0)))
    if here is None or right is None or below is None:
        return np.empty(0)
    ratios = np.hypot(*(right - here).T) / np.hypot(*(below - here).T)
    return np.asarray(ratios[np.isfinite(ratios)])


def _share_sentence(shares: list[float]) -> str:
    low, high = min(shares), max(shares)
    if low >= WHOLE:
        return "It shows whole images."
    median = f"It shows {_percent(statistics.median(shares))} of an image"
    if _percent(low) == _percent(high):
        return f"{median}."
    return f"{median} (median; range {_percent(low).removesuffix(' %')} to {_percent(high)})."


def _stretch_sentence(ratios: list[float], view: View) -> str:
    factors = [max(ratio, 1 / ratio) for ratio in ratios]
    if max(factors) <= UNDISTORTED:
        return "It keeps proportions."
    if max(ratios) <= UNDISTORTED * min(ratios):
        return f"It stretches all images by the same factor, {_factor(max(factors))}."
    resized = any(operation.key == "resize" for operation in view.operations)
    cure = "; keep_aspect of resize would keep proportions" if resized else ""
    return (
        f"It stretches images by factors of up to {_factor(max(factors))} "
        f"(median {_factor(statistics.median(factors))}){cure}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


def _factor(factor: float) -> str:
    return f"{factor:.2f}" if factor < 1.995 else f"{factor:.1f}"
