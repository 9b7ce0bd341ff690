"""TinyViT, as kornia implements it, with weights as its authors publish them (Wu et al., TinyViT, ECCV 2022)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import ModelProto

from gradewise.families.graph import OPERATORS

TOKENS = "tokens"
"""Name of the last map in the graph."""

BIASES = "layers.1.blocks.0.attn.attention_biases"
"""The array whose size tells for which samples a network was trained."""


def side_of(published: Mapping[str, np.ndarray]) -> int:
    """Side of the samples that the weights were trained with [px]: attention windows of 7 x 7 go with 224 px.

    Raises
    ------
    KeyError
        If these are no weights of a TinyViT.
    """
    if BIASES not in published:
        raise KeyError(f"no weights of a TinyViT: there is no {BIASES}, which it has")
    return 32 * math.isqrt(published[BIASES].shape[1])


def architecture_of(published: Mapping[str, np.ndarray]) -> str | None:
    """The TinyViT that weights belong to, by the width of its last map; None if to none."""
    widths = {(320,): "tiny_vit_5m", (448,): "tiny_vit_11m", (576,): "tiny_vit_21m"}
    return widths.get(published["norm_head.weight"].shape) if {BIASES, "norm_head.weight"} <= set(published) else None


def tiny_vit_graph(architecture: str, published: Mapping[str, np.ndarray]) -> ModelProto:
    """The network from an image (1, 3, side, side) to its last map, tokens (1, places, channels), as an ONNX graph.

    Raises
    ------
    KeyError, ValueError
        If the arrays are not those of the architecture; the message says which.
    """
    import torch
    from kornia.models.tiny_vit import TinyViT

    class Tokens(torch.nn.Module):
        """The network without its classifier."""

        def __init__(self, network: TinyViT) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            """Tokens of the last map."""
            tokens: torch.Tensor = self.network.layers(self.network.patch_embed(images))
            return tokens

    side = side_of(published)
    window = side // 32
    network = TinyViT.from_config(
        architecture.removeprefix("tiny_vit_"),
        img_size=side,
        num_classes=1,
        window_sizes=[window, window, 2 * window, window],
    ).eval()
    head = {name: values for name, values in network.state_dict().items() if name.startswith("head.")}
    # published files also hold what is computed from the size alone, and a classifier that is not used
    body = {
        name: torch.from_numpy(values)
        for name, values in published.items()
        if not name.startswith("head.") and not name.endswith("attention_bias_idxs")
    }
    try:
        network.load_state_dict(body | head)
    except RuntimeError as error:
        raise ValueError(f"no weights of {architecture}: {' '.join(str(error).split())[:300]}") from error
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        target = Path(folder) / "network.onnx"
        # sizes become constants, as is meant, and the older exporter needs no further packages
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Tokens(network),
            (torch.zeros(1, 3, side, side),),
            target,
            dynamo=False,
            opset_version=OPERATORS[""],
            input_names=["images"],
            output_names=[TOKENS],
        )
        return onnx.load_model(target)
