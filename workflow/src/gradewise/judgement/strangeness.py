"""How unlike the images of training an image is.

A sample is described by a few statistics of its pixels: grey level and contrast of each channel, differences between
channels, and how much neighbouring pixels differ, at several scales. Its strangeness is the distance to the third
nearest of the samples of training (Sun et al. 2022, Out-of-distribution detection with deep nearest neighbors, ICML,
PMLR 162:20827), in standard deviations of these. No model takes part: what networks, components and trees make of an
image is meant to tell classes apart and leaves out much of what is wrong with a photo (`bench/unknown.txt`). So it is
the same for every family and each of its models that has the view, and comparable between repeats, since it depends on
nothing but the samples of training.

Features of a backbone are another matter: they were learnt from other images. A model on them also compares the
directions of features, which notice far more of blurred photos and of a class left out, while pixels know the light of
a photo (`bench/unknown_features.txt`). An image is as strange as the larger of both, each in units of what few tested
images exceed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat

from gradewise.config.section import Section
from gradewise.families.stored import SampleShape, read_metadata, read_tensors, reading, require, write_tensors

NEIGHBOUR = 3
"""Distance to the nearest but two: a single odd image of training makes none like it usual."""

MOST_SAMPLES = 5000
"""Samples of training that are kept; of more, this many are drawn."""

MOST_WITH_FEATURES = 1000
"""As `MOST_SAMPLES`, where features of a backbone are kept, which are some thousands of each sample."""

SCALES, LEAST_SIDE = 4, 4
"""How often samples are halved to look at coarser differences, and the smallest side that is looked at [px]."""

BATCH_BYTES = 2**22
"""Size of the pixels that are described, or distances that are computed, at once: as much as fits caches."""


class Unknown(Section):
    """From which strangeness on an image is unknown: the part of `model.json` that prediction needs."""

    views: tuple[str, ...] = Field(
        min_length=1, description="whose samples are compared with those of training; view@backbone: their features"
    )
    units: dict[str, Annotated[FiniteFloat, Field(gt=0)]] = Field(
        default_factory=dict, description="what strangeness is divided by, by view; by default 1"
    )
    threshold: FiniteFloat = Field(description="images that are stranger are unknown")
    false_alarms: float = Field(gt=0, lt=1, description="at most this share of images of the same kind is flagged")
    images: int = Field(description="tested images that the threshold comes from")
    groups: int = Field(description="of these images")


def describe(pixels: np.ndarray) -> np.ndarray:
    """Statistics of samples.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels), or of float32, shape (n, 1, 1, f)
        The latter are features of a backbone.

    Returns
    -------
    ndarray of float32, shape (n, f)
        Grey levels and their standard deviations, and logarithms of mean squared differences; of features, the
        direction, a row of length one.
    """
    if pixels.dtype == np.float32:
        rows = pixels.reshape(len(pixels), -1)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny))
    size = max(1, BATCH_BYTES // (4 * int(np.prod(pixels.shape[1:]))))
    parts = [_describe(pixels[start : start + size]) for start in range(0, len(pixels), size)]
    return np.concatenate(parts) if parts else np.empty((0, count_statistics(pixels.shape[1:])), np.float32)


def count_statistics(shape: tuple[int, ...]) -> int:
    """Number of statistics of samples of a shape (height, width, channels)."""
    if are_features(shape):
        return shape[2]
    return len(_describe(np.zeros((1, *shape), np.uint8))[0])


def are_features(shape: tuple[int, ...]) -> bool:
    """Whether samples of a shape are features of a backbone; pixels have at most three channels."""
    return shape[:2] == (1, 1) and shape[2] > 3


def _describe(pixels: np.ndarray) -> np.ndarray:
    values = pixels.astype(np.float32)
    between = np.diff(values, axis=3)
    statistics = [part.mean(axis=(1, 2)) for part in (values, between)]
    statistics += [part.std(axis=(1, 2)) for part in (values, between)]
    grey = values.mean(axis=3)
    for _ in range(SCALES):
        if min(grey.shape[1:]) < LEAST_SIDE:
            break
        energies = [np.square(np.diff(grey, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
        statistics.append(np.log1p(np.stack(energies, axis=1)))
        height, width = (side // 2 * 2 for side in grey.shape[1:])
        blocks = grey[:, :height, :width].reshape(len(grey), height // 2, 2, width // 2, 2)
        grey = blocks.mean(axis=(2, 4))
    return np.concatenate(statistics, axis=1).astype(np.float32)


@dataclass(frozen=True)
class Reference:
    """Samples of training that others are compared with.

    Attributes
    ----------
    shape : tuple of int
        Height, width and channels of a sample.
    scale : ndarray of float32, shape (f,)
        Standard deviation of each statistic.
    statistics : ndarray of float32, shape (m, f)
        Of samples of training, divided by `scale`.
    """

    shape: tuple[int, ...]
    scale: np.ndarray
    statistics: np.ndarray

    def distances(self, statistics: np.ndarray) -> np.ndarray:
        """Distances to the third nearest sample of training, float32 (n,), of statistics from `describe`."""
        # in 64 bits, for the squares are differences of large numbers
        scaled, known = (statistics / self.scale).astype(np.float64), self.statistics.astype(np.float64)
        place = min(NEIGHBOUR, len(known)) - 1
        squares = np.square(known).sum(axis=1)
        nearest = np.empty(len(scaled))
        size = max(1, BATCH_BYTES // (8 * len(known)))
        for start in range(0, len(scaled), size):
            part = scaled[start : start + size]
            distances = np.square(part).sum(axis=1)[:, None] + squares - 2 * part @ known.T
            nearest[start : start + size] = np.partition(distances, place, axis=1)[:, place]
        return np.asarray(np.sqrt(np.maximum(nearest, 0) / scaled.shape[1]), np.float32)

    def write(self, path: Path) -> None:
        """Write a safetensors file."""
        tensors = {"scale": self.scale, "statistics": self.statistics}
        write_tensors(path, tensors, {"shape": list(self.shape)})


def fit_reference(statistics: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> Reference:
    """Keep some samples of training, from statistics of all of them, shape (n, f)."""
    most = MOST_WITH_FEATURES if are_features(shape) else MOST_SAMPLES
    if len(statistics) > most:
        statistics = statistics[np.sort(rng.choice(len(statistics), most, replace=False))]
    if are_features(shape):
        return Reference(shape, np.ones(statistics.shape[1], np.float32), statistics)
    deviations = statistics.std(axis=0)
    # a statistic that never varies in training counts as it is, so that a change of it is seen
    scale = np.where(deviations > 1e-3, deviations, 1).astype(np.float32)
    return Reference(shape, scale, (statistics / scale).astype(np.float32))


class _Facts(Section):
    """What the metadata of a file of `Reference.write` hold."""

    shape: SampleShape


def read_reference(path: Path) -> Reference:
    """Read a file of `Reference.write`.

    Raises
    ------
    UserError
        If it is damaged, numbers are not finite, or its arrays do not fit each other or the shape of samples.
    """
    metadata = read_metadata(path)
    with reading(path):
        shape = _Facts.model_validate(metadata).shape
        tensors = read_tensors(path, {"scale": ("F32", (None,)), "statistics": ("F32", (None, None))})
        scale, statistics = tensors["scale"], tensors["statistics"]
        require(len(statistics) <= MOST_SAMPLES, path, f"has {len(statistics)} samples, more than {MOST_SAMPLES}")
        columns = count_statistics(shape)
        require(len(scale) == statistics.shape[1] == columns, path, f"has not {columns} statistics of each sample")
        require(bool((scale > 0).all()), path, "scale is not above zero")
    return Reference(shape, scale, statistics)


@dataclass(frozen=True)
class Stranger:
    """Tells images that are unlike those of training.

    Attributes
    ----------
    references : mapping of str to Reference
        By view.
    threshold : float
        Images that are stranger are unknown.
    false_alarms : float
        At most this share of images of the same kind is stranger.
    units : mapping of str to float
        What strangeness is divided by, by view; those not named by 1.
    """

    references: Mapping[str, Reference]
    threshold: float
    false_alarms: float
    units: Mapping[str, float] = field(default_factory=dict)

    def of_images(self, pixels: Mapping[str, np.ndarray], counts: Mapping[str, list[int]]) -> np.ndarray:
        """Strangeness of images, shape (n,), from the samples of all, by view, and how many each image has."""
        return combine(
            [
                mean_of_images(
                    reference.distances(describe(pixels[view])), np.repeat(np.arange(len(counts[view])), counts[view])
                )
                / self.units.get(view, 1.0)
                for view, reference in self.references.items()
            ]
        )


def mean_of_images(distances: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Mean over the samples of each image; `image` holds their positions, every one below the highest occurs.

    The highest strangeness of its samples notices a spot better, and nothing else (`bench/unknown.txt`).
    """
    return np.asarray(np.bincount(image, weights=distances) / np.bincount(image))


def combine(by_view: list[np.ndarray]) -> np.ndarray:
    """Strangeness of images, shape (n,): how strange they are in the view in which they are strangest."""
    return np.asarray(np.max(by_view, axis=0))
