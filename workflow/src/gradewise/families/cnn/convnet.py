"""The convolutional network that settings describe: blocks of convolutions, then dense layers.

One class covers both published networks: that of the nanofibre paper (its Table 2) and that of the mango report
("Architecture and Hyperparameters"). `layer_table` lists a network in the form of the nanofibre paper.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from gradewise.families.cnn.fused import Blocks
from gradewise.families.cnn.prelu import PReLU
from gradewise.families.cnn.settings import CnnSettings


class ConvNet(nn.Module):
    """Class scores of normalised samples.

    Parameters
    ----------
    settings : CnnSettings
        Only those of the architecture are used: `channels` to `init_std`.
    shape : tuple of int
        Height, width and channels of a sample.
    classes : int
        Number of classes.

    Attributes
    ----------
    window : tuple of int
        Height and width of the maps of a sample.
    stride : int
        Pixels of a sample, along an axis, of one value of its maps.
    edge : int
        How far values are from the pixels that change them at most [px].
    features : nn.Sequential
        The blocks, layers named conv1, norm1, relu1, pool1 ..; ends in maps of (n, channels[-1], height, width).
    head : nn.Sequential
        The dense layers, named FC1, FC2 ..; the last gives the scores.

    Raises
    ------
    ValueError
        If the samples are too small to be halved once per block.
    """

    window: tuple[int, int]
    stride: int
    edge: int

    def __init__(self, settings: CnnSettings, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        blocks = len(settings.channels)
        height, width = (side >> blocks for side in shape[:2])
        if min(height, width) < 1:
            raise ValueError(
                f"samples of {shape[0]} x {shape[1]} px are too small for {blocks} blocks, each of which halves them: "
                f"the smaller side needs {2**blocks} px; use a view of larger samples or fewer `channels`"
            )
        self.window = (height, width)
        self.stride = 2**blocks
        self.edge = settings.convolutions * (settings.kernel // 2) * (self.stride - 1) + self.stride
        self.features = _blocks(settings, shape[2])
        self.head = _dense_layers(settings, settings.channels[-1] * height * width, classes)
        if settings.init_std is not None:
            _draw_weights(self, settings.init_std)

    def forward(self, batch: Tensor) -> Tensor:
        """Scores before softmax, shape (n, classes), of samples (n, channels, height, width)."""
        scores: Tensor = self.head(self.features(batch).flatten(1))
        return scores

    def slide(self, batch: Tensor) -> Tensor:
        """Scores of all windows of larger samples.

        Parameters
        ----------
        batch : Tensor of float32, shape (n, channels, height, width)
            Normalised.

        Returns
        -------
        Tensor, shape (n, classes, rows, columns)
            Before softmax, of windows as large as a sample of training, `stride` px from each other.
        """
        first, *others = self.head
        assert isinstance(first, nn.Linear)
        maps = self.features(batch)
        # a dense layer on the maps of each window is a convolution of the maps
        values = functional.conv2d(maps, first.weight.view(len(first.weight), -1, *self.window), first.bias)
        rows = values.permute(0, 2, 3, 1).flatten(0, 2)
        scores: Tensor = nn.Sequential(*others)(rows).view(len(values), *values.shape[2:], -1)
        return scores.permute(0, 3, 1, 2)


def _blocks(settings: CnnSettings, channels: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for block, filters in enumerate(settings.channels, start=1):
        tail: list[tuple[str, nn.Module]] = []
        for _ in range(settings.convolutions):
            layers.update(tail)
            number += 1
            layers[f"conv{number}"] = nn.Conv2d(channels, filters, settings.kernel, padding=settings.kernel // 2)
            tail = _norm_and_activation(settings, nn.BatchNorm2d(filters), f"{number}", slopes=filters)
            channels = filters
        pool = nn.Conv2d(filters, filters, 2, stride=2) if settings.pool == "stride" else nn.MaxPool2d(2)
        # A monotonic activation commutes with a maximum; after pooling it has a quarter of the work.
        monotonic = settings.norm != "after" and settings.activation != "prelu" and settings.pool == "max"
        pool_at = len(tail) - 1 if monotonic else len(tail)
        layers.update([*tail[:pool_at], (f"pool{block}", pool), *tail[pool_at:]])
    return Blocks(layers)


def _dense_layers(settings: CnnSettings, inputs: int, classes: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, neurons in enumerate(settings.dense, start=1):
        layers[f"FC{number}"] = nn.Linear(inputs, neurons)
        layers.update(_norm_and_activation(settings, nn.BatchNorm1d(neurons), f"{number}", slopes=1))
        if settings.dropout:
            layers[f"dropout{number}"] = nn.Dropout(settings.dropout)
        inputs = neurons
    layers[f"FC{len(settings.dense) + 1}"] = nn.Linear(inputs, classes)
    return nn.Sequential(layers)


def _norm_and_activation(
    settings: CnnSettings, norm: nn.Module, number: str, slopes: int
) -> list[tuple[str, nn.Module]]:
    activation = {
        "relu": nn.ReLU(),
        "leaky_relu": nn.LeakyReLU(),
        "prelu": PReLU(slopes),
    }[settings.activation]
    pair = [(f"norm{number}", norm), (f"{settings.activation}{number}", activation)]
    return {"before": pair, "after": pair[::-1], "none": pair[1:]}[settings.norm]


def _draw_weights(network: nn.Module, std: float) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@dataclass(frozen=True)
class Layer:
    """One row of a table of layers.

    Attributes
    ----------
    name : str
        conv1, pool1 .. FC1 ..
    input, output : tuple of int
        Height and width of the maps, or number of values.
    filters : int or None
        Number of output maps; None for dense layers.
    filter_size : tuple of int or None
    stride, padding : int or None
    parameters : int
        Trainable parameters, including those of the batch norm and activation that follow the layer, so that the
        column adds up to the parameters of the whole network.
    """

    name: str
    input: tuple[int, ...]
    filters: int | None
    filter_size: tuple[int, int] | None
    stride: int | None
    padding: int | None
    output: tuple[int, ...]
    parameters: int


def layer_table(network: ConvNet, shape: tuple[int, int, int]) -> list[Layer]:
    """Layers of a network in the form of Table 2 of the nanofibre paper, in the order a sample passes through them.

    Parameters
    ----------
    network : ConvNet
    shape : tuple of int
        Height, width and channels of a sample.

    Returns
    -------
    list of Layer
        Convolutions, poolings and dense layers in order.
    """
    parameters: dict[str, int] = {}
    rows: list[Layer] = []
    hooks = []
    counted = ""

    def add_row(name: str, layer: nn.Module, inputs: Tensor, output: Tensor) -> None:
        count = parameters.get(name, 0)
        if isinstance(layer, nn.Linear):
            rows.append(Layer(name, tuple(inputs.shape[1:]), None, None, None, None, tuple(output.shape[1:]), count))
            return
        assert isinstance(layer, nn.Conv2d | nn.MaxPool2d)
        side, stride = _number(layer.kernel_size), _number(layer.stride)
        padding = _number(layer.padding) if isinstance(layer, nn.Conv2d) else None
        sizes = tuple(inputs.shape[2:]), tuple(output.shape[2:])
        rows.append(Layer(name, sizes[0], output.shape[1], (side, side), stride, padding, sizes[1], count))

    for name, layer in [*network.features.named_children(), *network.head.named_children()]:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.Linear):
            hooks.append(
                layer.register_forward_hook(
                    lambda layer, inputs, output, name=name: add_row(name, layer, inputs[0], output)
                )
            )
        if isinstance(layer, nn.Conv2d | nn.Linear):
            counted = name
        parameters[counted] = parameters.get(counted, 0) + sum(value.numel() for value in layer.parameters())
    training = network.training
    with torch.inference_mode():
        network.eval()(torch.zeros(1, shape[2], shape[0], shape[1], device=next(network.parameters()).device))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return rows


def _number(value: object) -> int:
    """The side of a square kernel, stride or padding."""
    side = value[0] if isinstance(value, tuple) else value
    assert isinstance(side, int)
    return side
