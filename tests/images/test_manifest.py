import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.images.fingerprints import fingerprint
from gradewise.images.manifest import join_groups


@pytest.fixture
def run(make_manifest, folders, tmp_path):
    """The manifest and the quarantine list of the images in `folders`."""

    def make(views_need=1, join_duplicates=True, **more):
        source = {"images": str(folders), "classes": ["good", "bad"], **more}
        files = make_manifest(source, tmp_path, views_need, join_duplicates)
        with files["quarantine"].open() as stream:
            return tables.read(files["manifest"]), list(csv.DictReader(stream))

    return make


def test_every_readable_image_is_described(run, folders, tmp_path):
    images, aside = run()
    assert len(images) == 12
    assert set(images["width"]) == {32}
    assert set(images["height"]) == {24}
    assert images["width"].dtype == "int32"
    assert aside == []


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(run, folders, tmp_path):
    (folders / "good" / "leer é.png").touch()
    Image.new("L", (1, 1)).save(folders / "bad" / "dot.png")
    images, aside = run()
    assert len(images) == 12
    assert {row["path"]: row["reason"] for row in aside} == {
        str(folders / "good" / "leer é.png"): "the file is empty",
        str(folders / "bad" / "dot.png"): "1 x 1 pixels; min_side is 16",
    }


def test_a_file_whose_name_is_not_utf8_is_set_aside_and_named(run, folders):
    copy = os.fsencode(folders / "good") + b"/caf\xe9.png"
    shutil.copy(folders / "good" / "s0_0.png", copy)
    images, aside = run()
    assert len(images) == 12
    assert aside[0]["path"].endswith(r"caf\udce9.png")
    assert aside[0]["reason"] == "its name is not UTF-8; rename it"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "no permission to read the file"),
        (OSError(5, "Input/output error"), "cannot be read (Input/output error)"),
        (MemoryError(), "too large for the memory"),
        (AttributeError("no attribute"), "truncated or damaged (no attribute)"),
        (TypeError(), "truncated or damaged (TypeError)"),
    ],
)
def test_no_error_of_one_file_stops_the_others(run, folders, monkeypatch, error, reason):
    opened = Path.open

    def fail(path, *arguments, **named):
        if path.name == "s1_3.png" and path.parent.name == "bad":
            raise error
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", fail)
    images, aside = run()
    assert len(images) == 11
    assert aside == [{"path": str(folders / "bad" / "s1_3.png"), "reason": reason}]


def test_an_error_outside_of_decoding_sets_the_file_aside_too(run, folders, monkeypatch):
    def fail(decoded, path):
        if path.name == "s1_3.png":
            raise ZeroDivisionError("division by zero")
        return fingerprint(decoded, path)

    monkeypatch.setattr("gradewise.images.read_images.fingerprint", fail)
    images, aside = run()
    assert len(images) == 10
    assert aside[0]["reason"] == "could not be examined (ZeroDivisionError: division by zero)"


def test_the_reasons_are_told_where_no_file_can_be_used(run, folders):
    for number, path in enumerate(folders.glob("*/*.png")):
        path.write_bytes(b"" if number % 3 else b"text")
    with pytest.raises(UserError) as caught:
        run()
    assert re.search(
        r"none of 12 files can be used; .*\.png: the file is empty\n  .*\.png: not an image", str(caught.value)
    )


def test_images_too_small_for_a_view_are_set_aside_with_all_that_is_known_of_them(run, folders, tmp_path):
    everything, _ = run()
    small = Image.fromarray(np.random.default_rng(7).integers(0, 256, (20, 40), dtype=np.uint8))
    for name in ("small.png", "copy of small.png"):
        small.save(folders / "good" / name)
    _, aside = run(views_need=20)
    assert aside == []
    assert len(tables.read(tmp_path / "duplicates.parquet")) == 1
    images, aside = run(views_need=21)
    pd.testing.assert_frame_equal(images, everything)
    reason = "40 x 20 pixels; the views need at least 21 a side"
    assert aside == [
        {"path": str(folders / "good" / name), "reason": reason} for name in ("copy of small.png", "small.png")
    ]
    assert tables.read(tmp_path / "duplicates.parquet").empty
    assert list(tables.read(tmp_path / "fingerprints.parquet")["image_id"]) == list(images["image_id"])


def test_a_file_below_min_side_keeps_its_reason_where_views_need_more(run, folders):
    Image.new("L", (10, 12)).save(folders / "good" / "tiny.png")
    _, aside = run(views_need=20)
    assert aside == [{"path": str(folders / "good" / "tiny.png"), "reason": "10 x 12 pixels; min_side is 16"}]


def test_the_scale_and_the_data_bar_of_an_image_are_kept_and_only_rows_above_the_bar_count_as_its_size(
    run, folders, tmp_path
):
    stored = "[Scan]\nPixelWidth=4e-9\n[Image]\nResolutionX=64\nResolutionY=50\n"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 64), dtype=np.uint8)
    tifffile.imwrite(folders / "good" / "sem.tif", pixels, extratags=[(34682, 2, 0, stored, True)])
    images, _ = run()
    images = images.set_index("image_id")
    assert (images.loc["good/sem.tif", "pixel_size_nm"], images.loc["good/sem.tif", "bar_rows"]) == (
        pytest.approx(4),
        10,
    )
    others = images.drop(index="good/sem.tif")
    assert others["pixel_size_nm"].isna().all()
    assert (others["bar_rows"] == 0).all()
    shutil.rmtree(folders / "good")
    shutil.rmtree(folders / "bad")
    for label in ("good", "bad"):
        (folders / label).mkdir()
        tifffile.imwrite(folders / label / f"{label}.tif", pixels, extratags=[(34682, 2, 0, stored, True)])
    Image.fromarray(pixels).save(folders / "good" / "plain.png")
    images, aside = run(views_need=51)
    assert list(images["image_id"]) == ["good/plain.png"]
    assert aside[0]["reason"] == "64 x 50 pixels above the data bar; the views need at least 51 a side"
    assert json.loads((tmp_path / "read/sides.json").read_text())["smallest"] == 50


