"""Simulated photos of mangoes as view cache, splits and manifest, the input of steps, for benchmarks of studies."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.config.simulations import MangoSimulation
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.simulate.simulate import draw
from gradewise.views.schemas import samples_schema

CLASSES = ["A", "B", "C"]
PHOTOS = 3
SMALLEST = 64


@dataclass(frozen=True)
class Mangoes:
    """Paths of the tables, and their content: pixels (n, side, side, 3), classes as numbers, and roles."""

    samples: Path
    splits: Path
    manifest: Path
    pixels: np.ndarray
    targets: np.ndarray
    roles: np.ndarray

    @property
    def inputs(self) -> dict[str, Path]:
        return {"samples": self.samples, "splits": self.splits, "manifest": self.manifest}


def photo(simulation: MangoSimulation, side: int, index: int) -> tuple[np.ndarray, str]:
    """Pixels and grade of a photo; if smaller than the simulation allows, every second, third .. pixel of it."""
    drawing = draw(simulation, 1, index)
    step = simulation.side // side
    return np.ascontiguousarray(drawing.pixels[::step, ::step]), drawing.label


def write_mangoes(folder: Path, fruits: int, side: int, threads: int) -> Mangoes:
    """Three photos per fruit; of ten fruits, seven are for training and three for validation."""
    drawn_side = side * math.ceil(SMALLEST / side)
    simulation = MangoSimulation(kind="mangoes", images=fruits * PHOTOS, photos=PHOTOS, side=drawn_side)
    numbers = range(simulation.images)
    if threads == 1:
        drawn = [photo(simulation, side, number) for number in numbers]
    else:
        with ProcessPoolExecutor(threads, mp_context=get_context("spawn")) as pool:
            drawn = list(pool.map(partial(photo, simulation, side), numbers, chunksize=8))
    pixels = np.stack([image for image, _ in drawn])
    frame = pd.DataFrame({"image_id": [f"{number:05d}" for number in numbers], "label": [label for _, label in drawn]})
    frame["group"] = [f"fruit {number // PHOTOS}" for number in numbers]
    frame["role"] = ["validation" if number // PHOTOS % 10 >= 7 else "train" for number in numbers]
    facts = {"path": "", "width": side, "height": side, "mode": "RGB", "bits": 8, "pixel_hash": "", "mask": None}
    facts |= {"pixel_size_nm": None, "bar_rows": 0, "mask_hash": None, "file_hash": None}
    mangoes = Mangoes(
        folder / "mangoes.parquet",
        folder / "splits.parquet",
        folder / "manifest.parquet",
        pixels,
        pd.Categorical(frame["label"], categories=CLASSES).codes.astype(np.int64),
        frame["role"].to_numpy(),
    )
    cache = frame[["image_id", "label"]].assign(sample_id=frame["image_id"], row=0, column=0, masked_fraction=None)
    cache["pixels"] = [image.tobytes() for image in pixels]
    schema = samples_schema(pixels[0].size, {"shape": list(pixels.shape[1:]), "view": ["rgb"]})
    tables.write(cache, mangoes.samples, schema)
    tables.write(frame[["image_id", "role"]].assign(repeat=0), mangoes.splits, SPLITS)
    tables.write(frame.drop(columns="role").assign(role=None, **facts), mangoes.manifest, MANIFEST)
    return mangoes
