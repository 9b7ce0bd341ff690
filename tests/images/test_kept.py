from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gradewise import tables
from gradewise.config.sources import Source
from gradewise.config.views import Transform, View
from gradewise.images import kept
from gradewise.images.decode import Decoded, decode
from gradewise.images.kept import KeptPixels, keeping, worth_keeping
from gradewise.images.manifest import manifest
from gradewise.images.read_images import read_images
from gradewise.views.view import view

VIEW = View.model_validate(["rgb", {"resize": 24}])


def write_photos(folder):
    """Two detailed JPEG photos, whose files are longer than a sixteenth of their pixels, and two plain ones."""
    rng = np.random.default_rng(0)
    for name, label, noise in [("0", "a", 60), ("1", "b", 60), ("2", "a", 0), ("3", "b", 0)]:
        levels = cv2.resize(rng.normal(128, 60, (6, 8, 3)).astype(np.float32), (320, 240)) + noise * rng.normal(
            size=(240, 320, 3)
        )
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).save(folder / label / f"{name}.jpg")


@pytest.fixture
def read(tmp_path):
    """Reads the photos at a part of their size; returns the folder of what was read and how."""

    def read(shrink, *views):
        write_photos(tmp_path / "photos")
        source = Source(images=str(tmp_path / "photos"), classes=("a", "b"), shrink=shrink)
        read_images(source=source, threads=2, output=tmp_path / "read", views=views)
        return tmp_path / "read", source

    return read


def make_view(read, source, output, operations=VIEW, **more):
    folder = output.parent
    where = {name: folder / f"{name}.parquet" for name in ("fingerprints", "duplicates")}
    where |= {"output": folder / "manifest.parquet", "quarantine": folder / "quarantine.csv"}
    manifest(read=read, min_side=1, join_duplicates=True, **where)
    reading = {"reading": source.reading, "classes": ["a", "b"], "seed": 0, "threads": 2}
    view(manifest=folder / "manifest.parquet", operations=operations, name="v", output=output, **reading, **more)
    return output.read_bytes()


def test_pixels_are_kept_where_they_take_no_more_bytes_than_the_file(read):
    folder, source = read(4)
    kept, images = KeptPixels(folder / "kept.parquet"), tables.read(folder / "images.parquet")
    is_short = [path.stat().st_size >= 60 * 80 * 3 for path in map(Path, images["path"])]
    assert sorted(is_short) == [False, False, True, True]
    for image_id, path, worth in zip(images["image_id"], images["path"], is_short, strict=True):
        pixels = kept.find(image_id)
        assert (pixels is not None) == worth
        if worth:
            np.testing.assert_array_equal(pixels, decode(Path(path), source.reading).pixels)


def test_a_view_is_the_same_from_kept_pixels_and_needs_no_file_of_theirs(read, tmp_path):
    folder, source = read(4)
    again = make_view(folder, source, tmp_path / "again.parquet")
    kept = KeptPixels(folder / "kept.parquet")
    for path in (tmp_path / "photos").rglob("*.jpg"):
        if kept.find(f"{path.parent.name}/{path.name}") is not None:
            path.unlink()
    assert len(list((tmp_path / "photos").rglob("*.jpg"))) == 2
    assert make_view(folder, source, tmp_path / "kept.parquet", kept=folder / "kept.parquet") == again


def test_images_read_at_their_size_are_not_kept(read):
    folder, _ = read(None)
    assert tables.read(folder / "kept.parquet").empty
    assert (folder / "kept.bin").stat().st_size == 0
    assert KeptPixels(folder / "kept.parquet").find("a/0.jpg") is None


