"""Features of patches from the maps of a backbone.

Samples are enlarged, so that the maps, which the network makes smaller by powers of two, are fine enough. They are
worked on in blocks, so that memory does not grow with the sample. Each map is averaged over 3 x 3 of its values and
interpolated at the middle of each place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import onnxruntime

from gradewise.config.backbones import Backbone
from gradewise.families.backbones.embedding import Embedding
from gradewise.families.backbones.network import convolutions, stage_ends, tensors_expected
from gradewise.families.backbones.onnx import maps_graph
from gradewise.families.graph import PIXELS, session_of
from gradewise.families.patches.describers import padded, places
from gradewise.families.patches.settings import MapsSettings
from gradewise.families.stored import Tensors

COARSEST = 32
"""Stride of the last stages [px]. Blocks are cut at multiples of it, where the values of all maps begin anew."""

MARGIN = COARSEST
"""What a block shows around itself [px of the sample]. The network sees further, but little of it: features next to the
edge of a block of micrographs differ by 0.003 standard deviations in the mean from those with a margin of 64."""

BLOCK = 1024
"""Side of an enlarged block without its margin [px], about."""


@dataclass(frozen=True)
class NetworkMaps:
    """Describes patches by the maps of an EfficientNet-Lite.

    Attributes
    ----------
    backbone : Backbone
        Its section of the configuration.
    tensors : dict of ndarray of float32
        Weights and biases as far as the deepest stage in use, see `backbones.network.folded`.
    depths : tuple of int
        Stages whose last maps are used, from 1.
    enlarge : int
        Factor by which samples are enlarged.
    stride : int
        Distance of neighbouring places [px].
    channels : int
        Of a sample, 1 or 3.
    """

    backbone: Backbone
    tensors: dict[str, np.ndarray]
    depths: tuple[int, ...]
    enlarge: int
    stride: int
    channels: int

    @property
    def length(self) -> int:
        """Number of features: all channels of the maps."""
        layers = convolutions(self.backbone.architecture)
        return sum(layers[end].shape[0] for end in self._ends)

    @cached_property
    def reach(self) -> int:
        """How far pixels change features [px]: what the deepest maps see of the enlarged sample, and the average."""
        side, step = 1, 1
        for layer in convolutions(self.backbone.architecture)[: max(self._ends) + 1]:
            side += (layer.shape[2] - 1) * step
            step *= layer.stride
        return math.ceil((side / 2 + 2.5 * step) / self.enlarge)

    @property
    def in_words(self) -> str:
        """What describes a patch: 'efficientnet_lite0, stages 4, 5, enlarged 3 times'."""
        several = "stage" if len(self.depths) == 1 else "stages"
        size = f", enlarged {self.enlarge} times" if self.enlarge > 1 else ""
        return f"{self.backbone.architecture}, {several} {', '.join(map(str, self.depths))}{size}"

    @property
    def _ends(self) -> list[int]:
        ends = stage_ends(self.backbone.architecture)
        return [ends[depth - 1] for depth in self.depths]

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        graph = maps_graph(self.backbone, self.channels, self.tensors, self._ends)
        return session_of(graph.SerializeToString(), gpu=True)

    def describe(self, pixels: np.ndarray) -> np.ndarray:
        """Features, float32 (rows, columns, length)."""
        rows, columns = (places(side, self.stride) for side in pixels.shape[:2])
        features = np.empty((rows, columns, self.length), np.float32)
        unit = math.lcm(COARSEST, self.stride)
        around = padded(pixels, MARGIN, unit)
        height, width = (length - 2 * MARGIN for length in around.shape[:2])
        side = max(1, BLOCK // (self.enlarge * unit)) * unit
        for top in range(0, height, side):
            for left in range(0, width, side):
                block = around[top : top + side + 2 * MARGIN, left : left + side + 2 * MARGIN]
                described = self._describe_block(block)
                target = features[top // self.stride :, left // self.stride :][
                    : described.shape[0], : described.shape[1]
                ]
                target[:] = described[: target.shape[0], : target.shape[1]]
        return features

    def _describe_block(self, block: np.ndarray) -> np.ndarray:
        large = cv2.resize(block, None, fx=self.enlarge, fy=self.enlarge, interpolation=cv2.INTER_CUBIC)
        large = large.reshape(1, *large.shape[:2], self.channels)
        sampled = []
        for values in self._session.run(None, {PIXELS: large}):
            down, right = (
                _sampling(block.shape[axis] - 2 * MARGIN, self.stride, self.enlarge, values.shape[axis + 2])
                for axis in (0, 1)
            )
            sampled.append(down @ values[0] @ right.T)
        return np.concatenate(sampled).transpose(1, 2, 0)


def _sampling(side: int, stride: int, enlarge: int, length: int) -> np.ndarray:
    """Weights of a map's values along an axis of a block at the middle of each place, shape (places, length).

    The value `k` of a map, whose stride is `step`, is centred on pixel `(k + 1) step - 1` of the enlarged block, since
    convolutions of even sides are padded by one more pixel at the end than at the beginning.
    """
    step = (side + 2 * MARGIN) * enlarge // length
    middles = (MARGIN + (np.arange(side // stride) + 0.5) * stride) * enlarge - 0.5
    positions = np.clip((middles + 1) / step - 1, 0, length - 1)
    before = np.minimum(positions.astype(int), length - 2)
    weights = np.zeros((len(positions), length), np.float32)
    lines = np.arange(len(positions))
    weights[lines, before + 1] = positions - before
    weights[lines, before] = 1 - (positions - before)
    average = np.zeros((length, length), np.float32)
    for shift in (-1, 0, 1):
        neighbours = np.clip(np.arange(length) + shift, 0, length - 1)
        np.add.at(average, (np.arange(length), neighbours), 1 / 3)
    return weights @ average


def expected_tensors(architecture: str, depths: tuple[int, ...]) -> Tensors:
    """Types and shapes of the weights as far as the deepest stage."""
    return tensors_expected(architecture, stage_ends(architecture)[max(depths) - 1] + 1)


def take_maps(embedding: Embedding, settings: MapsSettings) -> NetworkMaps:
    """The maps of an EfficientNet-Lite that was made for features."""
    expected = expected_tensors(embedding.backbone.architecture, settings.depths)
    tensors = {name: embedding.tensors[name] for name in expected}
    return network_maps(embedding.backbone, tensors, settings, embedding.shape[2])


def network_maps(
    backbone: Backbone, tensors: dict[str, np.ndarray], settings: MapsSettings, channels: int
) -> NetworkMaps:
    """The maps of a backbone as settings ask for them, from weights as far as `expected_tensors` says."""
    return NetworkMaps(backbone, tensors, settings.depths, settings.enlarge, settings.stride, channels)
