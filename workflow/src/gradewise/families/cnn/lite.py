"""EfficientNet-Lite with a head, as a network of PyTorch whose last blocks can be trained further.

Batch normalisation is part of the convolutions (see `backbones.network`), so that its statistics stay as they are and
small batches do no harm. Where statistics follow the batches, it is taken out of the blocks that are trained and put
back at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradewise.config.backbones import Backbone
from gradewise.families.backbones.network import EPSILON, Convolution, convolutions, pooled


class LiteNetwork(nn.Module):
    """Class scores of normalised samples.

    Parameters
    ----------
    backbone : Backbone
        An EfficientNet-Lite.
    tensors : mapping
        Weights and biases of its convolutions, see `backbones.network.folded`.
    weights : ndarray, shape (features, classes)
        Of the head, which takes mean and maximum of each channel of the backbone's maps.
    intercept : ndarray, shape (classes,)
    layers : int or "all"
        Blocks at the end that are trained.
    published : mapping, optional
        Arrays of the file of weights, if statistics of trained blocks follow the batches.
    """

    def __init__(
        self,
        backbone: Backbone,
        tensors: Mapping[str, np.ndarray],
        weights: np.ndarray,
        intercept: np.ndarray,
        layers: int | Literal["all"],
        published: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self._kinds = convolutions(backbone.architecture)
        self._pooled = pooled(backbone.architecture, backbone.maps)
        made = [_Convolution(kind) for kind in self._kinds]
        self.convolutions = nn.ModuleList(made)
        self.head = nn.Linear(*weights.shape)
        state = {f"convolutions.{name}": torch.from_numpy(values) for name, values in tensors.items()}
        state |= {"head.weight": torch.from_numpy(weights.T), "head.bias": torch.from_numpy(intercept)}
        self.load_state_dict(state)
        blocks = _blocks(self._kinds)
        self._trained = blocks if layers == "all" else blocks[max(0, len(blocks) - layers) :]
        trained = {number for block in self._trained for number in block}
        for number, convolution in enumerate(made):
            if published is not None and number in trained:
                convolution.follow_batches(published)
            convolution.requires_grad_(number in trained)

    def forward(self, batch: Tensor) -> Tensor:
        """Scores before softmax, shape (n, classes), of samples (n, 3, height, width)."""
        values = shortcut = batch.contiguous(memory_format=torch.channels_last)
        features = []
        for number, (kind, convolution) in enumerate(zip(self._kinds, self.convolutions, strict=True)):
            if kind.opens:
                shortcut = values
            values = convolution(values)
            if kind.closes:
                values = values + shortcut
            if number in self._pooled:
                features += [values.mean((2, 3)), values.amax((2, 3))]
        scores: Tensor = self.head(torch.cat(features, 1))
        return scores

    def groups(self, decay: float) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters that are trained with their shares of the learning rate.

        The head has the share 1, and each block that of the next one times `decay`.
        """
        groups = [(list(self.head.parameters()), 1.0)]
        for distance, block in enumerate(reversed(self._trained), start=1):
            parameters = [value for number in block for value in self.convolutions[number].parameters()]
            groups.append((parameters, decay**distance))
        return groups

    def tensors(self) -> dict[str, np.ndarray]:
        """Weights and biases of the convolutions, as they were given."""
        tensors: dict[str, np.ndarray] = {}
        for number, convolution in enumerate(self.convolutions):
            assert isinstance(convolution, _Convolution)
            weight, bias = convolution.folded()
            tensors |= {f"{number}.weight": _array(weight), f"{number}.bias": _array(bias)}
        return tensors

    def head_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (features, classes) and intercept (classes,) of the head."""
        return _array(self.head.weight.T), _array(self.head.bias)


class _Convolution(nn.Conv2d):
    """A convolution padded so that only the stride shrinks the map, with its activation."""

    def __init__(self, kind: Convolution) -> None:
        filters, inputs, kernel, _ = kind.shape
        super().__init__(inputs * kind.groups, filters, kernel, kind.stride, groups=kind.groups)
        self._kind = kind
        self.norm: nn.BatchNorm2d | None = None

    def follow_batches(self, published: Mapping[str, np.ndarray]) -> None:
        """Take the batch normalisation out, with the arrays of the file of weights."""
        weight, norm = self._kind.weight, self._kind.norm
        self.weight.data = torch.from_numpy(published[f"{weight}.weight"]).clone()
        self.register_parameter("bias", None)
        self.norm = nn.BatchNorm2d(self.out_channels, eps=EPSILON)
        parts = ("weight", "bias", "running_mean", "running_var")
        state = {part: torch.from_numpy(published[f"{norm}.{part}"]) for part in parts}
        self.norm.load_state_dict(state, strict=False)  # files do not count batches

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution that does the same in prediction."""
        if self.norm is None:
            assert self.bias is not None, "without batch normalisation there is a bias"
            return self.weight, self.bias
        mean, variance = self.norm.get_buffer("running_mean"), self.norm.get_buffer("running_var")
        factor = self.norm.weight / (variance + self.norm.eps).sqrt()
        return self.weight * factor[:, None, None, None], self.norm.bias - mean * factor

    def forward(self, input: Tensor) -> Tensor:
        # On processors, the gradient of a depthwise convolution takes twice as long in 16 bits as in 32.
        if self.groups > 1 and self.weight.requires_grad and not input.is_cuda:
            with torch.autocast(input.device.type, enabled=False):
                return self._convolve(input.float())
        return self._convolve(input)

    def _convolve(self, input: Tensor) -> Tensor:
        top, bottom = self._margins(input.shape[2])
        left, right = self._margins(input.shape[3])
        if (top, left) == (bottom, right):
            values = functional.conv2d(input, self.weight, self.bias, self.stride, (top, left), groups=self.groups)
        else:
            padded = functional.pad(input, (left, right, top, bottom))
            values = functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)
        if self.norm is not None:
            values = self.norm(values)
        return functional.relu6(values, inplace=True) if self._kind.relu else values

    def _margins(self, side: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        margin = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        return margin // 2, margin - margin // 2


def _blocks(kinds: list[Convolution]) -> list[list[int]]:
    """Numbers of the convolutions of each block; the first and the last one are blocks of their own."""
    names = [(kind.weight.rpartition(".")[0] or kind.weight) for kind in kinds]
    return [list(block) for _, block in groupby(range(len(kinds)), key=names.__getitem__)]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy()
