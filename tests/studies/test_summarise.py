"""Summing up a study: accuracies with intervals, settings chosen on validation alone, agreement of errors."""

import json

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.images.schemas import MANIFEST
from gradewise.studies.cells import Cell, VariedCells
from gradewise.studies.schemas import predictions_of_cells_schema
from gradewise.studies.summarise import summarise

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
            "pixel_size_nm": None,
            "bar_rows": 0,
            "mask": None,
            "mask_hash": None,
            "file_hash": None,
        }
    ).astype({"width": "int32", "height": "int32", "bits": "int8", "bar_rows": "int32"})
    manifest = manifest.astype(dict.fromkeys(("role", "mask", "mask_hash", "file_hash"), "string"))
    tables.write(manifest, tmp_path / "manifest.parquet", MANIFEST)
    return tmp_path


@pytest.fixture
def answer(folder):
    """Writes the runs of cells in one repeat: the share right in each role, by cell."""

    def write(repeat, right, **record):
        manifest = tables.read(folder / "manifest.parquet")
        role = manifest["image_id"].str.partition("-")[0]
        output = folder / "studies/study" / str(repeat)
        with tables.appending(output / "predictions.parquet", predictions_of_cells_schema(CLASSES)) as append:
            for cell, shares in right.items():
                hit = np.zeros(len(manifest), dtype=bool)
                for name, share in shares.items():
                    at = np.flatnonzero(role == name)
                    hit[at[: round(share * len(at))]] = True
                predicted = manifest["label"].where(hit, manifest["label"].map({"A": "B", "B": "A"}))
                rows = manifest[["image_id", "group", "label"]].assign(sample_id=manifest["image_id"], row=0, column=0)
                sure = {f"p_{name}": (predicted == name).astype("float32") for name in CLASSES}
                append(rows.assign(cell=cell, role=role, predicted=predicted, **sure))
        records = [{"cell": cell, "seconds_fit": 2.0 + repeat, **record} for cell in right]
        (output / "runs.json").write_text(json.dumps(records))

    return write


@pytest.fixture
def summed_up(folder, write_plan):
    """Sums up a study with these cells, by name with what varies."""

    def run(cells, best_of=(), repeats=1, **options):
        common = {"run": "run", "seeded_as": "forest", "family": "forest", "view": "view", "settings": {}}
        made = tuple(Cell(name=name, varied=varied, **common) for name, varied in cells.items())
        write_plan(folder, study=VariedCells(repeats=repeats, best_of=tuple(best_of), cells=made))
        summarise(results=folder, study="study", classes=CLASSES, output=folder / "studies/study", **options)
        return tables.read(folder / "studies/study/cells.parquet").set_index(["cell", "measure"])

    return run


def test_accuracies_have_intervals_and_say_what_stands_behind_them(answer, summed_up):
    answer(0, {"C 1": {"train": 1.0, "validation": 0.5, "test": 0.75}})
    found = summed_up({"C 1": {"C": 1}})
    test = found.loc["C 1", "test"]
    assert test["value"] == 0.75
    assert 0.5 < test["low"] < 0.75 < test["high"] < 0.9
    assert (test["images"], test["groups"], test["repeats"]) == (60, 30, 1)


def test_numbers_are_means_over_repeats_with_their_spread(answer, summed_up):
    for repeat in range(2):
        answer(repeat, {"C 1": {"train": 1.0, "validation": 0.5, "test": 0.75}})
    seconds = summed_up({"C 1": {"C": 1}}, repeats=2).loc["C 1", "seconds"]
    assert seconds["value"] == 2.5
    assert seconds["spread"] == pytest.approx(np.sqrt(0.5))


def test_out_of_bag_accuracy_has_an_interval_by_groups(answer, summed_up):
    hits = {"group": [f"g{group}" for group in range(20)], "right": [4, 2] * 10, "rows": [4] * 20}
    answer(0, {"a": {"test": 0.7}}, oob_groups=0.75, oob_hits={"oob_groups": hits})
    found = summed_up({"a": {}}).loc["a", "oob_groups"]
    assert found["value"] == 0.75
    # a group's rows are right or wrong together: twenty groups of standard deviation 0.25
    assert found["high"] - found["low"] == pytest.approx(2 * 2.09 * 0.25 / np.sqrt(19), rel=0.15)


def test_measures_are_those_that_any_run_records(answer, summed_up):
    counts = {"train": {"samples": 160, "images": 40, "groups": 20}}
    answer(0, {"a": {"test": 0.7}}, peak_memory_mb=None, components=12, converged=True, counts=counts, gamma=None)
    measures = summed_up({"a": {}}).loc["a"]["value"].drop(["train", "validation", "test"])
    assert measures.to_dict() == {"seconds": 2.0, "features": 12.0, "converged": 1.0, "training_rows": 160.0}


