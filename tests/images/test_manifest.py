import csv
import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.config import Source
from gradewise.images.manifest import join_groups, manifest


def run(folders, tmp_path, **more):
    source = Source.model_validate({"images": str(folders), "classes": ["good", "bad"], **more})
    manifest(
        source=source,
        threads=2,
        output=tmp_path / "m.parquet",
        quarantine=tmp_path / "q.csv",
        fingerprints=tmp_path / "f.parquet",
        duplicates=tmp_path / "d.parquet",
    )
    with (tmp_path / "q.csv").open() as stream:
        return tables.read(tmp_path / "m.parquet"), list(csv.DictReader(stream))


def test_every_readable_image_is_described(folders, tmp_path):
    images, aside = run(folders, tmp_path)
    assert len(images) == 12
    assert set(images["width"]) == {32}
    assert set(images["height"]) == {24}
    assert aside == []


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(folders, tmp_path):
    (folders / "good" / "leer é.png").touch()
    Image.new("L", (1, 1)).save(folders / "bad" / "dot.png")
    images, aside = run(folders, tmp_path)
    assert len(images) == 12
    assert {row["path"]: row["reason"] for row in aside} == {
        str(folders / "good" / "leer é.png"): "the file is empty",
        str(folders / "bad" / "dot.png"): "1 x 1 pixels; the views need at least 16 a side",
    }


def test_files_are_not_touched(folders, tmp_path):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folders.rglob("*.png")}
    run(folders, tmp_path)
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folders.rglob("*.png")}


def test_no_usable_image_at_all_is_an_error(folders, tmp_path):
    with pytest.raises(UserError, match="none of 12 files can be used"):
        run(folders, tmp_path, min_side=100)


def test_exact_copies_share_a_group_unless_told_otherwise(folders, tmp_path):
    (folders / "bad" / "copy.png").write_bytes((folders / "good" / "s0_0.png").read_bytes())
    for join, expected in ((True, 12), ("exact", 12), (False, 13)):
        images, _ = run(folders, tmp_path, join_duplicates=join)
        assert images["group"].nunique() == expected


def test_a_mask_of_another_size_sets_its_image_aside(folders, tmp_path):
    (tmp_path / "masks" / "bad").mkdir(parents=True)
    Image.new("L", (5, 5)).save(tmp_path / "masks" / "bad" / "s0_0.png")
    images, aside = run(folders, tmp_path, masks=str(tmp_path / "masks"))
    assert len(images) == 11
    assert "5 x 5 pixels, the image 32 x 24" in aside[0]["reason"]


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
    command = [sys.executable, "-m", "gradewise.images.manifest", "--threads", "1"]
    command += ["--source", '{"images": "nowhere", "classes": ["a", "b"]}']
    for name in ("output", "quarantine", "fingerprints", "duplicates"):
        command += [f"--{name}", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the folder 'nowhere' does not exist" in done.stderr
    assert "Traceback" not in done.stderr
