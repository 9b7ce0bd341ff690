"""A backbone with its weights: computes features from pixels, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, TensorProto
from safetensors.numpy import load_file

from gradewise.command import UserError
from gradewise.config.backbones import ONNX, Backbone
from gradewise.config.section import Section
from gradewise.families.backbones import onnx_file, tiny_vit
from gradewise.families.backbones.network import SCALES, SMALLEST, folded, tensors_expected
from gradewise.families.backbones.onnx import backbone_graph, over_symmetries
from gradewise.families.classifier import check_pixels
from gradewise.families.graph import OF_BACKBONE, PIXELS, session_of
from gradewise.families.stored import SampleShape, read_metadata, read_tensors, reading, require, write_tensors
from gradewise.provenance import hash_file
from gradewise.symmetry import elements, turns_sideways

GRAPH = "graph"
"""Name of the tensor that holds the bytes of an ONNX graph, where there is no list of convolutions."""


@dataclass(frozen=True)
class Embedding:
    """A backbone that turns samples into features: mean and maximum of each channel of its maps, or a vector.

    Attributes
    ----------
    backbone : Backbone
        Its section of the configuration.
    shape : tuple of int
        Height, width and channels of a sample.
    tensors : dict of ndarray
        Weights and biases of an EfficientNet-Lite, see `network.folded`; of others, the bytes of their graph.
    """

    backbone: Backbone
    shape: tuple[int, int, int]
    tensors: dict[str, np.ndarray]

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        if GRAPH in self.tensors:
            return onnx_file.count_parameters(self.graph.graph)
        return sum(values.size for values in self.tensors.values())

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.graph.graph.output[0].type.tensor_type.shape.dim[-1].dim_value)

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
        features, session = np.empty((len(pixels), 1, 1, self.features), np.float32), self._session

        def fill(place: int) -> None:
            features[place] = session.run([OF_BACKBONE], {PIXELS: pixels[place : place + 1]})[0][0]

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(len(pixels))))
        return features

    @cached_property
    def graph(self) -> ModelProto:
        """The backbone as an ONNX graph, which is also what computes features."""
        if GRAPH in self.tensors:
            model = onnx.load_model_from_string(self.tensors[GRAPH].tobytes())
        else:
            model = backbone_graph(self.backbone, self.shape, self.tensors)
        which = elements(self.backbone.symmetries)
        return over_symmetries(model, self.shape, which) if len(which) > 1 else model

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        """What computes features: faster than PyTorch on a processor (`bench/extraction.txt`), and the ONNX form."""
        return session_of(self.graph.SerializeToString(), gpu=True)

    def write(self, path: Path) -> None:
        """Write a safetensors file, with the backbone's section and the shape of samples as JSON in its metadata."""
        facts = {"backbone": self.backbone.model_dump(mode="json"), "shape": list(self.shape)}
        write_tensors(path, self.tensors, facts)


def check_shape(shape: tuple[int, ...]) -> None:
    """Check that an EfficientNet-Lite can work with samples of a shape: height, width, channels.

    Raises
    ------
    ValueError
        If it cannot.
    """
    height, width, channels = shape
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"samples of {height} x {width} px are too small: {SMALLEST} x {SMALLEST} are needed, "
            "and some 224 are best; use a view with larger samples"
        )
    if channels not in (1, 3):
        raise ValueError(f"samples need one channel or three, not {channels}")


def check_symmetries(backbone: Backbone, shape: tuple[int, int, int]) -> None:
    """Check that samples of a shape (height, width, channels) can be rotated as a backbone asks for.

    Raises
    ------
    ValueError
        If they cannot.
    """
    height, width, _ = shape
    if height != width and any(map(turns_sideways, elements(backbone.symmetries))):
        raise ValueError(
            f"symmetries: {backbone.symmetries} needs square samples, not {height} x {width}; use symmetries: flip, or "
            "a view with square samples"
        )


