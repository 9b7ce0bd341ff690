"""Labels worth a second look, on verdicts whose wrong labels are known."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.section import to_json
from gradewise.config.sources import Source
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.images.corrections import Correction, Corrections
from gradewise.images.listing import read_corrections
from gradewise.judgement.suspect_labels import suspect_labels
from gradewise.judgement.suspects import find_suspects, judges, pool_tests

CLASSES = ["A", "B", "C"]


def verdicts_on(images=90, wrong=(3, 40, 77), sure=0.9, classes=CLASSES):
    """What a model said of images whose labels are right but for some; it is right about all."""
    truth = np.arange(images) % len(classes)
    labels = truth.copy()
    labels[list(wrong)] = (labels[list(wrong)] + 1) % len(classes)
    chances = np.full((images, len(classes)), (1 - sure) / (len(classes) - 1))
    chances[np.arange(images), truth] = sure
    # no two images are alike
    chances = chances + np.linspace(0, 0.02, images)[:, None] * (np.arange(len(classes)) - 1)
    frame = pd.DataFrame(chances, columns=[f"p_{name}" for name in classes])
    ids = [f"{number:02d}.png" for number in range(images)]
    return frame.assign(image_id=ids, group=ids, label=np.take(classes, labels), tests=1)


def test_wrong_labels_are_found_and_no_others_where_the_model_is_sure():
    suspects = find_suspects(verdicts_on(), CLASSES)
    assert set(suspects["image_id"]) == {"03.png", "40.png", "77.png"}
    assert (suspects["probability"] > 0.85).all()
    assert suspects["predicted"].tolist() != suspects["label"].tolist()


def test_the_least_probable_label_comes_first():
    suspects = find_suspects(verdicts_on(), CLASSES)
    assert suspects["probability_of_label"].is_monotonic_increasing


def test_labels_that_models_agree_with_are_not_doubted():
    assert find_suspects(verdicts_on(wrong=()), CLASSES).empty


@pytest.mark.parametrize("images", [1, 2, 5])
def test_few_images_and_classes_without_any_are_no_error(images):
    assert len(find_suspects(verdicts_on(images, wrong=()), CLASSES)) == 0


def test_labels_are_not_doubted_where_one_class_alone_was_tested():
    frame = verdicts_on()
    assert find_suspects(frame.loc[frame["label"] == "A"], CLASSES).empty


def test_a_class_that_a_model_rarely_predicts_is_not_doubted_as_a_whole():
    """Confident learning asks whether a label is less probable than its class usually is."""
    frame = verdicts_on(wrong=())
    rare = frame["label"] == "C"
    frame.loc[rare, ["p_A", "p_B", "p_C"]] = [0.4, 0.25, 0.35]
    assert find_suspects(frame, CLASSES).empty


def verdicts(**columns):
    frame = pd.DataFrame({"role": "test", "model": "m", "repeat": 0, "label": "A", "predicted": "A", **columns})
    return frame.assign(group=frame["image_id"], p_C=0.0, p_B=1 - frame["p_A"])


def test_only_tests_of_the_models_that_count_are_pooled():
    rows = verdicts(
        image_id=["a", "a", "a", "b", "a"],
        p_A=[0.2, 0.4, 0.9, 0.7, 0.9],
        repeat=[0, 1, 2, 0, 0],
        role=["test", "test", "train", "test", "test"],
        model=["m", "m", "m", "m", "other"],
    )
    pooled = pool_tests(rows, ["m"], CLASSES).set_index("image_id")
    assert pooled["p_A"].to_dict() == pytest.approx({"a": 0.3, "b": 0.7})
    assert pooled["tests"].to_dict() == {"a": 2, "b": 1}


def test_all_models_count_where_none_is_recommended():
    assert judges("b", ("a", "b")) == ("b",)
    assert judges(None, ("a", "b")) == ("a", "b")


@pytest.fixture
def results(tmp_path):
    """Results of a dataset with three wrong labels, one of an image whose name looks like a formula."""
    folder = tmp_path / "results/fruit"
    folder.mkdir(parents=True)
    pooled = verdicts_on().replace({"image_id": {"40.png": "=40.png"}})
    rows = pooled.drop(columns="tests").assign(model="forest", repeat=0, role="test", predicted="A")
    types = {"repeat": "int32"} | {f"p_{name}": "float32" for name in CLASSES}
    tables.write(rows.astype(types), folder / "verdicts.parquet", verdicts_schema(CLASSES))
    paths = pooled[["image_id"]].assign(path="photos/" + pooled["image_id"])
    paths.to_parquet(folder / "manifest.parquet")
    (folder / "plan").mkdir()
    settings = Dataset.model_validate({"images": "photos", "classes": CLASSES, "models": ["forest"]})
    (folder / "plan/settings.json").write_text(to_json(settings))
    (folder / "recommendation.json").write_text(json.dumps({"choice": "forest"}))
    (folder / "read").mkdir()

    def run(*decided):
        corrections = Corrections(file="relabel.csv", sha256="0", decided=decided)
        (folder / "read/corrections.json").write_text(corrections.model_dump_json())
        files = {
            "output": folder / "suspects.parquet",
            "table": folder / "table.csv",
            "relabel": folder / "relabel.csv",
        }
        suspect_labels(dataset="fruit", results=folder, **files)
        return SimpleNamespace(**files)

    return run


def test_the_tables_list_suspects_and_hold_no_formulas(results):
    files = results()
    listed = tables.read(files.output)
    assert listed["image_id"].tolist() == ["77.png", "03.png", "=40.png"]
    assert pd.read_csv(files.table)["image_id"].tolist() == ["77.png", "03.png", "'=40.png"]
    assert pd.read_csv(files.table)["path"].tolist() == [f"photos/{name}" for name in listed["image_id"]]


def test_what_was_decided_is_not_asked_again_and_stays_in_the_table_to_fill_in(results):
    files = results(
        Correction(image_id="03.png", label="B", corrected="A"),
        Correction(image_id="50.png", label="C", corrected="exclude"),
    )
    assert tables.read(files.output)["image_id"].tolist() == ["77.png", "=40.png"]
    rows = pd.read_csv(files.relabel, keep_default_na=False)
    assert rows["image_id"].tolist() == ["03.png", "50.png", "77.png", "'=40.png"]
    assert rows["corrected"].tolist() == ["A", "exclude", "", ""]


def test_the_table_to_fill_in_is_one_that_the_configuration_takes(results, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(results().relabel.read_text().replace("40.png,C,", "40.png,C,B"))
    corrections = read_corrections(Source(images="photos", classes=CLASSES, corrections=str(path)))
    assert corrections.decided == (Correction(image_id="=40.png", label="C", corrected="B"),)
