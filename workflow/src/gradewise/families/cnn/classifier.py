"""A trained convolutional network as a classifier of pixels, and its files.

Probabilities always come from 32-bit arithmetic, even after training in bf16, so they depend neither on the processor's
short formats nor, beyond rounding, on which samples are predicted together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from pydantic import FiniteFloat
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from gradewise import tables
from gradewise.config.section import Section
from gradewise.families.classifier import check_larger, check_pixels, position_of
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.device import choose_device
from gradewise.families.cnn.settings import CnnSettings, TrainingSettings
from gradewise.families.stored import (
    Classes,
    Positive,
    SampleShape,
    check_tensors,
    open_tensors,
    read_record,
    reading,
    require,
)
from gradewise.records import write_json

BATCH_PIXELS = {"cpu": 2**17, "cuda": 2**22}
"""Pixels predicted at once; on the CPU as many as fit its caches (8 samples of 128 x 128)."""

KINDS = {torch.float32: "F32", torch.int64: "I64"}
"""Types of a network's tensors as safetensors names them."""


@dataclass(frozen=True)
class NetworkClassifier:
    """A network with the normalisation of its input.

    Attributes
    ----------
    network : nn.Module
        Gives class scores; on the device used for prediction.
    settings : TrainingSettings
    shape : tuple of int
        Height, width and channels of a sample.
    classes : list of str
    mean, std : list of float
        Subtracted from each channel, in 0..1, and what divides it. If there are three of a single channel, this one
        becomes three.
    temperature : float
        Divides class scores before softmax, see `temperature`; 1 leaves them unchanged.
    """

    network: nn.Module
    settings: TrainingSettings
    shape: tuple[int, int, int]
    classes: list[str]
    mean: list[float]
    std: list[float]
    temperature: float = 1.0

    @property
    def device(self) -> torch.device:
        """The network's device."""
        return next(self.network.parameters()).device

    @property
    def batch_size(self) -> int:
        """Samples that are predicted at once."""
        return max(1, BATCH_PIXELS[self.device.type] // (self.shape[0] * self.shape[1]))

    def normalise(self, batch: Tensor) -> Tensor:
        """Normalise floats 0..1, shape (n, channels, height, width), by `mean` and `std`."""
        mean, std = self._normalisation
        return (batch - mean) / std

    @cached_property
    def _normalisation(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation on the device, to which each copy would wait for what it still has to do."""
        with torch.inference_mode(False):
            mean, std = (torch.tensor(values, device=self.device) for values in (self.mean, self.std))
            return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)

    def predict_scores(self, pixels: np.ndarray, positions: np.ndarray | None = None) -> Iterator[Tensor]:
        """Class scores before temperature and softmax, batch by batch; in 32-bit arithmetic but under `torch.autocast`.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, channels)
        positions : ndarray of int, optional
            The samples to predict; all by default.

        Yields
        ------
        Tensor, shape (batch, classes)
        """
        check_pixels(pixels, self.shape)
        starts = range(0, len(pixels) if positions is None else len(positions), self.batch_size)
        parts = (slice(start, start + self.batch_size) for start in starts)
        chosen = (pixels[part] if positions is None else pixels[positions[part]] for part in parts)
        yield from self.score(torch.from_numpy(np.array(batch)).to(self.device) for batch in chosen)

    def score(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """As `predict_scores`, of batches of uint8 (n, height, width, channels) that are on the network's device."""
        self.network.eval()
        for batch in batches:
            with torch.inference_mode(), _all_bits():
                scores = self.network(self.normalise(floats(batch)))
            yield scores

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), of uint8 samples (n, height, width, channels)."""
        parts = [(scores / self.temperature).softmax(1).cpu().numpy() for scores in self.predict_scores(pixels)]
        return np.concatenate([np.empty((0, len(self.classes)), np.float32), *parts])


@dataclass(frozen=True)
class CnnClassifier(NetworkClassifier):
    """A network trained from random weights; `mean` and `std` are those of the training samples."""

    network: ConvNet
    settings: CnnSettings

    @property
    def stride(self) -> int:
        """Side of a place of maps [px]: what the blocks make one value of."""
        return self.network.stride

    @property
    def reach(self) -> int:
        """How far from a place pixels change its score [px]: windows that show it, and the edge of these."""
        return max(self.shape[:2]) + self.network.edge

    def maps(self, pixels: np.ndarray, label: str) -> np.ndarray:
        """How much each place speaks for a class: its mean probability in all windows that show the place.

        The network is slid over a sample as one large convolution, with a window as large as the samples of training.
        Windows see their true surroundings, where samples of training ended.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, channels)
        label : str

        Returns
        -------
        ndarray of float32, shape (n, ceil(height / stride), ceil(width / stride))
        """
        check_larger(pixels, self.shape)
        column = position_of(label, self.classes)
        places = [-(-side // self.stride) for side in pixels.shape[1:3]]
        parts = [np.empty((0, *places), np.float32)]
        size = max(1, BATCH_PIXELS[self.device.type] // (pixels.shape[1] * pixels.shape[2]))
        self.network.eval()
        with torch.inference_mode():
            for start in range(0, len(pixels), size):
                with _all_bits():
                    scores = self.network.slide(self.normalise(to_floats(pixels[start : start + size], self.device)))
                probability = (scores / self.temperature).softmax(1)[:, column : column + 1]
                parts.append(_spread(probability, self.network.window, places).cpu().numpy())
        return np.concatenate(parts)

    def write(self, directory: Path) -> None:
        """Write `model.safetensors` and `model.json`."""
        with tables.replacing(directory / "model.safetensors") as partial:
            partial.write_bytes(save({name: value.contiguous() for name, value in self.network.state_dict().items()}))
        write_json(
            directory / "model.json",
            {
                "settings": self.settings.model_dump(mode="json"),
                "shape": list(self.shape),
                "classes": self.classes,
                "mean": self.mean,
                "std": self.std,
                "temperature": self.temperature,
            },
        )


def _spread(windows: Tensor, side: tuple[int, int], places: list[int]) -> Tensor:
    """Mean over the windows that show each place, shape (n, *places), of values (n, 1, rows, columns) of windows."""
    shown = torch.ones(1, 1, *side, device=windows.device)
    total = functional.conv_transpose2d(windows, shown)
    mean = total / functional.conv_transpose2d(torch.ones_like(windows[:1]), shown)
    # pixels at the right and bottom that fill no whole place have the score next to them
    missing = (0, places[1] - mean.shape[3], 0, places[0] - mean.shape[2])
    return functional.pad(mean, missing, mode="replicate")[:, 0]


class _Record(Section):
    """The content of `model.json`."""

    settings: CnnSettings
    shape: SampleShape
    classes: Classes
    mean: list[FiniteFloat]
    std: list[Positive]
    temperature: Positive


def load_cnn(directory: Path) -> CnnClassifier:
    """Read the files of `CnnClassifier.write`, onto the accelerator if there is one.

    Raises
    ------
    UserError
        If a file is missing, damaged or altered, or the files do not fit each other.
    """
    path = directory / "model.json"
    record = read_record(path, _Record)
    channels = record.shape[2]
    require(len(record.mean) == len(record.std) == channels, path, f"mean and std are not those of {channels} channels")
    network = _read_network(directory / "model.safetensors", record)
    return CnnClassifier(
        place(network),
        record.settings,
        record.shape,
        record.classes,
        record.mean,
        record.std,
        record.temperature,
    )


def _read_network(path: Path, record: _Record) -> ConvNet:
    settings = record.settings
    with reading(path), open_tensors(path, "pt") as stored:
        layers = len(settings.channels) * settings.convolutions + len(settings.dense)
        require(layers < len(stored.keys()), path, f"has {len(stored.keys())} tensors, too few for {layers} layers")
        # On this device tensors have shapes but take no memory, so that no layer is larger than what the file holds.
        with torch.device("meta"):
            network = ConvNet(settings, record.shape, len(record.classes))
        state = network.state_dict()
        check_tensors(
            path, stored, {name: (KINDS[tensor.dtype], tuple(tensor.shape)) for name, tensor in state.items()}
        )
        # Copies, since the tensors of an open file would change with it.
        tensors = {name: stored.get_tensor(name).clone() for name in state}
        network.load_state_dict(tensors, assign=True)
    for name, tensor in tensors.items():
        require(bool(torch.isfinite(tensor).all()), path, f"{name} contains values that are not finite")
    return network


@contextmanager
def _all_bits() -> Iterator[None]:
    """Let cuDNN convolve in 32 bits; by default it shortens numbers to 19 (TF32), which changes probabilities."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


Network = TypeVar("Network", bound=nn.Module)


def place(network: Network) -> Network:
    """Move a network to CUDA if available, with the weight layout of the fastest convolutions."""
    network.to(choose_device())
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def to_floats(pixels: np.ndarray, device: torch.device) -> Tensor:
    """Convert pixels to floats in the network's layout.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels)

    Returns
    -------
    Tensor of float32, shape (n, channels, height, width), channels last in memory
        Values in 0..1.
    """
    return floats(torch.from_numpy(np.array(pixels)).to(device))


def floats(batch: Tensor) -> Tensor:
    """As `to_floats`, of pixels that are on the device."""
    return batch.permute(0, 3, 1, 2).float().div_(255)
