"""Summing up a study: accuracies with intervals, settings chosen on validation alone, agreement of errors."""

import json

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.studies.summarise import Varied, summarise

CLASSES = ["A", "B"]
ROLES = {"train": 40, "validation": 20, "test": 60}


@pytest.fixture
def folder(tmp_path):
    images = [f"{role}-{number}.png" for role, count in ROLES.items() for number in range(count)]
    manifest = pd.DataFrame(
        {
            "image_id": images,
            "path": images,
            "label": [CLASSES[number % 2] for number in range(len(images))],
            "group": [f"g{number // 2}" for number in range(len(images))],
            "role": None,
            "width": 8,
            "height": 8,
            "mode": "L",
            "bits": 8,
            "pixel_hash": images,
            "mask": None,
        }
    ).astype({"role": "string", "mask": "string", "width": "int32", "height": "int32", "bits": "int8"})
    tables.write(manifest, tmp_path / "manifest.parquet", tables.MANIFEST)
    return tmp_path


@pytest.fixture
def answer(folder):
    """Writes the answers of cells in one repeat: the share right in each role, by cell."""

    def write(repeat, right):
        manifest = tables.read(folder / "manifest.parquet")
        role = manifest["image_id"].str.partition("-")[0]
        frames = []
        for cell, shares in right.items():
            hit = np.zeros(len(manifest), dtype=bool)
            for name, share in shares.items():
                at = np.flatnonzero(role == name)
                hit[at[: round(share * len(at))]] = True
            other = manifest["label"].map({"A": "B", "B": "A"})
            frames.append(
                manifest[["image_id", "group", "label"]].assign(
                    cell=cell, repeat=repeat, role=role, predicted=manifest["label"].where(hit, other)
                )
            )
        tables.write(pd.concat(frames), folder / str(repeat) / "answers.parquet", tables.ANSWERS)
        seconds = pd.DataFrame({"cell": list(right), "repeat": repeat, "measure": "seconds", "value": 2.0 + repeat})
        tables.write(seconds, folder / str(repeat) / "measures.parquet", tables.MEASURES)

    return write


def summed_up(folder, cells, best_of=(), repeats=1):
    summarise(
        cells=[Varied(name, name, settings) for name, settings in cells.items()],
        classes=CLASSES,
        best_of=list(best_of),
        answers=[folder / str(repeat) / "answers.parquet" for repeat in range(repeats)],
        measures=[folder / str(repeat) / "measures.parquet" for repeat in range(repeats)],
        manifest=folder / "manifest.parquet",
        output=folder / "study",
    )
    return tables.read(folder / "study/cells.parquet").set_index(["cell", "measure"])


def test_accuracies_have_intervals_and_say_what_stands_behind_them(folder, answer):
    answer(0, {"C 1": {"train": 1.0, "validation": 0.5, "test": 0.75}})
    found = summed_up(folder, {"C 1": {"C": 1}})
    test = found.loc["C 1", "test"]
    assert test["value"] == 0.75
    assert 0.5 < test["low"] < 0.75 < test["high"] < 0.9
    assert (test["images"], test["groups"], test["repeats"]) == (60, 30, 1)


def test_numbers_are_means_over_repeats_with_their_spread(folder, answer):
    for repeat in range(2):
        answer(repeat, {"C 1": {"train": 1.0, "validation": 0.5, "test": 0.75}})
    seconds = summed_up(folder, {"C 1": {"C": 1}}, repeats=2).loc["C 1", "seconds"]
    assert seconds["value"] == 2.5
    assert seconds["spread"] == pytest.approx(np.sqrt(0.5))


def test_out_of_bag_accuracy_has_an_interval_by_groups(folder, answer):
    answer(0, {"a": {"test": 0.7}})
    measures = pd.DataFrame({"cell": ["a"], "repeat": 0, "measure": "oob_groups", "value": 0.75})
    tables.write(measures, folder / "0/measures.parquet", tables.MEASURES)
    hits = {"group": [f"g{group}" for group in range(20)], "right": [4, 2] * 10, "rows": 4}
    tables.write(
        pd.DataFrame(hits).assign(cell="a", repeat=0, measure="oob_groups"), folder / "hits.parquet", tables.HITS
    )
    summarise(
        cells=[Varied("a", "a", {})],
        classes=CLASSES,
        best_of=[],
        answers=[folder / "0/answers.parquet"],
        measures=[folder / "0/measures.parquet"],
        hits=[folder / "hits.parquet"],
        manifest=folder / "manifest.parquet",
        output=folder / "study",
    )
    found = tables.read(folder / "study/cells.parquet").set_index("measure").loc["oob_groups"]
    assert found["value"] == 0.75
    # a group's rows are right or wrong together: twenty groups of standard deviation 0.25
    assert found["high"] - found["low"] == pytest.approx(2 * 2.09 * 0.25 / np.sqrt(19), rel=0.15)


def test_each_repeat_chooses_by_its_own_validation_images_and_never_by_test(folder, answer):
    cells = {"k 5, C 1": {"k": 5, "C": 1}, "k 5, C 2": {"k": 5, "C": 2}}
    answer(0, {"k 5, C 1": {"validation": 0.9, "test": 0.5}, "k 5, C 2": {"validation": 0.6, "test": 0.9}})
    answer(1, {"k 5, C 1": {"validation": 0.6, "test": 0.5}, "k 5, C 2": {"validation": 0.9, "test": 0.7}})
    found = summed_up(folder, cells, best_of=["C"], repeats=2)
    assert found.loc["k 5", "test"]["value"] == pytest.approx((0.5 + 0.7) / 2)
    assert found.loc["k 5", "validation"]["value"] == pytest.approx(0.9)
    assert json.loads(found.loc["k 5", "test"]["settings"]) == {"k": 5, "C": [1, 2]}


def test_cells_that_err_on_the_same_images_agree_fully_and_leave_a_vote_nothing_to_gain(folder, answer):
    shares = {"validation": 0.5, "test": 0.7}
    answer(0, {"a": shares, "b": shares})
    found = summed_up(folder, {"a": {}, "b": {"C": 2}})
    pair = tables.read(folder / "study/agreements.parquet").iloc[0]
    assert pair["error_correlation"] == pytest.approx(1.0)
    assert pair["both_wrong"] == pytest.approx(0.3)
    assert found.loc["*", "vote"]["value"] == found.loc["*", "any_right"]["value"] == pytest.approx(0.7)


def test_any_right_counts_images_that_some_cell_gets_right(folder, answer):
    answer(0, {"a": {"test": 0.7}, "b": {"test": 0.8}})
    found = summed_up(folder, {"a": {}, "b": {"C": 2}})
    assert found.loc["*", "any_right"]["value"] == pytest.approx(0.8)


def test_a_cell_without_results_is_named(folder, answer):
    answer(0, {"a": {"test": 0.7}})
    with pytest.raises(UserError, match="no results of b"):
        summed_up(folder, {"a": {}, "b": {"C": 2}})


def test_choosing_needs_validation_images(folder, answer):
    answer(0, {"a": {"test": 0.7}, "b": {"test": 0.8}})
    answers = tables.read(folder / "0/answers.parquet")
    kept = answers.loc[answers["role"] != "validation"]
    tables.write(kept, folder / "0/answers.parquet", tables.ANSWERS)
    with pytest.raises(UserError, match="best_of: C are chosen on validation images, and there are none"):
        summed_up(folder, {"a": {"C": 1}, "b": {"C": 2}}, best_of=["C"])
