from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation import positions
from gradewise.evaluation.positions import Gathering, Images, Names, Predictions, read_images, read_predictions
from gradewise.families.schemas import predictions_schema
from gradewise.images.schemas import MANIFEST
from gradewise.verdicts import gather

CLASSES = ["good", "bad"]


def manifest(folder: Path, names: list[str]) -> Path:
    frame = pd.DataFrame({"image_id": names, "label": np.resize(CLASSES, len(names)), "camera": "old"})
    frame["group"] = [f"g{place // 2}" for place in range(len(names))]
    missing = [field for field in MANIFEST if field.name not in frame]
    frame = frame.assign(**{field.name: None if field.nullable else 0 for field in missing})
    text = [field.name for field in missing if pa.types.is_string(field.type) and not field.nullable]
    tables.write(frame.astype(dict.fromkeys(text, "str")), folder / "manifest.parquet", MANIFEST)
    return folder / "manifest.parquet"


def tiles(images: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Predictions of one tile for each entry."""
    chances = np.random.default_rng(seed).dirichlet([1, 1], len(images)).astype(np.float32)
    frame = pd.DataFrame({"image_id": images, "group": "g0", "role": "test", "row": 0, "label": "good"})
    frame["column"] = np.arange(len(images))
    frame["sample_id"] = [f"{image}#{column}" for image, column in zip(images, frame["column"], strict=True)]
    frame["predicted"] = np.take(CLASSES, chances.argmax(axis=1))
    return frame.assign(**{f"p_{name}": chances[:, place] for place, name in enumerate(CLASSES)})


def read(folder: Path, frame: pd.DataFrame, known: Images) -> Predictions:
    path = folder / "predictions.parquet"
    tables.write(frame.astype({"row": "int32", "column": "int32"}), path, predictions_schema(CLASSES))
    return read_predictions(path, known, CLASSES, None, samples=True)


def test_names_are_found_at_their_positions_and_others_nowhere() -> None:
    names = Names(pa.array(["b", "a", "ä"]))
    assert names.positions(pa.array(["ä", "c", "b", "b"])).tolist() == [2, -1, 0, 0]
    assert Names(pa.array([], pa.string())).positions(pa.array(["a"])).tolist() == [-1]


def test_names_with_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd.util, "hash_array", lambda values, categorize: np.zeros(len(values), np.uint64))
    assert Names(pa.array(["b", "a"])).positions(pa.array(["a", "c", "b"])).tolist() == [1, -1, 0]


def test_images_are_known_by_name_whatever_the_order_of_the_manifest(tmp_path: Path) -> None:
    known = read_images(manifest(tmp_path, ["c", "a", "b"]), ["bad", "good"])
    assert known.names.names.to_pylist() == ["a", "b", "c"]
    assert list(known.label) == ["bad", "good", "good"]
    assert known.truth.tolist() == [0, 1, 1]
    assert known.groups.names.to_pylist() == ["g0", "g1"]


@pytest.mark.parametrize("aggregate", ["mean", "vote", "max"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_verdicts_gathered_in_parts_are_those_gathered_at_once(tmp_path, aggregate, shuffled, monkeypatch) -> None:
    names = [f"i{place:02d}" for place in range(20)]
    known = read_images(manifest(tmp_path, names), CLASSES)
    images = np.repeat(names, 3)
    frame = tiles(np.random.default_rng(1).permutation(images) if shuffled else images)
    monkeypatch.setattr(positions, "BATCH", 7)
    parts: list[pd.DataFrame] = []
    made = Gathering(CLASSES, "bad", aggregate, None).gather(
        read(tmp_path, frame, known), known, lambda part: parts.append(part.copy())
    )
    made = made.table()
    assert len(parts) > 5
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), made)
    labels = pd.Series(np.resize(CLASSES, 20), index=names)
    expected = gather(frame, labels, CLASSES, "bad", aggregate)
    assert known.names.take(made["image_id"].to_numpy()).to_pylist() == expected["image_id"].tolist()
    for column in ("label", "predicted", "p_good", "p_bad", "role"):
        assert made[column].tolist() == expected[column].tolist()


def test_an_image_that_the_manifest_lacks_is_named(tmp_path: Path) -> None:
    known = read_images(manifest(tmp_path, ["a", "b"]), CLASSES)
    with pytest.raises(UserError, match="image 'c' has the label nan"):
        read(tmp_path, tiles(np.array(["a", "c"])), known)


def test_an_image_whose_label_is_no_class_is_named(tmp_path: Path) -> None:
    known = read_images(manifest(tmp_path, ["a", "b"]), ["good", "fair"])
    with pytest.raises(UserError, match="image 'b' has the label 'bad'"):
        read_predictions(_written(tmp_path), known, CLASSES, None, samples=False)


def _written(folder: Path) -> Path:
    frame = tiles(np.array(["a", "b"])).astype({"row": "int32", "column": "int32"})
    tables.write(frame, folder / "predictions.parquet", predictions_schema(CLASSES))
    return folder / "predictions.parquet"
