"""A memory of normal patches as a classifier and locator, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import FiniteFloat
from scipy.special import expit

from gradewise.config.backbones import Backbone
from gradewise.config.section import Section
from gradewise.families.classifier import check_larger, check_pixels, position_of
from gradewise.families.patches import memory as memories
from gradewise.families.patches import reconstruction
from gradewise.families.patches.describers import Describer, expected_under, places, prefixed, without_prefix
from gradewise.families.patches.memory import Memory
from gradewise.families.patches.network import NetworkMaps, expected_tensors, network_maps
from gradewise.families.patches.reconstruction import Reconstruction
from gradewise.families.patches.settings import CommonSettings, MapsSettings, PatchesSettings
from gradewise.families.patches.texture import Texture
from gradewise.families.stored import (
    Classes,
    SampleShape,
    Tensors,
    read_record,
    read_tensors,
    reading,
    require,
    write_tensors,
)
from gradewise.records import write_json

STEEPNESS = float(np.log(9))
"""Logit of 0.9: the usual normal sample is defective with probability 0.1, one at the threshold with 0.5."""


@dataclass(frozen=True)
class Normal:
    """Distances and scores of normal samples that had no part in the memory they were compared with.

    Attributes
    ----------
    mean, spread : float
        Of the distances of single patches.
    usual, threshold : float
        Of the scores of samples: the median, and what a stated share of them exceeds.
    """

    mean: float
    spread: float
    usual: float
    threshold: float


@dataclass(frozen=True)
class PatchesClassifier:
    """Compares the patches of a sample with normal ones.

    Attributes
    ----------
    describer : Describer
        Computes features of patches.
    memory : Memory
    normal : Normal
    classes : list of str
        Two.
    positive : str
        The class that is anything but normal.
    shape : tuple of int
        Height, width and channels of a sample.
    settings : CommonSettings
    """

    describer: Describer
    memory: Memory
    normal: Normal
    classes: list[str]
    positive: str
    shape: tuple[int, int, int]
    settings: CommonSettings

    @property
    def stride(self) -> int:
        """Side of a place [px]."""
        return self.settings.stride

    @property
    def reach(self) -> int:
        """How far from a place pixels change its score [px]."""
        return self.describer.reach

    def maps(self, pixels: np.ndarray, label: str) -> np.ndarray:
        """How much each place speaks for a class, float32 (n, rows, columns).

        For the positive class it is the distance of a patch from normal ones, in standard deviations from its mean over
        normal patches; for the other class the same with the opposite sign.
        """
        check_larger(pixels, self.shape)
        sign = np.float32(1 if label == self.positive else -1)
        position_of(label, self.classes)
        rows, columns = (places(side, self.stride) for side in pixels.shape[1:3])
        maps = np.empty((len(pixels), rows, columns), np.float32)
        for number, sample in enumerate(pixels):
            maps[number] = sign * self._standardised(sample)
        return maps

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, 2), of uint8 samples (n, height, width, channels).

        They grow with the distance of the most unusual patches and are 0.5 at the threshold; they are no frequencies,
        since no defective sample took part.
        """
        check_pixels(pixels, self.shape)
        scores = np.array([score_of(self._standardised(sample), self.settings.top) for sample in pixels])
        step = max(self.normal.threshold - self.normal.usual, 1e-6)
        defective = expit(STEEPNESS * (scores - self.normal.threshold) / step)
        both = {True: defective, False: 1 - defective}
        return np.stack([both[name == self.positive] for name in self.classes], axis=1)

    def _standardised(self, sample: np.ndarray) -> np.ndarray:
        features = self.describer.describe(sample)
        distances = self.memory.distances(features.reshape(-1, features.shape[2]))
        return standardised(distances, self.normal.mean, self.normal.spread).reshape(features.shape[:2])

    def write(self, folder: Path) -> None:
        """Write `patches.safetensors` and `model.json`."""
        tensors = prefixed("memory", self.memory.tensors) | prefixed("features", self.describer.tensors)
        write_tensors(folder / "patches.safetensors", tensors)
        backbone = self.describer.backbone if isinstance(self.describer, NetworkMaps) else None
        record = {
            "classes": self.classes,
            "positive": self.positive,
            "shape": list(self.shape),
            "settings": self.settings.model_dump(mode="json"),
            "network": None if backbone is None else backbone.model_dump(mode="json", exclude_unset=True),
            "mean": self.normal.mean,
            "spread": self.normal.spread,
            "usual": self.normal.usual,
            "threshold": self.normal.threshold,
        }
        write_json(folder / "model.json", record)


