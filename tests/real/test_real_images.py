"""Real images through the shipped studies: listed, read, split and viewed as their owners would expect."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from gradewise import tables
from gradewise.config.evaluation import Evaluation
from gradewise.config.views import View
from gradewise.images.listing import list_images
from gradewise.images.manifest import manifest
from gradewise.images.read_images import read_images
from gradewise.images.split import draw_splits
from gradewise.views.view import view

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("study", "dataset", "images", "classes"),
    [
        ("nanotwice", "nanotwice", 22, 2),
        ("fruit", "fruit", 1253, 19),
        ("apples", "apples", 300, 5),
        ("solar-cells", "solar-cells", 2624, 4),
        ("solar-cells", "solar-cells-2", 2624, 2),
    ],
)
def test_every_image_of_a_study_is_listed_with_its_class(source, study, dataset, images, classes):
    listed = list_images(source(study, dataset))
    assert len(listed) == images
    assert listed["label"].nunique() == classes


def test_micrographs_are_read_and_cut_into_tiles_that_their_masks_label(source, tmp_path):
    images = make_manifest(source("nanotwice", "nanotwice"), tmp_path)
    assert len(images) == 22
    assert images["mask"].notna().sum() == 20
    view(
        manifest=tmp_path / "manifest.parquet",
        operations=View.model_validate(["grey", {"tile": 128}]),
        name="tiles",
        classes=["Normal", "Anomalous"],
        seed=0,
        threads=2,
        output=tmp_path / "view.parquet",
        positive="Anomalous",
        mask_fraction=0.02,
    )
    tiles = tables.read(tmp_path / "view.parquet", columns=["image_id", "label", "masked_fraction"])
    assert len(tiles) == 22 * 8 * 5
    assert set(tiles.loc[tiles["image_id"].str.startswith("Normal"), "label"]) == {"Normal"}
    assert 0.1 < (tiles["label"] == "Anomalous").mean() < 0.3


def test_photos_keep_the_roles_of_their_label_tables(source, tmp_path):
    images = make_manifest(source("apples", "apples"), tmp_path)
    roles = draw_splits(images, Evaluation(predefined=True, repeats=2), sorted(images["label"].unique()), 0)
    tested = set(roles.loc[roles["role"] == "test", "image_id"])
    assert tested == set(images.loc[images["role"] == "test", "image_id"])
    assert all(image_id.startswith("dev/") for image_id in tested)


def test_a_short_comparison_on_micrographs_runs_to_its_report(data, tmp_path):
    raw = yaml.safe_load((ROOT / "studies/nanotwice.yaml").read_text().replace("data/", f"{data}/"))
    # fewer, larger tiles
    raw["views"] = {f"tiles-{side}": ["grey", {"tile": 256}, {"resize": side}] for side in (256, 128, 64)}
    raw["datasets"]["nanotwice"]["evaluation"] = {"folds": 2, "repeats": 1}
    raw["models"]["cnn-tiles"].update(epochs=1)
    raw["models"]["svm-tiles"].update(components=20)
    raw["models"]["forest-tiles"].update(trees=10)
    raw["models"]["patches-lite0"].update(enlarge=1, gaussians=1)
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(raw))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--quiet"]
    command += ["all", "--directory", str(tmp_path), "--configfile", str(tmp_path / "short.yaml")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "nanotwice" in (tmp_path / "reports/nanotwice.html").read_text()
    verdicts = tables.read(tmp_path / "results/nanotwice/verdicts.parquet")
    assert np.isclose(verdicts[["p_Normal", "p_Anomalous"]].sum(axis=1), 1, atol=1e-4).all()


def make_manifest(source, folder):
    read_images(source=source, threads=2, output=folder / "read")
    files = {name: folder / f"{name}.parquet" for name in ("fingerprints", "duplicates")}
    files |= {"output": folder / "manifest.parquet", "quarantine": folder / "quarantine.csv"}
    manifest(read=folder / "read", min_side=128, join_duplicates=True, **files)
    return tables.read(folder / "manifest.parquet")
