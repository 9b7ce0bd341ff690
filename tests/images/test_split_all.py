import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.images.schemas import MANIFEST
from gradewise.images.split_all import split_all


def write_manifest(folder, of_a, groups_of_b):
    rows = []
    for number in range(of_a + groups_of_b):
        label, group = ("A", f"a{number // 2}") if number < of_a else ("B", f"b{number}")
        rows.append({"image_id": f"{number}.png", "path": f"{number}.png", "label": label, "group": group})
    frame = pd.DataFrame(rows).assign(role=None, width=8, height=8, mode="L", bits=8, pixel_hash="x", bar_rows=0)
    frame = frame.assign(pixel_size_nm=None, mask=None, mask_hash=None, file_hash=None)
    tables.write(frame, folder / "m.parquet", MANIFEST)
    return frame.set_index("image_id")


def test_all_images_train_but_a_share_of_the_groups(tmp_path):
    images = write_manifest(tmp_path, 20, 10)
    split_all(manifest=tmp_path / "m.parquet", validation=0.2, repeats=2, seed=1, output=tmp_path / "s.parquet")
    splits = tables.read(tmp_path / "s.parquet").join(images[["label", "group"]], on="image_id")
    for _, repeat in splits.groupby("repeat"):
        assert sorted(repeat["image_id"]) == sorted(images.index)
        assert (repeat["role"] == "validation").sum() == 6
        assert repeat.groupby("group")["role"].nunique().max() == 1
        assert set(repeat.loc[repeat["role"] == "train", "label"]) == {"A", "B"}
    validated = splits.loc[splits["role"] == "validation"].groupby("repeat")["image_id"].agg(set)
    assert validated[0] != validated[1]


def test_where_validation_takes_all_of_a_class_it_is_told(tmp_path):
    write_manifest(tmp_path, 2, 1)
    with pytest.raises(UserError, match=r"no group of class [AB] is left for training beside validation; add groups"):
        split_all(manifest=tmp_path / "m.parquet", validation=0.5, seed=1, output=tmp_path / "s.parquet")