def standardised(distances: np.ndarray, mean: float, spread: float) -> np.ndarray:
    """Distances in standard deviations from the mean of normal patches."""
    return (distances - np.float32(mean)) / np.float32(spread)


def score_of(places: np.ndarray, top: float) -> float:
    """Score of a sample: the mean over the most unusual share of its places, at least one."""
    flat = places.ravel()
    count = max(1, round(top * flat.size))
    return float(np.partition(flat, flat.size - count)[flat.size - count :].mean(dtype=np.float64))


class _Record(Section):
    """The content of `model.json`."""

    classes: Classes
    positive: str
    shape: SampleShape
    settings: dict[str, Any]
    network: Backbone | None
    mean: FiniteFloat
    spread: FiniteFloat
    usual: FiniteFloat
    threshold: FiniteFloat


def read_patches(folder: Path) -> PatchesClassifier:
    """Read the files of `PatchesClassifier.write`.

    Raises
    ------
    UserError
        If a file is missing, damaged or altered, or the files do not fit each other.
    """
    path, record_path = folder / "patches.safetensors", folder / "model.json"
    record = read_record(record_path, _Record)
    require(len(record.classes) == 2, record_path, "has another number of classes than two")
    require(record.positive in record.classes, record_path, f"has no class {record.positive!r}, which is positive")
    require(record.spread > 0, record_path, f"has the spread {record.spread}, which must be positive")
    with reading(record_path):
        section = PatchesSettings if record.network is None else MapsSettings
        settings = section.model_validate(record.settings)
    learnt, length = _learnt(record_path, record.network, settings)
    remembered = memories.expected_tensors(length, settings)
    tensors = read_tensors(path, {**expected_under("features", learnt), **expected_under("memory", remembered)})
    stored = without_prefix("memory", tensors)
    neighbours = min(settings.neighbours, len(stored["centres"]))
    return PatchesClassifier(
        _describer(record, settings, without_prefix("features", tensors)),
        Memory(**stored, neighbours=neighbours),
        Normal(record.mean, record.spread, record.usual, record.threshold),
        record.classes,
        record.positive,
        record.shape,
        settings,
    )


def _learnt(path: Path, backbone: Backbone | None, settings: CommonSettings) -> tuple[Tensors, int]:
    """What a description learns: types and shapes of its tensors; and its number of features."""
    if isinstance(settings, MapsSettings):
        assert backbone is not None
        require(backbone.fine_tunes, path, f"names the network {backbone.architecture}, of which maps are not known")
        maps = network_maps(backbone, {}, settings, 1)
        return expected_tensors(backbone.architecture, settings.depths), maps.length
    assert isinstance(settings, PatchesSettings)
    if settings.describe == "texture":
        return {}, Texture(settings.stride).length
    return reconstruction.expected_tensors(settings.patch), reconstruction.LENGTH


def _describer(record: _Record, settings: CommonSettings, tensors: dict[str, np.ndarray]) -> Describer:
    if isinstance(settings, MapsSettings):
        assert record.network is not None
        return network_maps(record.network, tensors, settings, record.shape[2])
    assert isinstance(settings, PatchesSettings)
    if settings.describe == "texture":
        return Texture(settings.stride)
    return Reconstruction(settings.stride, settings.patch, tensors["basis"], settings.describe == "dictionary")
