"""Images per second of training the networks of both studies, next to a plain loop of PyTorch in 32 bits.

    python bench/cnn_training.py [--batch 32] [--iterations 6] [--rounds 3] [--threads 2]
    python bench/cnn_training.py --device cuda       (on a GPU, see gpu_training.py for what it measures)

The plain loop has the same layers, augmentation (kornia's), loss and optimiser, in 32 bits, all of them PyTorch's own.
The other side is `train_network` as the workflow calls it. Sides alternate, each time in a process of its own, since
they treat memory differently. A large product of matrices in 16 bits tells how fast the processor can be: the last line
is the share of that which convolutions and dense layers reach. All is given by processor time, which depends less on
what else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from augmentation import kornia_changes
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.prelu import PReLU
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.cnn.training import train_network
from gradewise.provenance import peak_memory_mb
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


def train_plainly(settings: CnnSettings, samples: Samples, iterations: int) -> None:
    """The network as it is usually trained."""
    torch.manual_seed(0)
    network = ConvNet(settings, samples.pixels.shape[1:], len(CLASSES))
    network.features = nn.Sequential(*network.features)
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, PReLU):
                setattr(parent, name, nn.PReLU(layer.num_parameters))
    optimiser = torch.optim.SGD(network.parameters(), settings.optimiser.lr, settings.optimiser.momentum)
    augment = kornia_changes(settings)
    targets = torch.from_numpy(samples.targets(CLASSES))
    for _ in range(iterations):
        rows = np.random.default_rng().permutation(len(targets))[: settings.batch_size]
        batch = augment(torch.from_numpy(samples.pixels[rows]).permute(0, 3, 1, 2).float().div(255))
        loss = functional.cross_entropy(network((batch - 0.5) / 0.25), targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def train_ours(settings: CnnSettings, samples: Samples, iterations: int) -> None:
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


def measure(side: str, name: str, batch: int, iterations: int) -> dict[str, float]:
    """Images per second of processor time, the speed of a product of matrices, and the most memory [MB]."""
    shape, section = NETWORKS[name]
    settings = CnnSettings.model_validate(section | {"batch_size": batch, "iterations": 1})
    count = 2 * batch
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    labels = np.array(CLASSES)[np.arange(count) % len(CLASSES)]
    rows = {"sample_id": [f"{row}#0" for row in range(count)], "role": "train", "label": labels}
    samples = Samples(table=pd.DataFrame(rows), pixels=pixels)
    call = {"plain": train_plainly, "gradewise": train_ours}[side]
    call(settings, samples, 1)
    seconds = seconds_of(partial(call, settings, samples, iterations))
    return {"rate": batch * iterations / seconds, "peak": peak(), "memory": peak_memory_mb()}


def alternate(name: str, batch: int, iterations: int, rounds: int, threads: int) -> list[dict[str, dict[str, float]]]:
    """What `measure` says of both sides, each in a process of its own, round by round."""
    flags = [f"--batch={batch}", f"--iterations={iterations}", f"--threads={threads}", "--network", name]
    measured = []
    for _ in range(rounds):
        commands = {side: [sys.executable, __file__, "--side", side, *flags] for side in ("plain", "gradewise")}
        printed = {
            side: subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            for side, command in commands.items()
        }
        measured.append({side: json.loads(text) for side, text in printed.items()})
    return measured


def spread(values: list[float]) -> str:
    return f"{np.median(values):.1f} ({np.min(values):.1f} to {np.max(values):.1f})"


def main() -> None:
    if "--device" in sys.argv:
        import gpu_training  # which imports this module

        gpu_training.main()
        return
    parser = argparse.ArgumentParser()
    for flag, default in (("batch", 32), ("iterations", 6), ("rounds", 3), ("threads", 2)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    parser.add_argument("--side", help="measure one side, in this process, and print JSON")
    parser.add_argument("--network")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.side:
        print(json.dumps(measure(options.side, options.network, options.batch, options.iterations)))
        return
    print(
        f"batches of {options.batch}, {options.iterations} a round, threads: {options.threads}, median and range of "
        f"{options.rounds} rounds; load {os.getloadavg()[0]:.0f}"
    )
    sizes = (options.batch, options.iterations, options.rounds, options.threads)
    for name, (shape, section) in NETWORKS.items():
        rounds = alternate(name, *sizes)
        plain, ours = ([of_round[side] for of_round in rounds] for side in ("plain", "gradewise"))
        needed = operations(CnnSettings.model_validate(section | {"iterations": 1}), shape)
        print(f"{name}: images per second of processor time")
        print(f"  plain      {spread([side['rate'] for side in plain])}")
        print(f"  gradewise  {spread([side['rate'] for side in ours])}")
        ratios = [mine["rate"] / other["rate"] for mine, other in zip(ours, plain, strict=True)]
        print(f"  ratio      {spread(ratios)}")
        print(f"  % of peak  {spread([100 * needed * side['rate'] / side['peak'] for side in ours])}")
        memory = spread([side["memory"] for side in plain])
        print(f"  memory MB  {spread([side['memory'] for side in ours])}, plain {memory}")


if __name__ == "__main__":
    main()
