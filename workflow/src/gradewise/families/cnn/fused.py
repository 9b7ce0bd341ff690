"""Activation, batch norm and max pooling as one layer, for networks that are trained on processors.

Everything else, prediction and export among it, uses PyTorch's own layers with the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PART = 512
"""Values of a row that are worked on at a time: what a pass keeps of them fits into the fastest memory."""

NOT_POOLED = np.empty((0, 0, 0, 0), np.bool_), np.empty((0, 0, 0, 0, 0), np.bool_)
"""What pooling took, of no images."""


class Blocks(nn.Sequential):
    """Layers one after the other; some are computed as one while the network is trained on a processor."""

    def forward(self, input: Tensor) -> Tensor:
        """What the layers make of maps (n, channels, height, width)."""
        fusing = self.training and input.device.type == "cpu" and input.dtype == torch.float32
        if fusing and input.shape[1] == 1:
            # strides of a single channel count for nothing but the layout that PyTorch takes it for
            input = input.contiguous()
            input = input.as_strided(input.shape, (input[0].numel(), 1, input.shape[3], 1))
        layers = list(self)
        while layers:
            count = _fusible(layers) if fusing else 0
            input = _fused(input, layers[:count]) if count else layers[0](input)
            layers = layers[count or 1 :]
        return input


def _fusible(layers: list[nn.Module]) -> int:
    """How many of the first layers are computed as one: an activation or none, a batch norm, a pooling or none."""
    norm = int(isinstance(layers[0], nn.ReLU | nn.LeakyReLU | nn.PReLU))
    if not isinstance(next(iter(layers[norm:]), None), nn.BatchNorm2d):
        return 0
    return norm + 1 + isinstance(next(iter(layers[norm + 1 :]), None), nn.MaxPool2d)


def _fused(maps: Tensor, layers: list[nn.Module]) -> Tensor:
    """What the layers, which `_fusible` has counted, make of maps."""
    pooled = isinstance(layers[-1], nn.MaxPool2d)
    norm = layers[-2] if pooled else layers[-1]
    assert isinstance(norm, nn.BatchNorm2d)
    channels = maps.shape[1]
    first = layers[0]
    if isinstance(first, nn.PReLU):
        slopes = first.weight.expand(channels)
    else:
        constant = first.negative_slope if isinstance(first, nn.LeakyReLU) else float(first is norm)
        slopes = torch.full((channels,), constant)
    result: Tensor = _apply(maps, slopes, norm.weight, norm.bias, norm, pooled)
    return result


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, slopes: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d, pooled: bool
    ) -> Tensor:
        # compiled code takes half a second to load, and most processes train no network
        from gradewise.families.cnn import passes

        images, channels, height, width = maps.shape
        pixels = _pixels_of_part(width, channels, pooled)
        values, of_part = _parts(maps, pixels), _repeated(pixels)
        sums = np.empty((images, 2, channels))
        _divide(passes.moments, images, values, of_part(slopes), sums)
        count = images * height * width
        mean, squares = sums.sum(axis=0) / count
        variance = np.maximum(squares - mean**2, 0)
        _follow(norm, mean, variance * count / (count - 1))
        inverse = 1 / np.sqrt(variance + norm.eps)
        scale = weight.detach().double().numpy() * inverse
        shift = bias.detach().double().numpy() - scale * mean
        ctx.save_for_backward(maps, slopes)
        ctx.statistics = mean, inverse, scale
        ctx.taken = None
        if not pooled:
            result = torch.empty_like(maps, memory_format=torch.channels_last)
            into = _parts(result, pixels)
            _divide(passes.normalise, images, values, of_part(slopes), of_part(scale), of_part(shift), into)
            return result
        half = (images, height // 2, width // 2, channels)
        result, largest = (maps.new_empty(half).permute(0, 3, 1, 2) for _ in range(2))
        parts = (images, height // 2, width // pixels)
        lower, right = (*parts, pixels * channels), (*parts, pixels // 2, channels)
        ctx.taken = np.empty(lower, np.bool_), np.empty(right, np.bool_)
        ctx.largest = largest
        sign, of_half = np.where(scale < 0, -1, 1), _repeated(pixels // 2)
        factors = of_part(slopes), of_part(sign), of_half(sign * scale), of_half(shift)
        written = _parts(result, pixels // 2), _parts(largest, pixels // 2)
        _divide(passes.normalise_and_pool, images, values, *factors, *written, *ctx.taken)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        from gradewise.families.cnn import passes

        (maps, slopes), (mean, inverse, scale) = ctx.saved_tensors, ctx.statistics
        images, channels, height, width = maps.shape
        pixels = _pixels_of_part(width, channels, ctx.taken is not None)
        values, of_part = _parts(maps, pixels), _repeated(pixels)
        sums = np.empty((images, 2, channels))
        if ctx.taken is None:
            gradient = _parts(gradients[0], pixels)
            _divide(passes.gradient_sums, images, values, of_part(slopes), of_part(mean), gradient, sums)
            by_bias, products = sums.sum(axis=0)
        else:
            gradient, largest = (_parts(of_half, pixels // 2) for of_half in (gradients[0], ctx.largest))
            of_half, sign = _repeated(pixels // 2), np.where(scale < 0, -1, 1)
            standard = of_half(np.ones(channels)), of_half(sign * mean)
            _divide(passes.gradient_sums, images, largest, *standard, gradient, sums)
            by_bias, products = sums.sum(axis=0) * [np.ones(channels), sign]
        # Ioffe and Szegedy (2015, Batch normalization, ICML, section 3)
        count = images * height * width
        slant = -scale * inverse**2 * products / count
        shift = -scale * by_bias / count - slant * mean
        factors = (of_part(of_channel) for of_channel in (slopes, scale, slant, shift))
        by_maps = torch.empty_like(maps, memory_format=torch.channels_last)
        by_slopes = np.empty((images, channels))
        written = _parts(by_maps, pixels), by_slopes
        _divide(passes.gradient_of_maps, images, values, *factors, gradient, *(ctx.taken or NOT_POOLED), *written)
        others = (torch.from_numpy(sums).float() for sums in (by_slopes.sum(axis=0), inverse * products, by_bias))
        return by_maps, *others, None, None


_apply: Any = _Fused.apply


def _pixels_of_part(width: int, channels: int, pooled: bool) -> int:
    """How many pixels of a row are worked on at a time; they divide the row, and pairs of pixels if it is pooled."""
    step = 2 if pooled else 1
    divisors = [pixels for pixels in range(step, width + 1, step) if width % pixels == 0]
    # an odd row, of which pooling leaves the last pixel off
    if not divisors:
        return width
    return max((pixels for pixels in divisors if pixels * channels <= PART), default=divisors[0])


def _parts(maps: Tensor, pixels: int) -> np.ndarray:
    """Maps (n, channels, height, width) as an array (n, height, parts, pixels x channels), which shares their memory.

    Of float32, or of 16 bits as integers.
    """
    last = maps.detach().contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    parts = last.reshape(*last.shape[:2], -1, pixels * last.shape[3])
    array: np.ndarray = (parts.view(torch.uint16) if parts.dtype == torch.bfloat16 else parts).numpy()
    return array


def _repeated(pixels: int) -> Callable[[Tensor | np.ndarray], np.ndarray]:
    """Values of channels for each pixel of a part."""

    def repeat(values: Tensor | np.ndarray) -> np.ndarray:
        array = values.detach().numpy() if isinstance(values, Tensor) else values
        return np.tile(array.astype(np.float32), pixels)

    return repeat


def _follow(norm: nn.BatchNorm2d, mean: np.ndarray, variance: np.ndarray) -> None:
    """Move the running mean and variance of a batch norm."""
    for running, value in ((norm.running_mean, mean), (norm.running_var, variance)):
        assert running is not None
        running.lerp_(torch.from_numpy(value).to(running.dtype), norm.momentum or 0.0)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked += 1


def _divide(work: Callable[..., None], images: int, *arrays: Any) -> None:
    """Do work, which takes the first image and the one after the last, with the threads that PyTorch has."""
    threads = min(torch.get_num_threads(), images)
    bounds = [images * part // threads for part in range(threads + 1)]
    if threads == 1:
        work(0, images, *arrays)
    else:
        list(_pool(threads).map(lambda first, last: work(first, last, *arrays), bounds[:-1], bounds[1:]))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