def test_images_that_share_a_group_only_through_a_small_one_are_not_joined(run, folders):
    """`twin` and `other` are no copies of one another; each lies in the folder of a group of its own."""
    pixels = np.random.default_rng(7).integers(0, 256, (20, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(folders / "good" / "a_1.png")
    Image.fromarray(pixels).save(folders / "good" / "b_1.png")
    for name in ("a_2.png", "b_2.png"):
        larger = np.random.default_rng(ord(name[0])).integers(0, 256, (24, 40), dtype=np.uint8)
        Image.fromarray(larger).save(folders / "bad" / name)
    group = {"regex": "^([^_]+)_"}
    joined, _ = run(views_need=20, group=group)
    parted, _ = run(views_need=21, group=group)
    names = ["bad/a_2.png", "bad/b_2.png"]
    assert joined.set_index("image_id").loc[names, "group"].nunique() == 1
    assert parted.set_index("image_id").loc[names, "group"].nunique() == 2


def test_the_smallest_side_and_the_largest_size_of_usable_images_are_told(run, folders, tmp_path):
    Image.new("L", (30, 3)).save(folders / "bad" / "too small for anything.png")
    Image.new("L", (17, 50)).save(folders / "bad" / "narrow.png")
    Image.new("L", (1000, 300)).save(folders / "bad" / "large.png")
    run()
    assert json.loads((tmp_path / "read/sides.json").read_text()) == {
        "smallest": 17,
        "megapixels": 0.3,
        "images": 14,
    }


def test_files_are_not_touched(run, folders, tmp_path):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folders.rglob("*.png")}
    run()
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folders.rglob("*.png")}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"min_side": 100}, "min_side is 100"), ({"views_need": 100}, "the views need at least 100 a side")],
)
def test_no_usable_image_at_all_is_an_error(run, settings, reason):
    with pytest.raises(UserError, match=rf"none of 12 files can be used; .*\.png: 32 x 24 pixels; {reason}"):
        run(**settings)


def test_exact_copies_share_a_group_unless_told_otherwise(run, folders, tmp_path):
    (folders / "bad" / "copy.png").write_bytes((folders / "good" / "s0_0.png").read_bytes())
    for join, expected in ((True, 12), ("exact", 12), (False, 13)):
        images, _ = run(join_duplicates=join)
        assert images["group"].nunique() == expected


def test_a_mask_of_another_size_sets_its_image_aside(run, folders, tmp_path):
    (tmp_path / "masks" / "bad").mkdir(parents=True)
    Image.new("L", (5, 5)).save(tmp_path / "masks" / "bad" / "s0_0.png")
    images, aside = run(masks=str(tmp_path / "masks"))
    assert len(images) == 11
    assert "5 x 5 pixels, the image 32 x 24" in aside[0]["reason"]


def test_images_with_masks_that_cannot_be_understood_are_set_aside(run, folders, tmp_path):
    masks = tmp_path / "masks" / "bad"
    masks.mkdir(parents=True)
    region = np.zeros((24, 32), np.uint8)
    region[:6, :8] = 1
    names = sorted(path.stem for path in (folders / "bad").iterdir())
    for name in names:
        Image.fromarray(region).save(masks / f"{name}.png")
    (masks / f"{names[0]}.png").write_bytes((masks / f"{names[0]}.png").read_bytes()[:-30])
    Image.new("L", (32, 24), 90).save(masks / f"{names[1]}.png")
    (masks / f"{names[2]}.png").unlink()
    Image.fromarray(region.astype(np.float32)).save(masks / f"{names[2]}.tif")
    images, aside = run(masks=str(tmp_path / "masks"))
    assert len(images) == 10
    assert f"its mask {masks / names[0]}.png: truncated or damaged" in aside[0]["reason"]
    assert "do not say which is the background" in aside[1]["reason"]
    shares = tables.read(tmp_path / "fingerprints.parquet")["masked_share"]
    assert shares.dropna().tolist() == [0.0625] * 4
    assert shares.isna().sum() == 6


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1))
def test_joined_groups_are_the_finest_that_part_neither_groups_nor_twins(pairs):
    groups = pd.Series([f"g{group}" for group, _ in pairs])
    twins = pd.Series([f"t{twin}" for _, twin in pairs])
    joined = join_groups(groups, twins)
    parent = {}

    def find(item):
        while parent.get(item, item) != item:
            item = parent[item]
        return item

    for group, twin in zip(groups, twins, strict=True):
        parent[find(group)] = find(twin)
    roots = groups.map(find)
    assert pd.crosstab(joined, roots).astype(bool).sum().eq(1).all()
    assert pd.crosstab(roots, joined).astype(bool).sum().eq(1).all()


def test_the_command_reports_a_users_mistake_without_a_traceback(tmp_path):
    command = [sys.executable, "-m", "gradewise.images.read_images", "--threads", "1"]
    command += ["--source", '{"images": "nowhere", "classes": ["a", "b"]}']
    command += ["--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the folder 'nowhere' does not exist" in done.stderr
    assert "Traceback" not in done.stderr
