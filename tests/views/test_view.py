import errno
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.views import View
from gradewise.images.decode import decode
from gradewise.images.masks import hash_mask, read_mask
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.provenance import hash_file
from gradewise.views.samples import read_samples
from gradewise.views.shards import rows_of, shard_names
from gradewise.views.view import view


@pytest.fixture
def dataset(tmp_path):
    """Twelve grey images of 40 x 48 with masks on half of them, a manifest and splits."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(12):
        path, mask = tmp_path / f"{number}.png", tmp_path / f"{number}_mask.png"
        Image.fromarray(rng.integers(0, 256, (40, 48), dtype=np.uint8)).save(path)
        masked = np.zeros((40, 48), np.uint8)
        masked[:8, :8] = 255 if number % 2 else 0
        Image.fromarray(masked).save(mask)
        hashes = {"pixel_hash": decode(path).pixel_hash(), "mask_hash": hash_mask(read_mask(mask))}
        facts = {"image_id": f"{number}", "path": str(path), "label": "AB"[number % 2], "mask": str(mask)}
        rows.append(facts | hashes)
    frame = pd.DataFrame(rows).assign(role=None, width=48, height=40, mode="L", bits=8, pixel_size_nm=None, bar_rows=0)
    frame["file_hash"] = [hash_file(Path(path)) for path in frame["path"]]
    frame["group"] = frame["image_id"]
    tables.write(frame, tmp_path / "manifest.parquet", MANIFEST)
    splits = pd.DataFrame({"repeat": 0, "image_id": frame["image_id"], "role": ["train"] * 6 + ["test"] * 5 + [None]})
    tables.write(splits.dropna(), tmp_path / "splits.parquet", SPLITS)
    return tmp_path


def cache(dataset, *operations, **more):
    view(
        manifest=dataset / "manifest.parquet",
        operations=View.model_validate(list(operations)),
        name="v",
        classes=["A", "B"],
        seed=1,
        **{"threads": 2, "output": dataset / "v.parquet", **more},
    )
    return more.get("output", dataset / "v.parquet")


def test_a_cache_holds_every_tile_with_its_place_and_pixels(dataset):
    path = cache(dataset, "grey", {"tile": 16})
    table = tables.read(path)
    assert len(table) == 12 * 2 * 3
    tile = table[(table["image_id"] == "5") & (table["row"] == 1) & (table["column"] == 2)].iloc[0]
    expected = np.asarray(Image.open(dataset / "5.png"))[16:32, 32:48]
    assert np.array_equal(np.frombuffer(tile["pixels"], np.uint8).reshape(16, 16), expected)
    assert tables.read_metadata(path)["images_with_remainder"] == 12


def test_masks_label_tiles_where_asked(dataset):
    table = tables.read(cache(dataset, "grey", {"tile": 16}, positive="B", mask_fraction=0.2))
    positive = table[table["label"] == "B"]
    assert set(positive["image_id"]) == {str(number) for number in range(1, 12, 2)}
    assert (positive[["row", "column"]] == 0).all(axis=None)
    assert positive["masked_fraction"].tolist() == pytest.approx([0.25] * 6)


@pytest.mark.parametrize("mode", ["1", "label", "LA"])
def test_masks_label_the_same_tiles_however_they_are_stored(dataset, mode):
    expected = tables.read(cache(dataset, "grey", {"tile": 16}, positive="B", mask_fraction=0.2))["label"].tolist()
    for path in dataset.glob("*_mask.png"):
        mask = Image.open(path)
        if mode == "label":
            mask = mask.point(lambda level: level // 255)
        elif mode == "LA":
            mask = Image.merge("LA", [mask, mask])
        else:
            mask = mask.convert("1")
        mask.save(path)
    assert (
        tables.read(cache(dataset, "grey", {"tile": 16}, positive="B", mask_fraction=0.2))["label"].tolist() == expected
    )


def test_a_mask_that_can_no_longer_be_read_is_named(dataset):
    (dataset / "3_mask.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"3\.png or its mask: the file is empty; .*rebuild the manifest"):
        cache(dataset, "grey", {"tile": 16}, positive="B", mask_fraction=0.2)


@pytest.mark.parametrize("name", ["3.png", "3_mask.png"])
def test_a_file_that_was_replaced_since_the_manifest_is_named(dataset, name):
    Image.fromarray(255 - np.asarray(Image.open(dataset / name))).save(dataset / name)
    with pytest.raises(UserError, match=rf"{name}: shows something else than when the manifest was made; .*again"):
        cache(dataset, "grey", {"tile": 16})


def test_a_file_that_was_saved_anew_with_the_same_pixels_is_used(dataset):
    for path in dataset.glob("3*.png"):
        Image.open(path).save(path, compress_level=0)
    assert len(tables.read(cache(dataset, "grey", {"tile": 16}))) == 12 * 2 * 3


def test_files_of_known_bytes_make_the_same_cache_as_those_whose_pixels_are_compared(dataset):
    first = tables.read(cache(dataset, "grey", {"tile": 16}))
    frame = tables.read(dataset / "manifest.parquet")
    tables.write(frame.assign(file_hash=None), dataset / "manifest.parquet", MANIFEST)
    assert tables.read(cache(dataset, "grey", {"tile": 16})).equals(first)


def set_bar_rows(dataset, rows):
    frame = tables.read(dataset / "manifest.parquet")
    tables.write(frame.assign(bar_rows=np.int32(rows)), dataset / "manifest.parquet", MANIFEST)


def test_a_view_cuts_the_data_bar_off_images_and_masks_where_asked(dataset):
    """Of 40 rows 9 are the bar; tiles of 16 lose their second row, a resized image shows the rest."""
    set_bar_rows(dataset, 9)
    cut = ["grey", {"crop": {"below_data_bar": True}}]
    tiles = tables.read(cache(dataset, *cut, {"tile": 16}, positive="B", mask_fraction=0.2))
    assert len(tiles) == 12 * 1 * 3
    assert tiles["masked_fraction"].max() == pytest.approx(0.25)
    assert len(tables.read(cache(dataset, "grey", {"tile": 16}))) == 12 * 2 * 3
    resized = tables.read(cache(dataset, *cut, {"resize": [31, 48]})).set_index("image_id")
    expected = np.asarray(Image.open(dataset / "5.png"))[:31]
    assert np.array_equal(np.frombuffer(resized.loc["5", "pixels"], np.uint8).reshape(31, 48), expected)
    assert resized.loc["5", "masked_fraction"] == pytest.approx(64 / (31 * 48))


def test_only_rows_above_the_data_bar_count_as_left_off(dataset):
    set_bar_rows(dataset, 8)
    cut = ["grey", {"crop": {"below_data_bar": True}}]
    assert tables.read_metadata(cache(dataset, *cut, {"tile": 16}))["images_with_remainder"] == 0
    assert tables.read_metadata(cache(dataset, "grey", {"tile": 16}))["images_with_remainder"] == 12


def test_threads_do_not_change_a_byte(dataset):
    operations = ["grey", {"tile": 16, "keep": "random", "count": 2}]
    first = cache(dataset, *operations, threads=1).read_bytes()
    assert cache(dataset, *operations, threads=3).read_bytes() == first
    assert np.load(dataset / "v.npy").tobytes() == b"".join(tables.read(dataset / "v.parquet")["pixels"])


@pytest.mark.parametrize(("width", "together"), [(10_000, 2), (10_001, 1)])
def test_threads_hold_no_more_than_200_megapixels(dataset, monkeypatch, width, together):
    images = tables.read(dataset / "manifest.parquet")
    tables.write(images.assign(width=width, height=10_000), dataset / "manifest.parquet", MANIFEST)
    at_work, most = [], []

    def decode_slowly(path, reading):
        at_work.append(path)
        most.append(len(at_work))
        time.sleep(0.01)
        at_work.remove(path)
        return decode(path, reading)

    monkeypatch.setattr("gradewise.views.view.decode", decode_slowly)
    cache(dataset, "grey", {"tile": 16}, threads=4)
    assert max(most) == together
    assert len(tables.read(dataset / "v.parquet")) == 12 * 6


def test_samples_of_a_repeat_are_read_with_roles_groups_and_pixels(dataset):
    path = cache(dataset, "rgb", {"resize": 16})
    samples = read_samples(path, dataset / "splits.parquet", dataset / "manifest.parquet", 0)
    assert samples.pixels.shape == (11, 16, 16, 3)
    assert len(samples.of("train")) == 6
    assert samples.targets(["A", "B"]).tolist() == [0, 1] * 5 + [0]
    stored = {row.sample_id: row.pixels for row in tables.read(path).itertuples()}
    for position, sample_id in enumerate(samples.table["sample_id"]):
        assert samples.pixels[position].tobytes() == stored[sample_id]


@pytest.mark.parametrize(("without", "in_repeat"), [((), 12), ((), 7), (("npy",), 12), (("npy",), 7)])
def test_pixels_are_those_of_the_cache_whether_mapped_or_copied(dataset, without, in_repeat):
    path = cache(dataset, "grey", {"tile": 16})
    for suffix in without:
        path.with_suffix(f".{suffix}").unlink()
    splits = pd.DataFrame({"repeat": 0, "image_id": [str(number) for number in range(in_repeat)], "role": "train"})
    tables.write(splits, dataset / "splits.parquet", SPLITS)
    samples = read_samples(path, dataset / "splits.parquet", dataset / "manifest.parquet", 0)
    stored = tables.read(path).set_index("sample_id")["pixels"]
    assert len(samples.table) == in_repeat * 6
    assert samples.pixels.shape == (in_repeat * 6, 16, 16, 1)
    assert [pixels.tobytes() for pixels in samples.pixels] == [stored[name] for name in samples.table["sample_id"]]
    with pytest.raises(ValueError, match="read-only"):
        samples.pixels[0] = 0


@pytest.mark.parametrize("noticed", ["before", "while reserving"])
def test_a_full_temporary_folder_is_reported_with_what_is_needed_and_what_would_do(dataset, monkeypatch, noticed):
    path = cache(dataset, "grey", {"tile": 16})
    path.with_suffix(".npy").unlink()

    def reserve(descriptor: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    if noticed == "before":
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    else:
        monkeypatch.setattr("os.posix_fallocate", reserve)
    needed = 11 * 6 * 16 * 16
    with pytest.raises(UserError, match=rf"need {needed} bytes, while \d+ bytes are free there; set TMPDIR"):
        read_samples(path, dataset / "splits.parquet", dataset / "manifest.parquet", 0)


def test_an_array_that_is_cut_off_or_of_other_samples_is_refused(dataset):
    path = cache(dataset, "rgb", {"resize": 16})
    array = path.with_suffix(".npy")
    whole = array.read_bytes()
    for spoilt, message in (
        (whole[:-1], "incomplete"),
        (whole[:10], "incomplete"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "does not hold the samples of"),
    ):
        array.write_bytes(spoilt)
        with pytest.raises(UserError, match=message):
            read_samples(path, dataset / "splits.parquet", dataset / "manifest.parquet", 0)


def test_row_groups_are_small_so_that_caches_stream(dataset, monkeypatch):
    monkeypatch.setattr("gradewise.views.view.ROW_GROUP_BYTES", 10_000)
    path = cache(dataset, "rgb", {"resize": 64})
    assert pq.ParquetFile(path).num_row_groups == 12
    samples = read_samples(path, dataset / "splits.parquet", dataset / "manifest.parquet", 0)
    expected = [row.pixels for row in tables.read(path).itertuples() if row.image_id in set(samples.table["image_id"])]
    assert [pixels.tobytes() for pixels in samples.pixels] == expected


@pytest.mark.parametrize("bytes_of_group", [1000, 4 * 2**20])
def test_shards_put_together_are_the_whole(dataset, monkeypatch, bytes_of_group):
    monkeypatch.setattr("gradewise.views.view.ROW_GROUP_BYTES", bytes_of_group)
    operations = ["grey", {"tile": 16}]
    whole = cache(dataset, *operations, output=dataset / "whole.parquet")
    files = [cache(dataset, *operations, shard=name, output=dataset / f"{name}.parquet") for name in shard_names(5)]
    assert not any(path.with_suffix(".npy").exists() for path in files)
    assert [pq.read_metadata(path).num_rows for path in files] == [12, 12, 18, 12, 18]
    joined = cache(dataset, *operations, shards=files)
    assert joined.read_bytes() == whole.read_bytes()
    assert joined.with_suffix(".npy").read_bytes() == whole.with_suffix(".npy").read_bytes()


def test_shards_of_other_settings_are_not_put_together(dataset):
    first = cache(dataset, "grey", {"tile": 16}, shard="1-of-2", output=dataset / "1.parquet")
    second = cache(dataset, "grey", {"tile": 8}, shard="2-of-2", output=dataset / "2.parquet")
    third = cache(dataset, "grey", {"tile": 16, "stride": 8}, shard="2-of-2", output=dataset / "3.parquet")
    for wrong in (second, third):
        with pytest.raises(UserError, match=f"{wrong}: was made with other settings"):
            cache(dataset, "grey", {"tile": 16}, shards=[first, wrong])
    assert not (dataset / "v.parquet").exists()


def test_shards_are_named_in_order_and_cover_all_rows():
    assert list(rows_of("", 5)) == list(range(5))
    assert [list(rows_of(name, 5)) for name in shard_names(3)] == [[0], [1, 2], [3, 4]]
    for wrong in ("0-of-3", "4-of-3", "2", "a-of-3"):
        with pytest.raises(UserError, match="2-of-3"):
            rows_of(wrong, 5)
