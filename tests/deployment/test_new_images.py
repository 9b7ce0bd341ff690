"""Labelled new images: how they are read, and which are copies of the dataset's."""

import cv2
import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.config.sources import Source
from gradewise.deployment.new_images import read_new_images
from gradewise.images.fingerprints import write_fingerprints
from gradewise.images.listing import list_images
from gradewise.images.read_images import inspect_images
from gradewise.images.schemas import MANIFEST
from gradewise.results import Results

CLASSES = ["good", "bad"]


def draw(seed):
    """A picture with structure of its own."""
    rng = np.random.default_rng(seed)
    picture = sum(cv2.resize(rng.uniform(0, 1, (side, side)), (128, 128), interpolation=2) for side in (4, 8, 16, 32))
    return (255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


@pytest.fixture
def results(tmp_path):
    """A dataset of eight images, read as the workflow reads it."""
    for number in range(8):
        write(tmp_path / f"photos/{CLASSES[number % 2]}/{number}.png", draw(number))
    source = Source(images=str(tmp_path / "photos"), classes=CLASSES)
    listed, prints, thumbnails = inspect_images(list_images(source), source, threads=1)
    files = Results(tmp_path / "results")
    tables.write(listed.drop(columns="reason").astype({"bits": "int8"}), files.table("manifest"), MANIFEST)
    write_fingerprints(prints, thumbnails, files.table("fingerprints"))
    return files


def read(folder, results, **section):
    return read_new_images(Source(images=str(folder), classes=CLASSES, **section), results, threads=1)


def test_copies_of_the_datasets_images_are_named_also_changed_ones(tmp_path, results):
    new = tmp_path / "new"
    # of the same name as one of the dataset, and no copy of it
    write(new / "good/0.png", draw(100))
    write(new / "good/exact.png", draw(2))
    write(new / "bad/turned.png", cv2.rotate(draw(3), cv2.ROTATE_90_CLOCKWISE))
    listed = read(new, results).listed.set_index("image_id")
    assert listed["copy_of"].dropna().to_dict() == {"good/exact.png": "good/2.png", "bad/turned.png": "bad/3.png"}


def test_copies_among_new_images_share_a_group(tmp_path, results):
    for name, seed in {"a": 100, "b": 101, "c": 100}.items():
        write(tmp_path / f"new/good/{name}.png", draw(seed))
    group = read(tmp_path / "new", results).listed.set_index("image_id")["group"]
    assert group["good/a.png"] == group["good/c.png"] != group["good/b.png"]


def test_files_that_cannot_be_read_are_kept_with_the_reason(tmp_path, results):
    write(tmp_path / "new/good/a.png", draw(100))
    (tmp_path / "new/good/broken.png").write_bytes(b"no image")
    new = read(tmp_path / "new", results)
    assert list(new.listed["reason"].notna()) == [False, True]
    assert list(new.facts["image_id"]) == ["good/a.png"]
    assert new.facts["brightness"].between(1, 254).all()
    assert pd.isna(new.facts["copy_of"]).all()
