"""Time to change a batch at random with kornia, one operation after the other, and as networks are trained here.

    python bench/augmentation.py [--batch 32] [--side 224] [--batches 8] [--runs 5] [--threads 1] [--device cuda]

Both sides change the same batches, floats with channels last. Ours draws for all batches at once, as it does for an
epoch. Time is that of processors or, on a GPU, that which passes until all is done. How many operations of PyTorch a
batch takes, views not counted, is told as well: on a GPU each is at least one kernel to launch, which at small batches
takes longer than the kernel.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import torch
from sides import Sides, show
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gradewise.families.cnn.augment import Augmenter
from gradewise.families.cnn.settings import CnnSettings, ColourJitter, Rotate

LISTS: dict[str, list[object]] = {
    "flips": ["vertical_flip", "horizontal_flip"],
    "perspective": ["perspective"],
    "rotation": [{"rotate": 30}],
    "jitter": [{"colour_jitter": (0.8, 1.2)}],
    "all of them": [
        "vertical_flip",
        "horizontal_flip",
        {"rotate": 30},
        "perspective",
        {"colour_jitter": (0.8, 1.2)},
    ],
}


def kornia_changes(settings: CnnSettings) -> Callable[[Tensor], Tensor]:
    """The augmentations of settings but d4, which kornia lacks, one after the other."""
    from kornia import augmentation as kornia

    words = {
        "vertical_flip": kornia.RandomVerticalFlip(p=0.5),
        "horizontal_flip": kornia.RandomHorizontalFlip(p=0.5),
        "perspective": kornia.RandomPerspective(0.5, p=0.5),
    }
    changes: list[Callable[[Tensor], Tensor]] = []
    for entry in settings.augment:
        if isinstance(entry, Rotate):
            changes.append(kornia.RandomRotation(entry.rotate, p=1.0))
        elif isinstance(entry, ColourJitter):
            changes.append(kornia.ColorJitter(*[entry.colour_jitter] * 3, p=1.0))
        else:
            changes.append(words[entry])

    def change(batch: Tensor) -> Tensor:
        for step in changes:
            batch = step(batch)
        return batch

    return change


class Operations(TorchDispatchMode):
    """Counts operations that compute or copy something."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += not operation.is_view
        return operation(*args, **(kwargs or {}))


def count_operations(name: str, batch: Tensor) -> tuple[int, int]:
    """How many operations kornia and ours take for a batch, once all is drawn that ours draws ahead."""
    settings = CnnSettings.model_validate({"augment": LISTS[name], "epochs": 1})
    height, width, channels = batch.shape[2], batch.shape[3], batch.shape[1]
    (change,) = Augmenter(settings.augment, (height, width, channels)).draw([len(batch)], batch.device)
    counts = []
    for call in (kornia_changes(settings), change):
        with Operations() as operations:
            call(batch)
        counts.append(operations.count)
    return counts[0], counts[1]


def compare(name: str, batches: Sequence[Tensor], runs: int) -> Sides:
    """Time of a batch with kornia and ours, each measured `runs` times in turn after one run that does not count."""
    device, count = batches[0].device, len(batches)
    settings = CnnSettings.model_validate({"augment": LISTS[name], "epochs": 1})
    kornia = kornia_changes(settings)
    height, width, channels = batches[0].shape[2], batches[0].shape[3], batches[0].shape[1]
    augmenter = Augmenter(settings.augment, (height, width, channels))

    def plain() -> None:
        for batch in batches:
            kornia(batch)

    def ours() -> None:
        for change, batch in zip(augmenter.draw([len(batch) for batch in batches], device), batches, strict=True):
            change(batch)

    def seconds(call: Callable[[], None]) -> float:
        clock = time.perf_counter if device.type == "cuda" else time.process_time
        start = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (clock() - start) / count

    plain(), ours()
    measured = [(seconds(plain), seconds(ours)) for _ in range(runs)]
    work = f"{name}, {len(batches[0])} of {height} x {width} x {channels}"
    return Sides(work, [before for before, _ in measured], [after for _, after in measured])


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag, default in (("batch", 32), ("side", 224), ("batches", 8), ("runs", 5), ("threads", 1)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shape = (options.batch, 3, options.side, options.side)
    batches = [torch.rand(shape, device=options.device).contiguous(memory_format=torch.channels_last)]
    show([compare(name, batches * options.batches, options.runs) for name in LISTS])
    print()
    for name in LISTS:
        kornia, ours = count_operations(name, batches[0])
        print(f"{name}: {kornia} operations a batch with kornia, {ours} with ours")


if __name__ == "__main__":
    main()
