"""A backbone with its weights: computes features from pixels, and its files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto
from safetensors.numpy import load_file

from gradewise.command import UserError
from gradewise.config.backbones import Backbone
from gradewise.config.section import Section
from gradewise.families.backbones.network import FEATURES, SMALLEST, convolutions, folded
from gradewise.families.backbones.onnx import backbone_graph
from gradewise.families.classifier import check_pixels
from gradewise.families.graph import OF_BACKBONE, PIXELS
from gradewise.families.stored import SampleShape, read_metadata, read_tensors, reading, write_tensors
from gradewise.provenance import hash_file


@dataclass(frozen=True)
class Embedding:
    """A backbone that turns samples into features: mean and maximum of each channel of its last map.

    Attributes
    ----------
    backbone : Backbone
        Its section of the configuration.
    shape : tuple of int
        Height, width and channels of a sample.
    tensors : dict of ndarray of float32
        Weights and biases, see `network.folded`.
    """

    backbone: Backbone
    shape: tuple[int, int, int]
    tensors: dict[str, np.ndarray]

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(values.size for values in self.tensors.values())

    def embed(self, pixels: np.ndarray, threads: int = 1) -> np.ndarray:
        """Features of samples.

        A thread embeds one sample at a time, so that features depend neither on which samples are embedded together
        nor on the number of threads.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, 1 or 3)
            Grey samples are repeated for the three channels.
        threads : int

        Returns
        -------
        ndarray of float32, shape (n, 1, 1, features)
        """
        check_pixels(pixels, self.shape)
        features, session = np.empty((len(pixels), 1, 1, FEATURES), np.float32), self._session

        def fill(place: int) -> None:
            features[place] = session.run([OF_BACKBONE], {PIXELS: pixels[place : place + 1]})[0][0]

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(len(pixels))))
        return features

    def graph(self) -> ModelProto:
        """The backbone as an ONNX graph, which is also what computes features."""
        return backbone_graph(self.backbone, self.shape, self.tensors)

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        """What computes features: three times as fast as PyTorch on a processor, and the same in the ONNX form."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        graph = self.graph().SerializeToString()
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def write(self, path: Path) -> None:
        """Write a safetensors file, with the backbone's section and the shape of samples as JSON in its metadata."""
        facts = {"backbone": self.backbone.model_dump(mode="json"), "shape": list(self.shape)}
        write_tensors(path, self.tensors, facts)


def check_shape(shape: tuple[int, ...]) -> None:
    """Check that a backbone can work with samples of a shape: height, width, channels.

    Raises
    ------
    UserError
        If it cannot.
    """
    height, width, channels = shape
    if min(height, width) < SMALLEST:
        raise UserError(
            f"backbone: samples of {height} x {width} px are too small: {SMALLEST} x {SMALLEST} are needed, "
            "and some 224 are best; use a view with larger samples"
        )
    if channels not in (1, 3):
        raise UserError(f"backbone: samples need one channel or three, not {channels}")


def read_published(path: Path, backbone: Backbone, shape: tuple[int, int, int]) -> Embedding:
    """Read weights as their authors publish them, for samples of a shape.

    Raises
    ------
    UserError
        If the file has another hash or holds another architecture.
    """
    import torch

    actual = hash_file(path)
    if actual != backbone.sha256:
        raise UserError(f"{path}: its SHA-256 is {actual}, not {backbone.sha256}; get the file that `sha256` is of")
    try:
        if path.suffix == ".safetensors":
            published = load_file(path)
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            published = {name: values.numpy() for name, values in stored.items()}
        return Embedding(backbone, shape, folded(backbone.architecture, published))
    except Exception as error:
        raise UserError(f"{path}: no weights of {backbone.architecture} ({str(error)[:300]})") from error


class _Stored(Section):
    """What the metadata of a model's file hold."""

    backbone: Backbone
    shape: SampleShape


def read_embedding(path: Path) -> Embedding:
    """Read a file of `Embedding.write`.

    Raises
    ------
    UserError
        If it is damaged or was altered.
    """
    metadata = read_metadata(path)
    with reading(path):
        stored = _Stored.model_validate(metadata)
    expected: dict[str, tuple[str, tuple[int | None, ...]]] = {}
    for number, layer in enumerate(convolutions(stored.backbone.architecture)):
        expected[f"{number}.weight"] = ("F32", layer.shape)
        expected[f"{number}.bias"] = ("F32", layer.shape[:1])
    return Embedding(stored.backbone, stored.shape, read_tensors(path, expected))
