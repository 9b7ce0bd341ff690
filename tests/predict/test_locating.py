"""What is marked in new images: masks as large as they are, and regions with their areas."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from gradewise.command import UserError
from gradewise.judgement.record import Judgement
from gradewise.localisation.record import Localisation
from gradewise.predict.loading import load_predictor
from gradewise.predict.locating import REGIONS, check_maps, map_file, mask_of, write_maps
from gradewise.predict.predict import predict


@pytest.fixture
def run(make_run):
    """A forest on tiles, whose bad samples are brighter."""
    return make_run("grey", {"crop": {"top": 4, "left": 8, "height": 28, "width": 40}}, {"tile": 8})


def with_maps(run: Path, threshold: float):
    known = Localisation(label="bad", stride=4, threshold=threshold, false_alarm_share=0.05, images=4, groups=4)
    return replace(load_predictor(run), judgement=Judgement(localisation=known))


@pytest.fixture
def half_bright(tmp_path) -> Path:
    """An image whose right half is bright, with pixels of 500 nm."""
    pixels = np.random.default_rng(1).integers(0, 150, (56, 80), dtype=np.uint8)
    pixels[:, 40:] = np.random.default_rng(2).integers(100, 256, (56, 40), dtype=np.uint8)
    path = tmp_path / "new/half.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, pixels, imagej=True, resolution=(2, 2), metadata={"unit": "um"})
    return path


def test_the_mask_is_as_large_as_the_image_and_marks_the_bright_part_of_the_frame(run, half_bright):
    mask = mask_of(map_file(with_maps(run, 0.6), half_bright), 0.6)
    assert mask.shape == (56, 80)
    assert set(np.unique(mask)) == {0, 255}
    inside = np.zeros((56, 80), bool)
    inside[4:32, 8:48] = True
    assert not mask[~inside].any()
    assert mask[4:32, 44:48].mean() > 200 > 50 > mask[4:32, 8:36].mean()


def test_regions_have_areas_in_pixels_and_square_micrometres(run, half_bright, tmp_path):
    Image.open(half_bright).save(half_bright.with_name("plain.png"))
    predict(run, [str(half_bright.parent)], tmp_path / "classes.csv")
    write_maps(with_maps(run, 0.6), tmp_path / "classes.csv", tmp_path / "maps")
    rows = list(csv.DictReader((tmp_path / "maps" / REGIONS).read_text().splitlines()))
    masks = sorted(path.name for path in (tmp_path / "maps").glob("*.png"))
    assert masks == ["000000-half.png", "000001-plain.png"]
    for name in ("half.tif", "plain.png"):
        mine = [row for row in rows if row["path"].endswith(name)]
        marked = (np.asarray(Image.open(tmp_path / "maps" / mine[0]["mask"])) > 0).sum()
        assert sum(float(row["area_px"]) for row in mine) == marked
        areas = {row["area_um2"] for row in mine}
        expected = {str(float(row["area_px"]) / 4) for row in mine}
        assert areas == ({""} if name == "plain.png" else expected)


def test_a_model_without_a_threshold_marks_nothing(run, tmp_path):
    with pytest.raises(UserError, match="knows no threshold for maps"):
        check_maps(load_predictor(run), run, tmp_path / "maps")
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match="taken: exists"):
        check_maps(with_maps(run, 0.5), run, tmp_path / "taken")
