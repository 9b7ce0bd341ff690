"""EfficientNet-Lite as a list of convolutions, from which an ONNX graph is built.

Batch normalisation is folded into the convolutions. Lite networks are EfficientNets without attention, with ReLU6 and
with a stem and a head of fixed size (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite;
Tan and Le, EfficientNet, 2019, table 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradewise.families.stored import Tensors

SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}
"""Factors of width and depth."""

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, size of the kernel, stride of the first repeat, expansion and channels of each stage."""

STEM, HEAD = 32, 1280

EPSILON = 1e-3
"""Added to variances by batch normalisation."""

SMALLEST = 32
"""Shortest side of a sample [px], of which the last map keeps one value."""


@dataclass(frozen=True)
class Convolution:
    """A convolution with a bias, padded so that only the stride shrinks the map.

    Attributes
    ----------
    weight, norm : str
        Names of weights and batch normalisation in published files.
    shape : tuple of int
        Of the weights: filters, channels per group, kernel, kernel.
    stride, groups : int
    relu : bool
        Whether values are cut to 0..6 afterwards.
    opens, closes : bool
        Whether its input is kept, and added to the output of the next convolution that closes.
    ends : bool
        Whether it completes the map of a stage, or the last map of all.
    """

    weight: str
    norm: str
    shape: tuple[int, int, int, int]
    stride: int = 1
    groups: int = 1
    relu: bool = True
    opens: bool = False
    closes: bool = False
    ends: bool = False


def convolutions(architecture: str) -> list[Convolution]:
    """All convolutions of a network in order."""
    width, depth = SCALES[architecture]
    layers = [Convolution("_conv_stem", "_bn0", (STEM, 3, 3, 3), stride=2)]
    channels, block = STEM, 0
    for place, (repeats, kernel, first_stride, expansion, filters) in enumerate(STAGES):
        fixed = place in (0, len(STAGES) - 1)
        filters = _rounded(filters * width)
        repeats = repeats if fixed else math.ceil(repeats * depth)
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            skips = stride == 1 and channels == filters
            name, inner = f"_blocks.{block}", channels * expansion
            if expansion > 1:
                layers.append(Convolution(f"{name}._expand_conv", f"{name}._bn0", (inner, channels, 1, 1), opens=skips))
            layers.append(
                Convolution(
                    f"{name}._depthwise_conv",
                    f"{name}._bn1",
                    (inner, 1, kernel, kernel),
                    stride,
                    groups=inner,
                    opens=skips and expansion == 1,
                )
            )
            layers.append(
                Convolution(
                    f"{name}._project_conv",
                    f"{name}._bn2",
                    (filters, inner, 1, 1),
                    relu=False,
                    closes=skips,
                    ends=repeat == repeats - 1,
                )
            )
            channels, block = filters, block + 1
    return [*layers, Convolution("_conv_head", "_bn1", (HEAD, channels, 1, 1), ends=True)]


def pooled(architecture: str, maps: int) -> dict[int, int]:
    """Channels of the last so many maps that end stages, by the positions of their convolutions."""
    ends = {number: layer.shape[0] for number, layer in enumerate(convolutions(architecture)) if layer.ends}
    return dict(list(ends.items())[-maps:])


def count_features(architecture: str, maps: int) -> int:
    """Number of features: mean and maximum of each channel of the maps."""
    return 2 * sum(pooled(architecture, maps).values())


def stage_ends(architecture: str) -> list[int]:
    """Positions in `convolutions` of the last convolution of each of the `STAGES`."""
    return [number for number, layer in enumerate(convolutions(architecture)) if layer.ends][: len(STAGES)]


def tensors_expected(architecture: str, count: int | None = None) -> Tensors:
    """Type and shape of the weights and biases of a network's convolutions, or of the first so many."""
    expected: dict[str, tuple[str, tuple[int | None, ...]]] = {}
    for number, layer in enumerate(convolutions(architecture)[:count]):
        expected[f"{number}.weight"] = ("F32", layer.shape)
        expected[f"{number}.bias"] = ("F32", layer.shape[:1])
    return expected


def _rounded(filters: float) -> int:
    """To a multiple of eight, by at most a tenth downwards."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def folded(architecture: str, published: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights and biases of all convolutions, float32, from a published file.

    Parameters
    ----------
    architecture : str
    published : mapping
        Arrays by name.

    Raises
    ------
    KeyError, ValueError
        If an array is missing or has another shape; the message names it.
    """
    tensors = {}
    for number, layer in enumerate(convolutions(architecture)):
        weight = _array(architecture, published, f"{layer.weight}.weight", layer.shape)
        gamma, beta, mean, variance = (
            _array(architecture, published, f"{layer.norm}.{part}", layer.shape[:1])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + EPSILON)
        tensors[f"{number}.weight"] = (weight * factor[:, None, None, None]).astype(np.float32)
        tensors[f"{number}.bias"] = (beta - mean * factor).astype(np.float32)
    return tensors


def _array(architecture: str, published: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name not in published:
        raise KeyError(f"no weights of {architecture}: there is no {name}, which it has")
    values = np.asarray(published[name], dtype=np.float64)
    if values.shape != shape:
        raise ValueError(f"no weights of {architecture}: {name} has the shape {values.shape}, where it has {shape}")
    return values
