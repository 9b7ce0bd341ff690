"""Sizes that views need: no view reads images again, and where all are large enough the manifest is left alone."""

import numpy as np
import pytest
import yaml
from PIL import Image


@pytest.fixture
def plan(snakemake, planned, tmp_path):
    """Makes the manifest of six images of 40 x 48 pixels for a view of tiles, or plans it where `run` is false."""
    for number in range(6):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    dataset = {"images": "data", "classes": ["a", "b"], "evaluation": {"holdout": 0.3}, "models": ["forest"]}

    def make(tile, run=False):
        raw = {"datasets": {"d": dataset}, "views": {"tiles": ["grey", {"tile": tile}]}}
        raw["models"] = {"forest": {"family": "forest", "view": "tiles", "trees": 2}}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw))
        how = ("--cores", 2) if run else ("-n",)
        target = "results/d/manifest.parquet"
        return planned(snakemake(target, *how, "--directory", tmp_path, "--configfile", tmp_path / "mine.yaml").stdout)

    return make


def test_a_change_of_views_reads_no_image_again(plan):
    plan(16, run=True)
    assert plan(40) == {}
    assert plan(41) == {"manifest": 1}
