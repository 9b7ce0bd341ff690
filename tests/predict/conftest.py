"""Runs of a forest on a few images, made by the steps of the workflow without Snakemake."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.section import to_json
from gradewise.config.views import View
from gradewise.evaluation.blend import blend
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.train import train
from gradewise.images.decode import decode
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.predict.describe import describe
from gradewise.views.view import view

CLASSES = ["good", "bad"]


def write_images(folder, bits):
    """Twelve grey images of 32 x 48, whose second class is brighter; returns rows of the manifest."""
    rng = np.random.default_rng(0)
    kind = np.uint8 if bits == 8 else np.uint16
    rows = []
    for number in range(12):
        path = folder / f"{number:02d}.png"
        top = 2**bits * (0.6 + 0.4 * (number % 2))
        Image.fromarray(rng.integers(0, int(top), (32, 48)).astype(kind)).save(path)
        label = CLASSES[number % 2]
        decoded = decode(path)
        facts = {"bits": decoded.bits, "pixel_hash": decoded.pixel_hash(), "pixel_size_nm": None, "bar_rows": 0}
        rows.append({"image_id": path.name, "path": str(path), "label": label, **facts})
    return rows


@pytest.fixture
def make_run(tmp_path):
    """A factory: settings of the dataset, its view and the bits of its images -> the folder of a run."""

    def make(*operations, bits=8, **settings):
        results, photos = tmp_path / "results/made-up", tmp_path / "photos"
        photos.mkdir()
        images = pd.DataFrame(write_images(photos, bits)).assign(
            role=None, width=48, height=32, mode="L", mask=None, mask_hash=None, file_hash=None
        )
        images["group"] = images["image_id"]
        tables.write(images, results / "manifest.parquet", MANIFEST)
        roles = ["train"] * 8 + ["test"] * 4
        splits = pd.DataFrame({"repeat": 0, "image_id": images["image_id"], "role": roles})
        tables.write(splits, results / "splits.parquet", SPLITS)
        section = {"images": "photos", "classes": CLASSES, "models": ["forest"], **settings}
        (results / "plan").mkdir()
        (results / "plan/settings.json").write_text(to_json(Dataset.model_validate(section)))
        (results / "plan/runs.json").write_text(json.dumps({"repeats": 1, "models": {"": ["forest"]}}))
        train_forest(results, "forest", "seen", operations)
        describe(dataset="made-up", results=results, seed=1, output=results / "prediction.json")
        return results / "models/forest/0"

    return make


def train_forest(results, model, name, operations):
    """Make a view and train a forest on it, in repeat 0."""
    cache = results / f"views/{name}.parquet"
    sources = {"manifest": results / "manifest.parquet", "classes": CLASSES, "seed": 1, "threads": 1}
    view(operations=View.model_validate(list(operations)), name=name, output=cache, **sources)
    train(
        family="forest",
        samples=cache,
        splits=results / "splits.parquet",
        repeat=0,
        dataset="made-up",
        model=model,
        view=name,
        candidates=[ForestSettings(trees=9)],
        output=results / f"models/{model}/0",
        **sources,
    )


@pytest.fixture
def make_blend(make_run):
    """A factory: two views, by what to blend and on which level -> the folder of a blend of two forests."""

    def make(first, second, by, level, **settings):
        results = make_run(*first, **settings).parents[2]
        train_forest(results, "second", "other", second)
        blend(
            dataset="made-up",
            model="both",
            repeat=0,
            by=by,
            results=results,
            members=["forest", "second"],
            classes=CLASSES,
            level=level,
            output=results / "models/both/0",
            **settings,
        )
        (results / "plan/runs.json").write_text(
            json.dumps({"repeats": 1, "models": {"": ["forest", "second", "both"]}})
        )
        describe(dataset="made-up", results=results, seed=1, output=results / "prediction.json")
        return results / "models/both/0"

    return make


@pytest.fixture
def run(make_run):
    """The folder of a run on whole images, whose images are in the folder `photos` of the test."""
    return make_run("grey", {"resize": 16})
