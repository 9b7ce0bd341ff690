"""The maps of a network's convolutions as they are after batch norm and activation, and before pooling.

Where a network pools before it activates, because both orders give the same and this one is faster, the published
order is put back.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def pooling_last(features: nn.Sequential) -> tuple[nn.Sequential, dict[str, str]]:
    """The features of a `ConvNet` with every pooling behind the activation.

    Returns the same layers, sharing their weights, with the same result; and, by the name of each convolution, that of
    the layer after which its maps are normalised and activated.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    pooling: dict[str, nn.Module] = {}
    finished: dict[str, str] = {}
    number = ""
    for name, layer in features.named_children():
        if name.startswith("pool"):
            pooling[name] = layer
            continue
        if name.startswith("conv"):
            layers.update(pooling)
            pooling = {}
            number = name
        layers[name] = layer
        finished[number] = name
    layers.update(pooling)
    return nn.Sequential(layers), finished
