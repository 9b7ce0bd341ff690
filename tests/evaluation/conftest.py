"""Synthetic runs: a manifest, and for each model and repeat the files that fitting would have left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.families.schemas import predictions_schema
from gradewise.images.schemas import MANIFEST


@dataclass(frozen=True)
class Made:
    folder: Path
    predictions: list[Path]
    runs: list[Path]

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.parquet"


def write_plan(folder: Path, repeats: int, **models: list[str]) -> None:
    """What the configuration would ask of a dataset; `own` are the models of its own splits."""
    (folder / "plan").mkdir(parents=True, exist_ok=True)
    by_variant = {name.replace("_", "-").replace("own", ""): names for name, names in models.items()}
    (folder / "plan/runs.json").write_text(json.dumps({"repeats": repeats, "models": by_variant}))


def make_runs(
    folder: Path,
    skill: dict[str, float],
    classes: tuple[str, ...] = ("A", "B", "C"),
    repeats: int = 2,
    groups: int = 20,
    images_per_group: int = 3,
    tiles: int = 1,
    seed: int = 0,
) -> Made:
    """Write runs of models whose logits are noise plus `skill` on the true class."""
    rng = np.random.default_rng(seed)
    images = groups * images_per_group
    group = np.repeat(np.arange(groups), images_per_group)
    label = rng.integers(len(classes), size=images)
    ids = np.array([f"i{number:05d}.png" for number in range(images)])
    manifest = pd.DataFrame(
        {
            "image_id": ids,
            "path": ids,
            "label": np.take(classes, label),
            "group": [f"g{number}" for number in group],
            "role": None,
            "width": 64,
            "height": 64,
            "mode": "L",
            "bits": 8,
            "pixel_hash": ids,
            "pixel_size_nm": None,
            "bar_rows": 0,
            "mask": None,
            "mask_hash": None,
            "file_hash": None,
        }
    ).astype({"width": "int32", "height": "int32", "bits": "int8", "bar_rows": "int32"})
    tables.write(manifest, folder / "manifest.parquet", MANIFEST)
    predictions, runs = [], []
    roles_of_groups = np.array(["train", "validation", "test"])[np.minimum(np.arange(groups) * 10 // groups // 3, 2)]
    for model, strength in skill.items():
        for repeat in range(repeats):
            roles = np.random.default_rng(repeat).permutation(roles_of_groups)[group]
            logits = rng.normal(size=(images, tiles, len(classes))) + rng.normal(size=(images, 1, len(classes)))
            logits += strength * np.eye(len(classes))[label][:, None]
            chances = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
            flat = chances.reshape(-1, len(classes)).astype(np.float32)
            frame = manifest[["image_id", "group", "label"]].assign(role=roles)
            frame = frame.loc[np.repeat(frame.index, tiles)].reset_index(drop=True)
            frame["row"], frame["column"] = 0, np.tile(np.arange(tiles), images)
            frame["sample_id"] = frame["image_id"] + "#" + frame["column"].astype(str)
            frame["predicted"] = np.take(classes, flat.argmax(axis=1))
            for position, name in enumerate(classes):
                frame[f"p_{name}"] = flat[:, position]
            run = folder / "models" / model / str(repeat)
            frame = frame.astype({"row": "int32", "column": "int32"})
            tables.write(frame, run / "predictions.parquet", predictions_schema(list(classes)))
            (run / "run.json").write_text(json.dumps({"model": model, "repeat": repeat, "classes": list(classes)}))
            predictions.append(run / "predictions.parquet")
            runs.append(run / "run.json")
    write_plan(folder, repeats, own=list(skill))
    return Made(folder, predictions, runs)


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three grades, two models, three repeats, groups of three images, four tiles an image."""
    return make_runs(tmp_path_factory.mktemp("graded"), {"good": 2.5, "poor": 0.3}, repeats=3, tiles=4)


@pytest.fixture(scope="session")
def plan() -> Callable[..., None]:
    """`write_plan`."""
    return write_plan


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """`make_runs` in a new folder."""
    return lambda *arguments, **settings: make_runs(tmp_path_factory.mktemp("runs"), *arguments, **settings)


@pytest.fixture
def simulated(bench: Callable[[str], ModuleType]) -> ModuleType:
    """The simulated experiments of `bench`, of which tests run a few."""
    return bench("simulated")
