"""How fast features of EfficientNet-Lite0 are computed: as gradewise does, and as loops over batches in PyTorch do.

    python bench/extraction.py --samples 64 --rounds 5 > bench/extraction.txt

Sides take turns on the same grey samples. Samples per second depend on what else runs on the machine; the time of all
threads on a processor does so less, though threads of PyTorch wait for each other busily. A loop is what a user would
write: samples to floats, batches of 32, the network, mean and maximum of the last map. Its batch normalisation is
folded into the convolutions, as on the other side.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gradewise.config.backbones import Backbone
from gradewise.config.known_backbones import KNOWN
from gradewise.families.backbones.embedding import Embedding, read_published
from gradewise.families.backbones.network import convolutions

BATCH = 32
PROCESSOR = torch.device("cpu")


def loop(
    embedding: Embedding,
    memory: torch.memory_format,
    precision: torch.dtype,
    device: torch.device = PROCESSOR,
) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a loop over batches in PyTorch."""
    layers = convolutions(embedding.backbone.architecture)
    weights = [
        torch.from_numpy(embedding.tensors[f"{number}.weight"]).to(device, precision, memory_format=memory)
        for number in range(len(layers))
    ]
    biases = [
        torch.from_numpy(embedding.tensors[f"{number}.bias"]).to(device, precision) for number in range(len(layers))
    ]

    def network(images: Tensor) -> Tensor:
        values = shortcut = images
        for layer, weight, bias in zip(layers, weights, biases, strict=True):
            shortcut = values if layer.opens else shortcut
            kernel, stride, side = layer.shape[-1], layer.stride, values.shape[-1]
            missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            if missing % 2:
                values = functional.pad(values, [missing // 2, missing - missing // 2] * 2)
                missing = 0
            values = functional.conv2d(values, weight, bias, stride, missing // 2, groups=layer.groups)
            values = values.clamp(0, 6) if layer.relu else values
            values = values + shortcut if layer.closes else values
        return torch.cat([values.mean((2, 3)), values.amax((2, 3))], dim=1)

    backbone = embedding.backbone
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (backbone.mean, backbone.std))

    def embed(samples: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(samples), BATCH):
            images = torch.from_numpy(samples[start : start + BATCH]).to(device).permute(0, 3, 1, 2).float() / 255
            images = ((images.expand(-1, 3, -1, -1) - mean) / std).to(precision, memory_format=memory)
            with torch.inference_mode():
                parts.append(network(images).float().cpu().numpy())
        return np.concatenate(parts)

    return embed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    shape = (arguments.side, arguments.side, 1)
    backbone = Backbone.model_validate(KNOWN["lite0"].section)
    embedding = read_published(backbone.file(), backbone, shape)
    samples = np.random.default_rng(0).integers(0, 256, (arguments.samples, *shape), dtype=np.uint8)
    loops = {
        "loop": loop(embedding, torch.contiguous_format, torch.float32),
        "loop, channels last": loop(embedding, torch.channels_last, torch.float32),
        "loop, channels last, bf16": loop(embedding, torch.channels_last, torch.bfloat16),
    }
    sides = {"gradewise": lambda pixels: embedding.embed(pixels, arguments.threads)[:, 0, 0], **loops}
    features = {side: run(samples) for side, run in sides.items()}
    seconds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(arguments.rounds):
        for side, run in sides.items():
            wall, processor = time.perf_counter(), time.process_time()
            run(samples)
            seconds[side].append((time.perf_counter() - wall, time.process_time() - processor))
    print(
        f"{arguments.samples} samples of {arguments.side} x {arguments.side} x 1, {arguments.threads} thread(s), "
        f"{arguments.rounds} rounds, load {os.getloadavg()[0]:.0f}; median (range)"
    )
    scale = np.abs(features["gradewise"]).mean()
    for side in sides:
        wall, processor = 1000 * np.array(seconds[side]).T / arguments.samples
        difference = np.abs(features[side] - features["gradewise"]).max() / scale
        print(
            f"  {side:26} samples/s {_spread(1000 / wall)}, processor {_spread(processor)} ms per sample, "
            f"largest difference {difference:.1e} of the mean"
        )
    alone = embedding.embed(samples[5:6])[0, 0, 0]
    same = (alone == features["gradewise"][5]).all()
    print("features of a sample alone:", "equal, bit for bit" if same else "DIFFERENT")


def _spread(values: np.ndarray) -> str:
    return f"{np.median(values):.1f} ({values.min():.1f} to {values.max():.1f})"


if __name__ == "__main__":
    main()
