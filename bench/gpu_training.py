"""Images per second of training the network for mangoes on a GPU: in a plain loop, in bare steps, in the workflow.

    python bench/cnn_training.py --device cuda [--images 5600] [--epochs 5] [--batches 32 128 256] [--rounds 3]

The plain loop computes in 32 bits, indexes pixels with numpy, sends each batch to the GPU and changes it with kornia. A
bare step is forward, backward and optimiser in 16 bits on one batch that is there already: more is not to be had
without another network. It is also measured with cuDNN choosing algorithms by trial, and as a CUDA graph, which the
workflow does not use; should either be much faster, it is worth having. The workflow's side is `train_network` on all
images, an eighth of them for validation, with the augmentations of the mango report. Its rate is that of images of
training over the time of an epoch, in which there are validation and checkpoints. What comes before the second epoch
is told apart: there, pixels are sent to the GPU and kernels are loaded. How often the processor waits for the GPU in
a training of one epoch should not depend on the number of batches. Time is that which passes.

On a machine that has PyTorch for CUDA, numpy, pandas and safetensors but none of the other libraries, take those along
from another one, for the version of Python of the first:

    pip install --target site --no-deps --only-binary :all: --python-version 3.12 annotated-types jsonargparse kornia \\
        kornia_rs pyarrow pydantic pydantic-core pyyaml typing-extensions typing-inspection
    PYTHONPATH=site:workflow/src python bench/cnn_training.py --device cuda
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cnn_training
import numpy as np
import pandas as pd
import torch
from augmentation import kornia_changes
from torch import nn
from torch.nn import functional

from gradewise.families.cnn.classifier import place
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.prelu import PReLU
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.cnn.training import Trained, build_optimiser, choose_precision, train_network
from gradewise.views.samples import Samples

NAME = "mangoes, 224 x 224 x 3"
AUGMENT = ["vertical_flip", "horizontal_flip", {"rotate": 30}, "perspective", {"colour_jitter": [0.8, 1.2]}]
CLASSES = cnn_training.CLASSES
PUBLISHED = {"epochs": 60, "images": 4902}
"""Training of the mango report, whose time is told."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    device: torch.device
    images: int = 5600
    side: int = 224
    epochs: int = 5
    rounds: int = 3
    steps: int = 40
    product: int = 8192

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.side, self.side, 3)


def settings_of(batch: int, epochs: int = 1) -> CnnSettings:
    section = cnn_training.NETWORKS[NAME][1]
    return CnnSettings.model_validate(section | {"augment": AUGMENT, "batch_size": batch, "epochs": epochs})


def synthetic(sizes: Sizes) -> Samples:
    """Images of noise, of which every eighth is for validation."""
    pixels = np.random.default_rng(0).integers(0, 256, (sizes.images, *sizes.shape), dtype=np.uint8)
    numbers = np.arange(sizes.images)
    table = {
        "sample_id": [f"{number}#0" for number in numbers],
        "role": np.where(numbers % 8 == 7, "validation", "train"),
        "label": np.array(CLASSES)[numbers % len(CLASSES)],
    }
    return Samples(table=pd.DataFrame(table), pixels=pixels)


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Time until all is done that a call asks of a device."""
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def rates(step: Callable[[], object], batch: int, sizes: Sizes) -> list[float]:
    """Images per second of each round of steps, after some that do not count."""
    for _ in range(min(10, sizes.steps)):
        step()

    def round_of_steps() -> None:
        for _ in range(sizes.steps):
            step()

    seconds_of(lambda: None, sizes.device)
    return [batch * sizes.steps / seconds_of(round_of_steps, sizes.device) for _ in range(sizes.rounds)]


def plain_step(samples: Samples, batch: int, sizes: Sizes) -> Callable[[], None]:
    """A step of the plain loop."""
    settings = settings_of(batch)
    network = ConvNet(settings, sizes.shape, len(CLASSES))
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, PReLU):
                setattr(parent, name, nn.PReLU(layer.num_parameters))
    network.to(sizes.device)
    optimiser = torch.optim.SGD(network.parameters(), settings.optimiser.lr, settings.optimiser.momentum)
    augment, generator = kornia_changes(settings), np.random.default_rng(0)
    targets = torch.from_numpy(samples.targets(CLASSES))

    def step() -> None:
        rows = generator.permutation(len(targets))[:batch]
        pixels = torch.from_numpy(samples.pixels[rows]).to(sizes.device)
        changed = augment(pixels.permute(0, 3, 1, 2).float().div(255))
        loss = functional.cross_entropy(network((changed - 0.5) / 0.25), targets[rows].to(sizes.device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def bare_step(batch: int, sizes: Sizes, cached: bool = True) -> Callable[[], None]:
    """A step on a batch that is there already; CUDA graphs must not take weights from the cache of autocast."""
    settings = settings_of(batch)
    network = place(ConvNet(settings, sizes.shape, len(CLASSES)))
    optimiser = build_optimiser([(list(network.parameters()), 1.0)], settings.optimiser)
    values = torch.rand(batch, 3, sizes.side, sizes.side, device=sizes.device)
    values = values.contiguous(memory_format=torch.channels_last)
    targets = torch.arange(batch, device=sizes.device) % len(CLASSES)
    enabled = choose_precision("auto", sizes.device) == "bf16"

    def step() -> None:
        with torch.autocast(sizes.device.type, torch.bfloat16, enabled=enabled, cache_enabled=cached):
            scores = network(values).float()
        optimiser.zero_grad()
        functional.cross_entropy(scores, targets).backward()
        optimiser.step()

    return step


def graphed(step: Callable[[], None]) -> Callable[[], None]:
    """A step as a CUDA graph."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def train_whole(samples: Samples, batch: int, epochs: int) -> Trained:
    with tempfile.TemporaryDirectory() as folder:
        return train_network(samples, CLASSES, settings_of(batch, epochs), 1, Path(folder) / "checkpoint.safetensors")