def check_backbone(path: Path, backbone: Backbone, shape: tuple[int, int, int], is_known: bool = False) -> None:
    """Check a file of weights, for samples of a shape.

    Parameters
    ----------
    path : Path
    backbone : Backbone
    shape : tuple of int
        Height, width and channels of a sample.
    is_known : bool
        Whether it is known to hold the architecture, so that it need not be read, which takes seconds.

    Raises
    ------
    UserError
        If the file is of another kind, or the backbone cannot work with such samples.
    """
    with _naming(path):
        check_symmetries(backbone, shape)
        if backbone.architecture in SCALES:
            check_shape(shape)
            if not is_known:
                folded(backbone.architecture, read_weights(path))
        elif backbone.architecture == ONNX:
            onnx_file.embedding_graph(onnx_file.read_network(path), backbone, backbone.layer, shape)
        else:
            published = read_weights(path)
            _check_side(published, shape)
            actual = tiny_vit.architecture_of(published)
            if actual != backbone.architecture:
                raise ValueError(f"no weights of {backbone.architecture}, but of {actual or 'another network'}")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what is wrong with a file of weights into an error that names it."""
    try:
        yield
    except (KeyError, RuntimeError, ValueError) as error:
        raise UserError(f"{path}: {str(error.args[0])[:2000]}") from error


def _check_side(published: Mapping[str, np.ndarray], shape: tuple[int, int, int]) -> None:
    side = tiny_vit.side_of(published)
    onnx_file.Input("images", TensorProto.FLOAT, 3, False, side, side).check(shape)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .pth or .safetensors file by name.

    Raises
    ------
    ValueError
        If it holds none.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
        # some authors keep weights beside their settings
        stored = stored["model"] if isinstance(stored.get("model"), dict) else stored
        return {name: values.numpy() for name, values in stored.items()}
    except Exception as error:
        raise ValueError(f"no weights can be read ({str(error)[:300]})") from error


def architecture_of(published: Mapping[str, np.ndarray]) -> str | None:
    """The architecture that weights belong to; None if to none."""
    for architecture in SCALES:
        try:
            folded(architecture, published)
        except (KeyError, ValueError):
            continue
        return architecture
    return tiny_vit.architecture_of(published)


def read_published(path: Path, backbone: Backbone, shape: tuple[int, int, int]) -> Embedding:
    """Read weights as their authors publish them, for samples of a shape.

    Raises
    ------
    UserError
        If the file has another hash or holds another architecture, or the backbone cannot work with such samples.
    """
    actual = hash_file(path)
    if actual != backbone.sha256:
        raise UserError(f"{path}: its SHA-256 is {actual}, not {backbone.sha256}; get the file that `sha256` is of")
    with _naming(path):
        check_symmetries(backbone, shape)
        if backbone.architecture == ONNX:
            model = onnx_file.read_network(path)
            return _of_graph(backbone, shape, onnx_file.embedding_graph(model, backbone, backbone.layer, shape))
        published = read_weights(path)
        if backbone.architecture in SCALES:
            check_shape(shape)
            return Embedding(backbone, shape, folded(backbone.architecture, published))
        _check_side(published, shape)
        model = tiny_vit.tiny_vit_graph(backbone.architecture, published)
        return _of_graph(backbone, shape, onnx_file.embedding_graph(model, backbone, tiny_vit.TOKENS, shape))


def _of_graph(backbone: Backbone, shape: tuple[int, int, int], graph: ModelProto) -> Embedding:
    return Embedding(backbone, shape, {GRAPH: np.frombuffer(graph.SerializeToString(), np.uint8)})


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
    if stored.backbone.architecture not in SCALES:
        return _read_graph(path, stored)
    tensors = read_tensors(path, tensors_expected(stored.backbone.architecture))
    return Embedding(stored.backbone, stored.shape, tensors)


def _read_graph(path: Path, stored: _Stored) -> Embedding:
    """A backbone whose graph is stored; it is run once, since a graph that was altered may fail anywhere."""
    embedding = Embedding(stored.backbone, stored.shape, read_tensors(path, {GRAPH: ("U8", (None,))}))
    try:
        features = embedding.embed(np.zeros((1, *stored.shape), np.uint8))
    except Exception as error:
        require(False, path, f"holds no graph that can be run ({' '.join(str(error).split())[:300]})")
    require(bool(np.isfinite(features).all()), path, "computes values that are not finite")
    return embedding