VIEWS = {
    "whole": VIEW,
    "turned": View.model_validate(
        ["grey", {"resize": 24}, "polar", {"crop": {"top": 4, "left": 0, "height": 16, "width": 24}}]
    ),
    "tiles": View.model_validate(["grey", {"resize": [24, 32]}, {"tile": 16, "keep": "random", "count": 2}]),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_the_same_from_what_was_kept_of_them_and_need_no_file(read, tmp_path, name):
    folder, source = read(None, *VIEWS.values())
    again = make_view(folder, source, tmp_path / "again.parquet", VIEWS[name])
    begun = KeptPixels(folder / "kept.parquet", VIEWS[name])
    photos = sorted((tmp_path / "photos").rglob("*.jpg"))
    small = [path for path in photos if begun.find(f"{path.parent.name}/{path.name}") is not None]
    assert small
    assert all(path.stat().st_size >= 4 * np.prod(VIEWS[name].shape_begun((240, 320))) for path in small)
    for path in small:
        path.unlink()
    kept = {"kept": folder / "kept.parquet"}
    assert make_view(folder, source, tmp_path / "kept.parquet", VIEWS[name], **kept) == again


def test_what_a_view_needs_is_kept_where_it_takes_a_quarter_of_the_file_at_most():
    decoded = Decoded(np.zeros((240, 320, 3), np.uint8), "RGB")
    size = 24 * 24 * 3
    assert worth_keeping(decoded, 0, 4 * size, {"v": VIEW})["v"].shape == (24, 24, 3)
    assert worth_keeping(decoded, 0, 4 * size - 1, {"v": VIEW}) == {}


def test_images_of_16_bits_and_those_too_small_for_a_view_are_not_kept():
    deep = Decoded(np.zeros((240, 320), np.uint16), "I;16")
    assert worth_keeping(deep, 0, 10**9, {"v": VIEW}) == {}
    crop = {"crop": {"top": 0, "left": 0, "height": 32, "width": 32}}
    view = View.model_validate(["grey", crop])
    assert set(worth_keeping(Decoded(np.zeros((32, 40), np.uint8), "L"), 0, 10**9, {"v": view})) == {"v"}
    assert worth_keeping(Decoded(np.zeros((31, 40), np.uint8), "L"), 0, 10**9, {"v": view}) == {}


def test_the_data_bar_counts_only_for_views_that_cut_it_off():
    decoded = Decoded(np.zeros((40, 40), np.uint8), "L")
    views = {"all": ["grey", {"tile": 16}], "above": ["grey", {"crop": {"below_data_bar": True}}, {"tile": 16}]}
    views = {name: View.model_validate(operations) for name, operations in views.items()}
    kept = worth_keeping(decoded, 8, 4 * 40 * 40, views)
    assert {name: pixels.shape for name, pixels in kept.items()} == {"all": (40, 40, 1), "above": (32, 40, 1)}
    assert set(worth_keeping(decoded, 8, 4 * 40 * 40 - 1, views)) == {"above"}


def test_what_is_kept_holds_no_other_pixels_in_memory():
    decoded = Decoded(np.zeros((40, 40), np.uint8), "L")
    view = View.model_validate(["grey", {"crop": {"top": 0, "left": 0, "height": 32, "width": 40}}])
    kept = worth_keeping(decoded, 0, 10**9, {"v": view})["v"]
    assert not np.shares_memory(kept, decoded.pixels)


class Faulty(Transform):
    """An operation of somebody else's."""

    key = "faulty"
    effect = "values"

    def apply(self, pixels):
        raise ValueError("cannot do this")

    def in_words(self):
        return "changed"


class InPlace(Faulty):
    key = "in_place"

    def apply(self, pixels):
        pixels[:] = 0
        return pixels


class Trimmed(Faulty):
    """Its size depends on what is in the image."""

    key = "trimmed"
    effect = "part"

    def size_after(self, size):
        return None


@pytest.mark.parametrize("operation", [Faulty(), InPlace(), Trimmed()])
def test_an_operation_that_fails_or_cannot_tell_costs_no_image(operation):
    decoded = Decoded(np.full((240, 320, 3), 200, np.uint8), "RGB")
    colour, resize = VIEW.operations
    view = View.model_construct(operations=(colour, operation, resize))
    kept = worth_keeping(decoded, 0, 10**9, {"theirs": view, "ours": VIEW})
    assert set(kept) == {"ours"}
    assert (kept["ours"] == 200).all()


def test_what_another_view_or_other_code_made_is_not_used(read, monkeypatch):
    folder, _ = read(None, VIEW)
    name = "a/0.jpg"
    assert KeptPixels(folder / "kept.parquet", VIEW).find(name) is not None
    other = View.model_validate(["rgb", {"resize": 25}])
    assert KeptPixels(folder / "kept.parquet", other).find(name) is None
    monkeypatch.setattr(kept, "code_version", lambda *modules: "edited")
    assert KeptPixels(folder / "kept.parquet", VIEW).find(name) is None


@pytest.mark.parametrize(("shape", "kind"), [((3, 5), np.uint8), ((3, 5), np.uint16), ((2, 4, 3), np.uint16)])
def test_pixels_come_back_in_their_shape_and_depth(tmp_path, shape, kind):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, dtype=kind)
    with keeping(tmp_path / "kept.parquet") as keep:
        keep("odd", {"": np.zeros((1, 3), np.uint8)})
        keep("one", {"": pixels})
    found = KeptPixels(tmp_path / "kept.parquet").find("one")
    assert found.dtype == kind
    np.testing.assert_array_equal(found, pixels)


def test_nothing_is_left_where_reading_fails(tmp_path):
    def fail():
        with keeping(tmp_path / "kept.parquet") as keep:
            keep("one", {"": np.zeros((2, 2), np.uint8)})
            raise OSError("no more images")

    with pytest.raises(OSError, match="no more images"):
        fail()
    assert list(tmp_path.iterdir()) == []
