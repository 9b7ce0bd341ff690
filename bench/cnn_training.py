"""Images per second of training the networks of both studies, next to a plain loop of PyTorch in 32 bits.

    python bench/cnn_training.py [--batch 32] [--iterations 6] [--rounds 3] [--threads 2]

The plain loop has the same layers, augmentation, loss and optimiser, in 32 bits, with PyTorch's own layout and PReLU.
The other side is `train_network` as the workflow calls it. Sides alternate, and a large product of matrices in 16 bits
between them tells how fast the processor can be: the last column is the share of that which convolutions and dense
layers reach. All is given by processor time, which depends less on what else runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from gradewise.families.cnn.augment import build_augmentation
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.prelu import PReLU
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.cnn.training import train_network
from gradewise.views.samples import Samples

CLASSES = ["A", "B", "C"]
NETWORKS = {
    "mangoes, 224 x 224 x 3": (
        (224, 224, 3),
        {
            "channels": [32, 64, 128, 256, 512],
            "convolutions": 2,
            "activation": "prelu",
            "norm": "after",
            "dense": [512, 256, 64],
            "dropout": 0.5,
            "augment": ["vertical_flip", "horizontal_flip"],
            "optimiser": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        },
    ),
    "nanofibres, 128 x 128 x 1": (
        (128, 128, 1),
        {
            "channels": [16, 32, 64, 96, 128],
            "dense": [40],
            "norm": "before",
            "augment": ["vertical_flip", "horizontal_flip"],
            "optimiser": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        },
    ),
}
PRODUCT = 1024
"""Side of the matrices whose product tells how fast the processor can be."""


def plain(settings: CnnSettings, samples: Samples, iterations: int) -> None:
    """The network as it is usually trained."""
    torch.manual_seed(0)
    network = ConvNet(settings, samples.pixels.shape[1:], len(CLASSES))
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, PReLU):
                setattr(parent, name, nn.PReLU(layer.num_parameters))
    optimiser = torch.optim.SGD(network.parameters(), settings.optimiser.lr, settings.optimiser.momentum)
    augment = build_augmentation(settings.augment, samples.pixels.shape[1:])
    targets = torch.from_numpy(samples.targets(CLASSES))
    for _ in range(iterations):
        rows = np.random.default_rng().permutation(len(targets))[: settings.batch_size]
        batch = augment(torch.from_numpy(samples.pixels[rows]).permute(0, 3, 1, 2).float().div(255))
        loss = functional.cross_entropy(network((batch - 0.5) / 0.25), targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def ours(settings: CnnSettings, samples: Samples, iterations: int) -> None:
    settings = settings.model_copy(update={"iterations": iterations})
    with tempfile.TemporaryDirectory() as folder:
        train_network(samples, CLASSES, settings, 1, Path(folder) / "checkpoint.safetensors")


def seconds_of(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def peak() -> float:
    """Multiplications and additions per second of processor time."""
    first, second = (torch.randn(PRODUCT, PRODUCT).bfloat16() for _ in range(2))
    torch.mm(first, second)
    repeats = 40

    def multiply() -> None:
        for _ in range(repeats):
            torch.mm(first, second)

    return 2 * repeats * PRODUCT**3 / seconds_of(multiply)


def operations(settings: CnnSettings, shape: tuple[int, int, int]) -> int:
    """Multiplications and additions to train on one sample."""
    network = ConvNet(settings, shape, len(CLASSES))
    counter = FlopCounterMode(display=False)
    with counter:
        network(torch.zeros(2, shape[2], *shape[:2])).sum().backward()
    return counter.get_total_flops() // 2


def spread(values: np.ndarray) -> str:
    return f"{np.median(values):.1f} ({values.min():.1f} to {values.max():.1f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag, default in (("batch", 32), ("iterations", 6), ("rounds", 3), ("threads", 2)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"batches of {options.batch}, {options.iterations} a round, threads: {options.threads}, median and range of "
        f"{options.rounds} rounds; load {os.getloadavg()[0]:.0f}"
    )
    for name, (shape, section) in NETWORKS.items():
        settings = CnnSettings.model_validate(section | {"batch_size": options.batch, "iterations": 1})
        count = 2 * options.batch
        pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
        labels = np.array(CLASSES)[np.arange(count) % len(CLASSES)]
        rows = {"sample_id": [f"{row}#0" for row in range(count)], "role": "train", "label": labels}
        samples = Samples(table=pd.DataFrame(rows), pixels=pixels)
        sides = {"plain": plain, "gradewise": ours}
        for call in sides.values():
            call(settings, samples, 1)
        measured, peaks = {side: [] for side in sides}, []
        for _ in range(options.rounds):
            peaks.append(peak())
            for side, call in sides.items():
                seconds = seconds_of(partial(call, settings, samples, options.iterations))
                measured[side].append(options.batch * options.iterations / seconds)
        rates = {side: np.array(values) for side, values in measured.items()}
        share = rates["gradewise"] * operations(settings, shape) / np.array(peaks)
        print(f"{name}: images per second of processor time")
        print(f"  plain      {spread(rates['plain'])}")
        print(f"  gradewise  {spread(rates['gradewise'])}")
        print(f"  ratio      {spread(rates['gradewise'] / rates['plain'])}")
        print(f"  % of peak  {spread(100 * share)}")


if __name__ == "__main__":
    main()