def epochs_of(samples: Samples, batch: int, epochs: int) -> tuple[float, list[float]]:
    """Time that passes before the second epoch in the workflow, and of each epoch from then on [s]."""
    start = time.perf_counter()
    seconds = train_whole(samples, batch, epochs).curves["seconds"]
    later = np.diff(np.array(seconds, dtype=float)).tolist()
    return time.perf_counter() - start - sum(later), later


def peak(sizes: Sizes) -> float:
    """Multiplications and additions per second of a product of matrices in 16 bits."""
    first, second = (torch.randn(sizes.product, sizes.product, device=sizes.device).bfloat16() for _ in range(2))
    fastest = max(rates(partial(torch.mm, first, second), 1, sizes))
    return 2 * fastest * sizes.product**3


def attempted(name: str, measure: Callable[[], list[float]]) -> None:
    """Print rates, or why there are none: a variant that fails must not cost the others."""
    try:
        print(f"  {name:28} {cnn_training.spread(measure())}", flush=True)
    except RuntimeError as error:
        print(f"  {name:28} failed: {str(error).splitlines()[0]}", flush=True)


def tried_by_cudnn(batch: int, sizes: Sizes) -> list[float]:
    torch.backends.cudnn.benchmark = True
    try:
        return rates(bare_step(batch, sizes), batch, sizes)
    finally:
        torch.backends.cudnn.benchmark = False


def as_graph(batch: int, sizes: Sizes) -> list[float]:
    return rates(graphed(bare_step(batch, sizes, cached=False)), batch, sizes)


def count_waits(samples: Samples, batch: int) -> int:
    """How often a training of one epoch, with what comes before and after it, waits for the GPU."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train_whole(samples, batch, 1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(warning.message) for warning in caught)


def measure(batch: int, samples: Samples, sizes: Sizes, fastest: float) -> None:
    """Print what there is to say of a batch size; `fastest` is the `peak`."""
    count = len(samples.of("train"))
    print(f"batches of {batch}")
    attempted("plain, 32 bits, kornia", lambda: rates(plain_step(samples, batch, sizes), batch, sizes))
    attempted("bare step", lambda: rates(bare_step(batch, sizes), batch, sizes))
    if sizes.device.type == "cuda":
        attempted("bare step, chosen by trial", lambda: tried_by_cudnn(batch, sizes))
    first, later = epochs_of(samples, batch, sizes.epochs)
    of_epochs = [count / seconds for seconds in later]
    share = 100 * cnn_training.operations(settings_of(batch), sizes.shape) * np.median(of_epochs) / fastest
    print(f"  {'gradewise, whole training':28} {cnn_training.spread(of_epochs)}")
    print(f"  {'% of the product of matrices':28} {share:.1f}")
    published = first + (PUBLISHED["epochs"] - 1) * np.median(later) * PUBLISHED["images"] / count
    words = f"{PUBLISHED['epochs']} epochs of {PUBLISHED['images']} images"
    print(f"  until the second epoch {first:.1f} s; {words} would take {published:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 256])
    for flag in ("images", "side", "epochs", "rounds", "steps", "product"):
        parser.add_argument(f"--{flag}", type=int, default=getattr(Sizes, flag))
    options = vars(parser.parse_args())
    batches = options.pop("batches")
    sizes = Sizes(**options | {"device": torch.device(options["device"])})
    samples = synthetic(sizes)
    name = torch.cuda.get_device_name() if sizes.device.type == "cuda" else "processor"
    print(f"{name}, PyTorch {torch.__version__}; images per second, median and range of {sizes.rounds} rounds of")
    print(
        f"{sizes.steps} steps or of {sizes.epochs - 1} epochs, {sizes.images} images, {sizes.side} x {sizes.side} x 3"
    )
    fastest = peak(sizes)
    print(f"product of matrices: {fastest / 1e12:.3g} million million operations per second", flush=True)
    for batch in batches:
        measure(batch, samples, sizes, fastest)
    if sizes.device.type == "cuda":
        print(f"in a training of one epoch, the processor waits for the GPU {count_waits(samples, batches[0])} times")
        # last, since a capture that fails may spoil what comes after it
        for batch in batches:
            attempted(f"bare step of {batch}, CUDA graph", partial(as_graph, batch, sizes))


if __name__ == "__main__":
    main()
