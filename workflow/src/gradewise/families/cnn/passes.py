"""Activation, batch norm and max pooling of maps in two passes forwards and two backwards, compiled for processors.

PyTorch reads and writes the maps for each layer, and for some gradients number by number, which takes more time than
the convolutions of small networks. Here all that happens to a part of a row happens while it is in the fastest memory.
Results are the same up to rounding.

The values of a pixel are consecutive (channels last). Rows are divided into parts of equal length, so short that all
arrays of that length fit into the fastest memory: maps have shape (n, height, parts, pixels of a part x channels).
Values that belong to channels are repeated for each pixel of a part. Numbers of 16 bits (bfloat16, the upper half of a
float32) are passed as integers, since NumPy has no such type. Sums are those of images, in order, so that they do not
depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

ARITHMETIC = {"contract"}
"""Products and sums may be computed in one step, which processors do; nothing else may change."""


def _number(value: np.generic) -> np.float32:
    """A value of maps as float32."""
    raise NotImplementedError


@overload(_number)
def _compile_number(value: Any) -> Callable[[Any], Any]:
    def widened(value: Any) -> Any:
        # a shift of 32 bits has 64, of which half as many are computed at a time
        return np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)

    def unchanged(value: Any) -> Any:
        return value

    return widened if value == types.uint16 else unchanged


def _put(row: np.ndarray, place: int, value: np.float32) -> None:
    """Set a value of maps, of 16 bits rounded to the nearest, ties to even."""
    raise NotImplementedError


@overload(_put)
def _compile_put(row: Any, place: Any, value: Any) -> Callable[[Any, Any, Any], None]:
    def put_rounded(row: Any, place: Any, value: Any) -> None:
        bits = np.float32(value).view(np.uint32)
        odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
        row[place] = np.uint16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))

    def put(row: Any, place: Any, value: Any) -> None:
        row[place] = value

    return put_rounded if row.dtype == types.uint16 else put


@njit(cache=True, nogil=True, fastmath=ARITHMETIC)
def _activated(value: np.float32, slope: np.float32) -> np.float32:
    return value * slope if value <= 0 else value


@njit(cache=True, nogil=True)
def _add_by_channel(values: np.ndarray, sums: np.ndarray) -> None:
    channels = len(sums)
    for pixel in range(0, len(values), channels):
        for channel in range(channels):
            sums[channel] += values[pixel + channel]


@njit(cache=True, nogil=True, fastmath=ARITHMETIC)
def moments(first: int, last: int, maps: np.ndarray, slopes: np.ndarray, sums: np.ndarray) -> None:
    """Sums of activated values and of their squares, of some images.

    Parameters
    ----------
    first, last : int
        Images `first` to `last` - 1.
    maps : ndarray of uint16 or float32, shape (n, height, parts, length)
    slopes : ndarray of float32, shape (length,)
        Of activated values below 0; 1 leaves them as they are.
    sums : ndarray of float64, shape (n, 2, channels)
        Set for these images.
    """
    _, height, parts, length = maps.shape
    for image in range(first, last):
        total, squares = np.zeros(length, np.float32), np.zeros(length, np.float32)
        for row, part in np.ndindex(height, parts):
            values = maps[image, row, part]
            for place in range(length):
                value = _activated(_number(values[place]), slopes[place])
                total[place] += value
                squares[place] += value * value
        sums[image] = 0
        _add_by_channel(total, sums[image, 0])
        _add_by_channel(squares, sums[image, 1])


@njit(cache=True, nogil=True, fastmath=ARITHMETIC)
def normalise(
    first: int,
    last: int,
    maps: np.ndarray,
    slopes: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    result: np.ndarray,
) -> None:
    """Activate and normalise some images: `scale` times the activated value plus `shift`, into `result`."""
    _, height, parts, length = maps.shape
    for image in range(first, last):
        for row, part in np.ndindex(height, parts):
            values, into = maps[image, row, part], result[image, row, part]
            for place in range(length):
                value = _activated(_number(values[place]), slopes[place])
                _put(into, place, value * scale[place] + shift[place])


@njit(cache=True, nogil=True, fastmath=ARITHMETIC)
def normalise_and_pool(
    first: int,
    last: int,
    maps: np.ndarray,
    slopes: np.ndarray,
    sign: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    result: np.ndarray,
    largest: np.ndarray,
    lower: np.ndarray,
    right: np.ndarray,
) -> None:
    """Activate, normalise and keep the largest of each 2 x 2 values, of some images.

    Parameters
    ----------
    sign : ndarray of float32, shape (length,)
        1 where normalised values are the larger, the larger activated values are; otherwise -1.
    scale, shift : ndarray of float32, shape (length // 2,)
        Of activated values times sign.
    result : ndarray, shape (n, height // 2, parts, length // 2)
    largest : ndarray of the same shape and type
        Set: the activated value, times sign, that each value of the result was made of.
    lower : ndarray of bool, shape (n, height // 2, parts, length)
        Set: where the value of the lower of two rows is taken.
    right : ndarray of bool, shape (n, height // 2, parts, pixels of a part // 2, channels)
        Set: where the value of the right of two columns is taken.
    """
    _, height, parts, pixels, channels = right.shape
    larger = np.empty(maps.shape[3], np.float32)
    pairs = larger[: 2 * pixels * channels].reshape(pixels, 2, channels)
    of_pixels = np.empty((pixels, channels), np.float32)
    values = of_pixels.reshape(-1)
    for image in range(first, last):
        for row, part in np.ndindex(height, parts):
            above, below = maps[image, 2 * row, part], maps[image, 2 * row + 1, part]
            is_lower, is_right = lower[image, row, part], right[image, row, part]
            for place in range(len(larger)):
                upper_value = _activated(_number(above[place]), slopes[place]) * sign[place]
                lower_value = _activated(_number(below[place]), slopes[place]) * sign[place]
                # the negation lets values that are no numbers through, so that training notices them
                is_lower[place] = not lower_value <= upper_value
                larger[place] = upper_value if lower_value <= upper_value else lower_value
            for pixel in range(pixels):
                for channel in range(channels):
                    left_value, right_value = pairs[pixel, 0, channel], pairs[pixel, 1, channel]
                    is_right[pixel, channel] = not right_value <= left_value
                    of_pixels[pixel, channel] = left_value if right_value <= left_value else right_value
            into, kept = result[image, row, part], largest[image, row, part]
            for place in range(len(values)):
                _put(into, place, values[place] * scale[place] + shift[place])
                _put(kept, place, values[place])


@njit(cache=True, nogil=True, fastmath=ARITHMETIC)
def gradient_sums(
    first: int,
    last: int,
    maps: np.ndarray,
    slopes: np.ndarray,
    mean: np.ndarray,
    gradient: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Sums of the gradient, and of its products with activated values less their mean, of some images.

    Parameters
    ----------
    mean : ndarray of float32, shape (length,)
    gradient : ndarray, shape of the maps
        By the normalised values.
    sums : ndarray of float64, shape (n, 2, channels)
        Set for these images.
    """
    _, height, parts, length = maps.shape
    for image in range(first, last):
        total, products = np.zeros(length, np.float32), np.zeros(length, np.float32)
        for row, part in np.ndindex(height, parts):
            values, by_values = maps[image, row, part], gradient[image, row, part]
            for place in range(length):
                value, by_value = _activated(_number(values[place]), slopes[place]), _number(by_values[place])
                total[place] += by_value
                products[place] += by_value * (value - mean[place])
        sums[image] = 0
        _add_by_channel(total, sums[image, 0])
        _add_by_channel(products, sums[image, 1])


@njit(cache=True, nogil=True)
def _spread(pooled: np.ndarray, right: np.ndarray, wide: np.ndarray) -> None:
    """The gradient by pooled values of a part as that by the larger values of two rows each, twice as many columns."""
    pixels, channels = right.shape
    for pixel in range(pixels):
        own = pixel * channels
        # a loop for each column, since one that sets both is not computed several channels at a time
        for channel in range(channels):
            value = _number(pooled[own + channel])
            wide[2 * own + channel] = np.float32(0) if right[pixel, channel] else value
        for channel in range(channels):
            value = _number(pooled[own + channel])
            wide[2 * own + channels + channel] = value if right[pixel, channel] else np.float32(0)


@njit(cache=True, nogil=True, fastmath=ARITHMETIC)
def gradient_of_maps(
    first: int,
    last: int,
    maps: np.ndarray,
    slopes: np.ndarray,
    scale: np.ndarray,
    slant: np.ndarray,
    shift: np.ndarray,
    gradient: np.ndarray,
    lower: np.ndarray,
    right: np.ndarray,
    result: np.ndarray,
    sums: np.ndarray,
) -> None:
    """The gradient by the maps of some images.

    Parameters
    ----------
    scale, slant, shift : ndarray of float32, shape (length,)
        The gradient by an activated value is `scale` times that by the normalised value, plus `slant` times the
        activated value, plus `shift`.
    gradient : ndarray
        By the result of `normalise` or `normalise_and_pool`; of its shape.
    lower, right : ndarray of bool
        As `normalise_and_pool` sets them; of no images without pooling.
    result : ndarray, shape of the maps
    sums : ndarray of float64, shape (n, channels)
        Set for these images: the gradient by the slopes.
    """
    _, height, parts, length = maps.shape
    is_pooled = len(lower) > 0
    wide, by_values = np.zeros((parts, length), np.float32), np.zeros(length, np.float32)
    for image in range(first, last):
        by_slopes = np.zeros(length, np.float32)
        for row, part in np.ndindex(height, parts):
            half, is_odd = row // 2, row % 2 == 1
            if not is_pooled:
                unpooled = gradient[image, row, part]
                for place in range(length):
                    by_values[place] = _number(unpooled[place])
            elif half < gradient.shape[1]:
                if not is_odd:
                    _spread(gradient[image, half, part], right[image, half, part], wide[part])
                is_lower, of_larger = lower[image, half, part], wide[part]
                for place in range(length):
                    by_values[place] = of_larger[place] if is_lower[place] == is_odd else np.float32(0)
            else:
                by_values[:] = 0
            values, into = maps[image, row, part], result[image, row, part]
            for place in range(length):
                value = _number(values[place])
                slope = slopes[place] if value <= 0 else np.float32(1)
                change = scale[place] * by_values[place] + slant[place] * (value * slope) + shift[place]
                by_slopes[place] += change * value if value <= 0 else np.float32(0)
                _put(into, place, change * slope)
        sums[image] = 0
        _add_by_channel(by_slopes, sums[image])
