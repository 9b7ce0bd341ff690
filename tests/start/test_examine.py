"""What a configuration's images tell before anything runs."""

import os
import time
from pathlib import Path

import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from gradewise.config.faults import ConfigError
from gradewise.provenance import hash_file
from gradewise.start.examine import examine, require_usable
from gradewise.studies.config import load

FOREST = {"family": "forest", "view": "small"}
SVM = {"family": "pca_svm", "view": "small"}


def config(model=FOREST, **section):
    dataset = {"images": "photos", "classes": ["a", "b"], "models": ["model"], **section}
    return load({"datasets": {"d": dataset}, "views": {"small": ["grey", {"resize": 16}]}, "models": {"model": model}})


def files(folder, count):
    """Files that bear names of images; none of these checks opens one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"s{number // 2}_{number}.png").touch()


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in "ab":
        files(tmp_path / "photos" / label, 200)
    return tmp_path / "photos"


def test_images_that_suffice_have_neither_faults_nor_warnings(photos):
    examined = examine(config())
    assert (examined.faults, examined.warnings) == ([], [])
    assert len(examined.images["d"]) == 400


FAULTS = [
    ({"images": "photo"}, "the folder 'photo' does not exist (looked from"),
    ({"images": "photo"}, "Did you mean 'photos'?"),
    ({"classes": ["a", "B"]}, "has no folder for ['B'].  Its folders"),
    ({"classes": ["a", "bb"]}, "has no folder for ['bb']. Did you mean 'b'? Its folders: ['a', 'b']"),
    ({"group": {"regex": "^(x)"}}, "400 file names do not match '^(x)'"),
    ({"masks": "mask"}, "masks: the folder 'mask' does not exist"),
]


@pytest.mark.parametrize(("section", "message"), FAULTS)
def test_a_fault_is_told_with_its_dataset(photos, section, message):
    with pytest.raises(ConfigError) as told:
        require_usable(config(**section))
    assert "datasets.d: " in str(told.value)
    assert message.replace("  ", " ") in str(told.value)


def test_a_label_of_a_column_that_is_not_there_is_told_with_those_that_are(photos, tmp_path):
    table = pd.DataFrame(
        {"image_id": [f"{label}/{path.name}" for label in "ab" for path in sorted((photos / label).iterdir())]}
    )
    table = table.assign(label=table["image_id"].str[0], flow_rate="100", width="3")
    table.to_csv(tmp_path / "table.csv", index=False)
    tables = {"images": None, "tables": [{"csv": "table.csv", "images": "photos"}]}
    assert require_usable(config(**tables, labels={"flow_rate": "flow rate [µL/min]", "width": "width [mm]"})) == []
    with pytest.raises(ConfigError) as told:
        require_usable(config(**tables, labels={"flowrate": "flow rate [µL/min]"}))
    assert "datasets.d.labels: no column 'flowrate' in the label table. Did you mean 'flow_rate'? Its further" in str(
        told.value
    )
    with pytest.raises(ConfigError, match=r"labels: no column 'width', since there is no label table with further"):
        require_usable(config(labels={"width": "width [mm]"}))


def test_a_missing_folder_of_new_images_is_told(photos):
    assert examine(config(apply={"may": "photos"})).faults == []
    (fault,) = examine(config(apply={"may": "new"})).faults
    assert fault == "datasets.d.apply.may: 'new' is no folder; give a folder of images to classify"


def test_labelled_new_images_may_lack_a_class_but_have_no_unknown_one(photos, tmp_path):
    files(tmp_path / "line-2" / "a", 2)
    section = {"apply": {"second": {"images": "line-2"}}}
    assert examine(config(**section)).faults == []
    files(tmp_path / "line-2" / "bb", 2)
    (fault,) = examine(config(**section)).faults
    assert fault.startswith("datasets.d.apply.second.images: line-2 holds folders ['bb']")
    assert "Did you mean 'b'?" in fault


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({}, "give either images, a folder of class folders, or tables"),
        ({"image": "line-2"}, "unknown key 'image' (value 'line-2'). Did you mean 'images'?"),
        ({"images": "line-2", "labelled": False}, "labelled"),
    ],
)
def test_a_section_of_new_images_says_where_they_are(photos, new, message):
    with pytest.raises(ConfigError) as told:
        config(apply={"second": new})
    assert message in str(told.value)


@pytest.mark.parametrize(("model", "needed"), [(FOREST, 3), (SVM, 4)])
def test_a_class_needs_as_many_images_as_its_models_need_for_training(photos, model, needed):
    for path in sorted((photos / "b").iterdir())[needed:]:
        path.unlink()
    section = {"evaluation": {"folds": 3, "repeats": 1}}
    assert examine(config(model, **section)).faults == []
    next((photos / "b").iterdir()).unlink()
    (fault,) = examine(config(model, **section)).faults
    assert fault.startswith(f"datasets.d: class b has {needed - 1} usable images in {needed - 1} groups")


def test_a_design_that_can_show_little_is_told_with_one_that_shows_more(photos):
    (warning,) = examine(config(evaluation={"holdout": 0.1, "repeats": 1})).warnings
    assert warning.startswith("datasets.d.evaluation: 40 tested images detect a difference of 10 points with")
    assert "{folds: 5, repeats: 1} would test all 400" in warning
    assert examine(config(evaluation={"holdout": 0.1, "repeats": 20})).warnings == []


def test_the_design_that_shows_more_still_trains_on_one_class(photos):
    for path in sorted((photos / "b").iterdir())[20:]:
        path.unlink()
    section = {"positive": "b", "evaluation": {"train_only": "a"}}
    (warning,) = examine(config({"family": "patches", "view": "small"}, **section)).warnings
    assert "{train_only: a, folds: 5, repeats: 1} would test all 220" in warning


def test_fewer_than_five_tested_groups_are_told(photos):
    (warning,) = examine(config(evaluation={"holdout": 0.01, "repeats": 1})).warnings
    assert "4 images are tested, and fewer than 5 are not compared" in warning


def test_where_all_groups_are_tested_their_number_is_what_would_do(photos):
    for label in "ab":
        for path in sorted((photos / label).iterdir())[20:]:
            path.unlink()
    (warning,) = examine(config()).warnings
    assert "40 tested images" in warning
    assert "about 191 would detect it with 80 % power" in warning


def test_more_images_of_the_same_groups_are_no_cure(photos):
    (warning,) = examine(config(group={"regex": "^(s[0-9])"})).warnings
    assert "10 tested groups" in warning
    assert warning.endswith("More images of the same groups help little")


def test_results_can_be_reported_after_their_images_are_gone(photos):
    (photos.parent / "results/d/read").mkdir(parents=True)
    (photos.parent / "results/d/read/images.parquet").touch()
    os.rename(photos, photos.parent / "elsewhere")
    assert examine(config()).faults == []
    assert examine(config(images="elsewhere", classes=["a", "c"])).faults != []


def test_thousands_of_images_take_less_than_a_second(photos):
    for label in "ab":
        files(photos / label, 2500)
    start = time.process_time()
    examine(config())
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "backbones.lite0.weights: there is no file 'lite0.pth'"),
        (b"x", "backbones.lite0.sha256: that of lite0.pth"),
    ],
)
def test_weights_that_are_missing_or_others_are_a_fault(photos, content, message):
    if content is not None:
        Path("lite0.pth").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        require_usable(on_features("lite0", architecture="efficientnet_lite0", weights="lite0.pth", sha256="0" * 64))


def on_features(name, **section):
    """A configuration whose model learns from features of a backbone, on samples of 32 x 32 px."""
    return load(
        {
            "datasets": {"d": {"images": "photos", "classes": ["a", "b"], "models": ["model"]}},
            "views": {"small": ["grey", {"resize": 32}]},
            "backbones": {name: section | {"licence": "MIT", "trained_on": "ImageNet"}},
            "models": {"model": SVM | {"backbone": name}},
        }
    )


def test_a_network_that_cannot_work_with_the_samples_of_a_view_is_a_fault(photos):
    images, maps = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in ("images", "maps")
    )
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["maps"])], "network", [images], [maps])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "network.onnx")
    scale = {"mean": [0.5], "std": [0.5], "sha256": hash_file(Path("network.onnx"))}
    made = on_features("mine", architecture="onnx", weights="network.onnx", layer="maps", **scale)
    with pytest.raises(ConfigError, match=r"backbones.mine, used on the view small: network.onnx: takes samples of 64"):
        require_usable(made)