def test_samples_are_gathered_as_the_dataset_asks(folder, answer, summed_up):
    answer(0, {"a": {"test": 1.0}})
    path = folder / "studies/study/0/predictions.parquet"
    whole = tables.read(path)
    # each image gets two more samples: one that is nearly sure of the other class, one that leans to the right one
    right = whole["p_A"].where(whole["label"] == "A", whole["p_B"]) > 0
    parts = [whole]
    for place, share in enumerate((0.02, 0.6), 1):
        p_right = np.where(right, share, 1 - share)
        p_A = np.where(whole["label"] == "A", p_right, 1 - p_right).astype("float32")
        parts.append(whole.assign(sample_id=whole["sample_id"] + f"#{place}", p_A=p_A, p_B=1 - p_A))
    with tables.appending(path, predictions_of_cells_schema(CLASSES)) as append:
        append(pd.concat([parts[1], parts[2], parts[2].assign(sample_id=whole["sample_id"] + "#3")]))
    assert summed_up({"a": {}}, aggregate="mean").loc["a", "test"]["value"] == 0
    assert summed_up({"a": {}}, aggregate="vote").loc["a", "test"]["value"] == 1
    # B is found wherever one sample shows it: no image of A is free of it
    found = summed_up({"a": {}}, aggregate="max", positive="B").loc["a", "test"]["value"]
    assert found == 0.5


def test_each_repeat_chooses_by_its_own_validation_images_and_never_by_test(answer, summed_up):
    cells = {"k 5, C 1": {"k": 5, "C": 1}, "k 5, C 2": {"k": 5, "C": 2}}
    answer(0, {"k 5, C 1": {"validation": 0.9, "test": 0.5}, "k 5, C 2": {"validation": 0.6, "test": 0.9}})
    answer(1, {"k 5, C 1": {"validation": 0.6, "test": 0.5}, "k 5, C 2": {"validation": 0.9, "test": 0.7}})
    found = summed_up(cells, best_of=["C"], repeats=2)
    assert found.loc["k 5", "test"]["value"] == pytest.approx((0.5 + 0.7) / 2)
    assert found.loc["k 5", "validation"]["value"] == pytest.approx(0.9)
    assert json.loads(found.loc["k 5", "test"]["settings"]) == {"k": 5, "C": [1, 2]}


def test_cells_get_the_class_of_least_expected_cost_where_cost_decides(folder, answer, summed_up):
    answer(0, {"a": {"test": 1.0}})
    path = folder / "studies/study/0/predictions.parquet"
    unsure = tables.read(path).assign(p_A=np.float32(0.7), p_B=np.float32(0.3), predicted="A")
    with tables.appending(path, predictions_of_cells_schema(CLASSES)) as append:
        append(unsure.loc[unsure["label"] == "B"])
    assert summed_up({"a": {}}).loc["a", "test"]["value"] == 0
    assert summed_up({"a": {}}, costs=[[0, 1], [4, 0]]).loc["a", "test"]["value"] == 1


def test_cells_that_err_on_the_same_images_agree_fully_and_leave_a_vote_nothing_to_gain(folder, answer, summed_up):
    shares = {"validation": 0.5, "test": 0.7}
    answer(0, {"a": shares, "b": shares})
    found = summed_up({"a": {}, "b": {"C": 2}})
    pair = tables.read(folder / "studies/study/agreements.parquet").iloc[0]
    assert pair["error_correlation"] == pytest.approx(1.0)
    assert pair["both_wrong"] == pytest.approx(0.3)
    assert found.loc["*", "vote"]["value"] == found.loc["*", "any_right"]["value"] == pytest.approx(0.7)


def test_any_right_counts_images_that_some_cell_gets_right(answer, summed_up):
    answer(0, {"a": {"test": 0.7}, "b": {"test": 0.8}})
    found = summed_up({"a": {}, "b": {"C": 2}})
    assert found.loc["*", "any_right"]["value"] == pytest.approx(0.8)


def test_a_cell_without_results_is_named(answer, summed_up):
    answer(0, {"a": {"test": 0.7}})
    with pytest.raises(UserError, match="no results of b"):
        summed_up({"a": {}, "b": {"C": 2}})


def test_choosing_needs_validation_images(folder, answer, summed_up):
    answer(0, {"a": {"test": 0.7}, "b": {"test": 0.8}})
    path = folder / "studies/study/0/predictions.parquet"
    kept = tables.read(path).query("role != 'validation'")
    tables.write(kept, path, predictions_of_cells_schema(CLASSES))
    with pytest.raises(UserError, match="best_of: C are chosen on validation images, and there are none"):
        summed_up({"a": {"C": 1}, "b": {"C": 2}}, best_of=["C"])
