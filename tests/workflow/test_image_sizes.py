"""Sizes that views need: no view reads images again, and where all are large enough the manifest is left alone."""

import numpy as np
import pytest
import yaml
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(snakemake, planned, tmp_path):
    """Makes the splits of twelve images of 40 x 48 pixels and a view of tiles, or plans them where `run` is false."""
    for number in range(12):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    dataset = {
        "images": "data",
        "classes": ["a", "b"],
        "evaluation": {"holdout": 0.4, "validation": 0.5},
        "models": ["forest"],
    }

    def make(tile, run=False):
        raw = {"datasets": {"d": dataset}, "views": {"tiles": ["grey", {"tile": tile}]}}
        raw["models"] = {"forest": {"family": "forest", "view": "tiles", "trees": 2}}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw))
        how = ("--cores", 2) if run else ("-n",)
        targets = ("results/d/splits.parquet", "results/d/views/tiles.parquet")
        where = ("--directory", tmp_path, "--configfile", tmp_path / "mine.yaml")
        return planned(snakemake(*targets, *how, *where).stdout)

    return make


def test_a_change_of_views_reads_no_image_again_and_a_new_image_that_is_too_small_is_set_aside_at_once(plan, tmp_path):
    plan(16, run=True)
    assert plan(16) == {}
    assert plan(40) == {"view": 1}
    assert plan(41) == {"manifest": 1, "split": 1, "view": 1}
    Image.new("L", (39, 48)).save(tmp_path / "data/a/small.png")
    plan(40, run=True)
    assert "48 pixels; the views need at least 40 a side" in (tmp_path / "results/d/quarantine.csv").read_text()
    assert plan(40) == {}
