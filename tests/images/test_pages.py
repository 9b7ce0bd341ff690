"""A dataset of files with several pages, from listing to samples."""

import numpy as np
import pytest
import tifffile

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.sources import Source
from gradewise.config.views import View
from gradewise.images.audit import audit
from gradewise.views.view import view

CLASSES = ["bad", "good"]


def scenes(folder):
    """Six stacks of three pages: the first is the same for all, the second differs, and the third is black."""
    rng = np.random.default_rng(0)
    first, seconds = rng.random((64, 80)), rng.random((6, 8, 10)).repeat(8, 1).repeat(8, 2)
    # the last scene is a brighter copy of the one before
    seconds[5] = 0.2 + 0.8 * seconds[4]
    for number, second in enumerate(seconds):
        path = folder / "data" / CLASSES[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        pages = np.float32([first, second, np.zeros_like(first)])
        tifffile.imwrite(path, pages, photometric="minisblack", compression="deflate", predictor=True)
    return first, seconds


def source_of(folder, page):
    return {"images": str(folder / "data"), "classes": CLASSES, "page": page}


@pytest.mark.parametrize("page", [1, 2, "max"])
def test_the_chosen_page_is_read_compared_and_cut_into_samples(tmp_path, make_manifest, page):
    first, seconds = scenes(tmp_path)
    source = Source.model_validate(source_of(tmp_path, page))
    files = make_manifest(source, tmp_path, join_duplicates=False)
    copies = tables.read(files["duplicates"])
    assert set(copies["kind"]) == {1: {"exact"}, 2: {"near"}, "max": set(copies["kind"])}[page]
    view(
        manifest=files["manifest"],
        operations=View.model_validate(["grey", {"tile": 16}]),
        name="v",
        classes=CLASSES,
        seed=1,
        threads=1,
        output=tmp_path / "v.parquet",
        reading=source.reading,
    )
    samples = tables.read(tmp_path / "v.parquet").set_index("sample_id")
    for number in range(6):
        image = {1: first, 2: seconds[number], "max": np.maximum(first, seconds[number])}[page]
        tile = np.frombuffer(samples.loc[f"{CLASSES[number % 2]}/{number}.tif#1,2", "pixels"], np.uint8)
        assert np.abs(tile.reshape(16, 16) - 256 * image[16:32, 32:48]).max() <= 1.5


def test_the_audit_tells_of_pages(tmp_path, make_manifest):
    scenes(tmp_path)
    files = make_manifest(source_of(tmp_path, 2), tmp_path)
    written = {"output": tmp_path / "audit.parquet", "clue_predictions": tmp_path / "clues.parquet"}
    tables_read = {"manifest" if name == "manifest" else name: path for name, path in files.items()}
    audit(**tables_read, classes=CLASSES, joined=True, seed=1, **written)
    findings = tables.read(tmp_path / "audit.parquet").set_index("check")
    assert "6 of 6 files have several pages, up to 3" in findings.loc["pages", "text"]


def test_without_a_choice_all_stacks_are_set_aside_and_the_key_is_named(tmp_path, make_manifest):
    scenes(tmp_path)
    with pytest.raises(UserError, match=r"none of 6 files can be used.*holds 3 pages; set page: of the dataset"):
        make_manifest(source_of(tmp_path, None), tmp_path)
