"""A small view cache with its splits and manifest, whose classes can be learnt but not without error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from gradewise import tables
from gradewise.config.backbones import NamedBackbone
from gradewise.families.backbones.network import convolutions
from gradewise.families.training_set import Pretrained
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.provenance import hash_file
from gradewise.views.schemas import samples_schema

CLASSES = ["A", "B", "C"]


@pytest.fixture
def one_thread():
    """PyTorch computes with one thread, so that results can be compared bit for bit."""
    # not before a test asks for it, since PyTorch takes a second to import
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Cache:
    """Paths of the three tables that a training step reads, and the classes in them."""

    samples: Path
    splits: Path
    manifest: Path
    classes: list[str]

    @property
    def inputs(self) -> dict[str, Path]:
        return {"samples": self.samples, "splits": self.splits, "manifest": self.manifest}


def write_cache(
    folder: Path,
    *,
    groups: int = 30,
    images_per_group: int = 2,
    tiles_per_image: int = 1,
    shape: tuple[int, int, int] = (8, 8, 1),
    classes: list[str] = CLASSES,
    contrast: float = 40.0,
    seed: int = 0,
    repeats: int = 1,
) -> Cache:
    """Each class has a grey-level pattern of its own; groups shift it, every sample adds noise.

    Of five groups, three are for training, one for validation, one for test; other repeats shift the roles.
    """
    generator = np.random.default_rng(seed)
    patterns = generator.uniform(-1, 1, (len(classes), *shape)) * contrast
    manifest, splits, samples, pixels = [], [], [], []
    for group in range(groups):
        label = group % len(classes)
        shift = generator.normal(0, 15, shape)
        for number in range(images_per_group):
            image_id = f"{classes[label]}/g{group:03d}-{number}.png"
            manifest.append(
                {"image_id": image_id, "path": f"data/{image_id}", "label": classes[label], "group": f"g{group:03d}"}
            )
            for repeat in range(repeats):
                turn = (group // len(classes) + repeat) % 5
                role = {3: "validation", 4: "test"}.get(turn, "train")
                splits.append({"repeat": repeat, "image_id": image_id, "role": role})
            for tile in range(tiles_per_image):
                grey = 128 + patterns[label] + shift + generator.normal(0, 25, shape)
                pixels.append(np.clip(grey, 0, 255).astype(np.uint8).tobytes())
                samples.append(
                    {
                        "sample_id": f"{image_id}#{tile}",
                        "image_id": image_id,
                        "row": 0,
                        "column": tile,
                        "label": classes[label],
                        "masked_fraction": None,
                    }
                )
    cache = Cache(folder / "view.parquet", folder / "splits.parquet", folder / "manifest.parquet", list(classes))
    constants = {"role": None, "width": 64, "height": 64, "mode": "L", "bits": 8, "pixel_hash": "0", "mask": None}
    constants |= {"pixel_size_nm": None, "bar_rows": 0, "mask_hash": None, "file_hash": None}
    tables.write(pd.DataFrame(manifest).assign(**constants), cache.manifest, MANIFEST)
    tables.write(pd.DataFrame(splits), cache.splits, SPLITS)
    schema = samples_schema(int(np.prod(shape)), {"shape": list(shape), "view": ["grey"]})
    tables.write(pd.DataFrame(samples).assign(pixels=pixels), cache.samples, schema)
    return cache


@pytest.fixture
def cache(tmp_path: Path) -> Callable[..., Cache]:
    """A factory: `cache(groups=.., shape=..)` writes the tables into the test's folder and returns where they are."""

    def make(name: str = "cache", **options) -> Cache:
        return write_cache(tmp_path / name, **options)

    return make


@pytest.fixture(scope="session")
def write() -> Callable[..., Cache]:
    """`write_cache`, for fixtures that live longer than a test."""
    return write_cache


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """A file as authors publish it, of an EfficientNet-Lite0 that was not trained."""
    generator = np.random.default_rng(0)
    tensors = {}
    for layer in convolutions("efficientnet_lite0"):
        inputs = np.prod(layer.shape[1:])
        tensors[f"{layer.weight}.weight"] = generator.normal(0, (2 / inputs) ** 0.5, layer.shape)
        for part, low, high in (("weight", 0.8, 1.2), ("bias", -0.2, 0.2), ("running_mean", -0.2, 0.2)):
            tensors[f"{layer.norm}.{part}"] = generator.uniform(low, high, layer.shape[0])
        tensors[f"{layer.norm}.running_var"] = generator.uniform(0.5, 2, layer.shape[0])
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    save_file({name: values.astype(np.float32) for name, values in tensors.items()}, path)
    return path


@pytest.fixture(scope="session")
def pretrained(weights: Path) -> Pretrained:
    """That network as what training starts from."""
    section = {
        "architecture": "efficientnet_lite0",
        "weights": str(weights),
        "sha256": hash_file(weights),
        "licence": "none",
        "trained_on": "noise",
    }
    return Pretrained(NamedBackbone(name="lite0", section=section), weights)


@pytest.fixture
def draw_scores() -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """From a number of samples and a seed: centred scores of falling variance, and three classes that overlap."""

    def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(seed)
        targets = np.arange(n) % 3
        centres = np.random.default_rng(7).normal(size=(3, 8)) * 4
        return ((centres[targets] + generator.normal(0, 4, (n, 8))) * 0.8 ** np.arange(8)).astype(np.float32), targets

    return draw


@pytest.fixture
def split(draw_scores):
    """Scores and classes of training and validation samples, and the variance of the training scores."""
    (train, train_targets), (validation, validation_targets) = draw_scores(90, 1), draw_scores(60, 2)
    return (train, validation), (train_targets, validation_targets), train.var(axis=0, ddof=1)
