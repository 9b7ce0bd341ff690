"""Images per second of fine-tuning an EfficientNet-Lite0, next to a plain loop of PyTorch in 32 bits.

    python bench/fine_tuning.py [--side 128] [--batch 32] [--iterations 12] [--rounds 3] [--threads 2]

The plain loop has the same blocks and optimiser: convolutions and batch normalisation as published, which keeps its
statistics, blocks that are not trained without gradients, and a random flip of each sample. The other side is
`train_further` as the workflow calls it, with its augmentation, its checks, and a checkpoint at the end of each round.
Sides alternate. Images per second are also given by processor time, which does not depend on what else runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from gradewise.config.backbones import Backbone
from gradewise.config.known_backbones import KNOWN
from gradewise.families.backbones.embedding import read_published, read_weights
from gradewise.families.backbones.network import EPSILON, convolutions, count_features
from gradewise.families.cnn.classifier import NetworkClassifier, place
from gradewise.families.cnn.lite import LiteNetwork
from gradewise.families.cnn.settings import FineTuningSettings
from gradewise.families.cnn.training import train_further
from gradewise.views.samples import Samples

LITE0 = Backbone.model_validate(KNOWN["lite0"].section | {"maps": 1})
CLASSES = ["A", "B"]
FEATURES = count_features(LITE0.architecture, LITE0.maps)
TRAINED = {"the last 4 blocks": (4, 10), "all blocks": ("all", 49)}
"""Blocks that are trained, and how many convolutions these have."""


class Plain(nn.Module):
    """The network as it is usually written down."""

    def __init__(self, published: dict[str, np.ndarray], trained: int) -> None:
        super().__init__()
        self.kinds = convolutions(LITE0.architecture)
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for number, kind in enumerate(self.kinds):
            filters, inputs, kernel, _ = kind.shape
            layer = nn.Conv2d(inputs * kind.groups, filters, kernel, kind.stride, groups=kind.groups, bias=False)
            norm = nn.BatchNorm2d(filters, eps=EPSILON)
            layer.load_state_dict({"weight": torch.from_numpy(published[f"{kind.weight}.weight"])})
            parts = ("weight", "bias", "running_mean", "running_var")
            norm.load_state_dict({part: torch.from_numpy(published[f"{kind.norm}.{part}"]) for part in parts}, False)
            for part in (layer, norm):
                part.requires_grad_(number >= len(self.kinds) - trained)
            self.layers.append(layer)
            self.norms.append(norm)
        self.head = nn.Linear(FEATURES, len(CLASSES))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        for kind, layer, norm in zip(self.kinds, self.layers, self.norms, strict=True):
            if kind.opens:
                shortcut = values
            kernel, stride = kind.shape[2], kind.stride
            margins = [max(0, (-(-side // stride) - 1) * stride + kernel - side) for side in values.shape[2:]]
            low, high = zip(*((margin // 2, margin - margin // 2) for margin in margins), strict=True)
            values = norm(layer(functional.pad(values, (low[1], high[1], low[0], high[0]))))
            values = functional.relu6(values) if kind.relu else values
            if kind.closes:
                values = values + shortcut
        return self.head(torch.cat([values.mean((2, 3)), values.amax((2, 3))], 1))


def plain(network: Plain, pixels: np.ndarray, targets: torch.Tensor, batch: int, iterations: int) -> None:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (LITE0.mean, LITE0.std))
    optimiser = torch.optim.Adam([value for value in network.parameters() if value.requires_grad], lr=1e-4)
    network.eval()
    for _ in range(iterations):
        rows = np.random.default_rng().integers(len(pixels), size=batch)
        samples = torch.from_numpy(pixels[rows]).permute(0, 3, 1, 2).float().div(255)
        flipped = torch.rand(batch) < 0.5
        samples = torch.where(flipped[:, None, None, None], samples.flip(3), samples)
        loss = functional.cross_entropy(network((samples - mean) / std), targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def ours(network: LiteNetwork, samples: Samples, batch: int, iterations: int, layers: int | str) -> None:
    settings = FineTuningSettings.model_validate(
        {
            "layers": layers,
            "batch_size": batch,
            "iterations": iterations,
            "augment": ["horizontal_flip"],
            "optimiser": {"lr": 1e-4},
        }
    )
    shape = samples.pixels.shape[1:]
    classifier = NetworkClassifier(network, settings, shape, CLASSES, list(LITE0.mean), list(LITE0.std))
    with tempfile.TemporaryDirectory() as folder:
        train_further(classifier, network.groups(0.8), samples, 1, Path(folder) / "checkpoint.safetensors")


def timed(call) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag, default in (("side", 128), ("batch", 32), ("iterations", 12), ("rounds", 3), ("threads", 2)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    generator = np.random.default_rng(0)
    count, side = 8 * options.batch, options.side
    pixels = generator.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    labels = np.array(CLASSES)[np.arange(count) % 2]
    rows = {"sample_id": [f"{row}#0" for row in range(count)], "role": "train", "label": labels}
    samples = Samples(table=pd.DataFrame(rows), pixels=pixels)
    targets = torch.from_numpy(samples.targets(CLASSES))
    published = read_weights(LITE0.file())
    tensors = read_published(LITE0.file(), LITE0, pixels.shape[1:]).tensors
    head = np.zeros((FEATURES, len(CLASSES)), np.float32), np.zeros(len(CLASSES), np.float32)
    print(
        f"{side} x {side} px, batches of {options.batch}, threads: {options.threads}, median of {options.rounds} rounds"
    )
    for name, (layers, convolutions_trained) in TRAINED.items():
        simple = Plain(published, convolutions_trained)
        network = place(LiteNetwork(LITE0, tensors, *head, layers))
        sides = {
            "plain": lambda count, simple=simple: plain(simple, pixels, targets, options.batch, count),
            "gradewise": lambda count, network=network, layers=layers: ours(
                network, samples, options.batch, count, layers
            ),
        }
        for call in sides.values():
            call(2)
        seconds = {side: [] for side in sides}
        for _ in range(options.rounds):
            for side, call in sides.items():
                seconds[side].append(timed(lambda call=call: call(options.iterations)))
        images = options.batch * options.iterations
        for side, measured in seconds.items():
            wall, processor = (images / np.array(values) for values in zip(*measured, strict=True))
            print(
                f"{name}, {side}: {np.median(wall):.0f} images/s ({wall.min():.0f} to {wall.max():.0f}), "
                f"{np.median(processor):.0f} per second of processor time"
            )


if __name__ == "__main__":
    main()
