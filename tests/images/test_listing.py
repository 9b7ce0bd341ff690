import os

import pandas as pd
import pytest

from gradewise.command import UserError
from gradewise.config.sources import Source
from gradewise.images.listing import list_images

CLASSES = ["good", "bad"]


def tables_source(table, **more):
    return Source.model_validate(
        {"tables": [{"csv": str(table), "images": str(table.parent / "data")}], "classes": CLASSES, **more}
    )


def folders_source(folders, **more):
    return Source.model_validate({"images": str(folders), "classes": CLASSES, **more})


def test_a_folder_a_class_gives_labels_and_groups_of_one(folders):
    frame = list_images(folders_source(folders))
    assert frame["label"].value_counts().to_dict() == {"good": 6, "bad": 6}
    assert (frame["group"] == frame["image_id"]).all()
    assert frame["image_id"].tolist() == sorted(frame["image_id"])


def test_a_pattern_on_the_file_name_gives_groups(folders):
    frame = list_images(folders_source(folders, group={"regex": "^(s[0-9])_"}))
    assert frame["group"].value_counts().to_dict() == {"s0": 4, "s1": 4, "s2": 4}


def test_a_pattern_that_does_not_match_names_the_file(folders):
    with pytest.raises(UserError, match=r"12 file names do not match .*s0_0.png"):
        list_images(folders_source(folders, group={"regex": "^(x)_"}))


def test_a_table_column_gives_groups_and_further_columns_stay(table):
    frame = list_images(tables_source(table, group="specimen"))
    assert frame["group"].nunique() == 4
    assert frame["specimen"].tolist() == frame["group"].tolist()
    assert frame["table_width"].tolist() == [str(number) for number in range(12)]


def regroup(table, *values):
    """Replace the specimens of the table; the last value is that of all further images."""
    lines = table.read_text().splitlines()
    for place in range(1, len(lines)):
        image, label, _, width = lines[place].split(",")
        lines[place] = f"{image},{label},{values[min(place, len(values)) - 1]},{width}"
    table.write_text("\n".join(lines) + "\n")


BARCODES = "123456789012345678901", "123456789012345678902"


@pytest.mark.parametrize("pair", [("01", "1"), ("1E1", "10"), ("1.0", "1"), BARCODES, ("nan", "NA"), ("0x1", "1")])
def test_groups_that_differ_as_text_are_different(table, pair):
    regroup(table, *pair, "x")
    assert set(list_images(tables_source(table, group="specimen"))["group"]) == {*pair, "x"}


def test_an_image_whose_group_is_blank_stands_alone_and_numbers_keep_their_names(table):
    regroup(table, "1", "", " ", "1", "2")
    frame = list_images(tables_source(table, group="specimen"))
    counts = frame["group"].value_counts().to_dict()
    assert (counts.pop("1"), counts.pop("2")) == (2, 8)
    assert list(counts.values()) == [1, 1]


def test_a_group_is_the_same_in_two_tables_whatever_else_they_hold(folders):
    for name, further in (("train", ""), ("dev", "old")):
        (folders.parent / name).mkdir()
        (folders.parent / f"{name}.csv").write_text(f"image_id,label,specimen\n1.png,good,1\n2.png,bad,{further}\n")
        for number in (1, 2):
            (folders.parent / name / f"{number}.png").touch()
    sections = [
        {"csv": str(folders.parent / f"{name}.csv"), "images": str(folders.parent / name)} for name in ("train", "dev")
    ]
    frame = list_images(Source.model_validate({"tables": sections, "classes": CLASSES, "group": "specimen"}))
    assert frame["group"].tolist() == ["1", "old", "1", "train/2.png"]


def test_a_group_column_that_one_of_two_tables_lacks_leaves_its_images_alone(folders):
    for name, column in (("train", "specimen"), ("dev", "other")):
        (folders.parent / name).mkdir()
        (folders.parent / f"{name}.csv").write_text(f"image_id,label,{column}\n1.png,good,1\n2.png,bad,1\n")
        for number in (1, 2):
            (folders.parent / name / f"{number}.png").touch()
    sections = [
        {"csv": str(folders.parent / f"{name}.csv"), "images": str(folders.parent / name)} for name in ("train", "dev")
    ]
    frame = list_images(Source.model_validate({"tables": sections, "classes": CLASSES, "group": "specimen"}))
    assert frame["group"].tolist() == ["dev/1.png", "dev/2.png", "1", "1"]


def test_a_folder_that_cannot_be_read_is_named(folders, monkeypatch):
    (folders / "good" / "locked").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"good/locked' cannot be read \(Permission denied\)"):
        list_images(folders_source(folders))


def test_labels_can_be_merged(folders):
    source = Source.model_validate(
        {"images": str(folders), "classes": ["any", "none"], "merge": {"any": ["good"], "none": ["bad"]}}
    )
    assert set(list_images(source)["label"]) == {"any", "none"}


def test_a_byte_order_mark_is_no_part_of_the_first_column(table):
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert len(list_images(tables_source(table))) == 12


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_have_any_name_and_separator(table, separator):
    lines = [line.replace(",", separator) for line in table.read_text().splitlines()]
    header = lines[0].replace("image_id", "file").replace("label", "grade")
    lines = [f"{header}{separator}label", *(f"{line}{separator}x" for line in lines[1:])]
    table.write_text("\n".join(lines))
    section = {"csv": str(table), "images": str(table.parent / "data"), "image_column": "file", "label_column": "grade"}
    source = Source.model_validate({"tables": [section], "classes": CLASSES, "group": "label"})
    frame = list_images(source)
    assert set(frame["label"]) == set(CLASSES)
    assert set(frame["group"]) == {"x"}


def test_two_tables_keep_images_of_the_same_name_apart(folders):
    for name in ("train", "dev"):
        (folders.parent / name).mkdir()
        (folders.parent / f"{name}.csv").write_text("image_id,label\n1.png,good\n")
        (folders.parent / name / "1.png").write_bytes((folders / "good" / "s0_0.png").read_bytes())
    sections = [
        {"csv": str(folders.parent / f"{name}.csv"), "images": str(folders.parent / name), "role": role}
        for name, role in (("train", "train"), ("dev", "test"))
    ]
    frame = list_images(Source.model_validate({"tables": sections, "classes": CLASSES}))
    assert frame["image_id"].tolist() == ["dev/1.png", "train/1.png"]
    assert frame["role"].tolist() == ["test", "train"]


def replace(old, new):
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace("image_id,label", "image,label"), r"no column image_id; its columns: \['image', 'label'"),
        (replace(",", "|"), "no column image_id nor label.*separated by commas"),
        (replace("bad/s0_1.png,bad", "bad/s0_1.png,"), r"1 rows have no label; the first is line 3"),
        (replace("bad/s0_1.png,bad", "bad/s0_1.png,ugly"), r"label that is not among \['good', 'bad'\].*ugly"),
        (replace("bad/s0_1.png", "bad/s0_0.png"), r"repeat an image_id; the first is line 3"),
        (replace("bad/s0_1.png", "../data/bad/s0_1.png"), "point outside the folder"),
        (replace("bad/s0_1.png", "/etc/passwd"), "point outside the folder"),
        (replace("/s", "/x"), r"none of its 12 images is in .*data.* is images: right"),
        (lambda text: "image_id,label\n", "the table has no rows"),
        (replace("image_id,label", "label"), "rows have more cells than the first line has names"),
        (lambda text: "", "not a CSV table"),
    ],
)
def test_a_label_table_that_cannot_be_right_is_explained(table, change, message):
    table.write_text(change(table.read_text()))
    with pytest.raises(UserError, match=message):
        list_images(tables_source(table))


def at_ends(mark):
    def change(text):
        first, *rows = text.splitlines()
        return "\n".join([first, *(row + mark for row in rows)])

    return change


@pytest.mark.parametrize(
    "change",
    [at_ends(","), at_ends(",,"), replace("good/", "good\\"), replace("/", "\\")],
    ids=["comma at ends", "two commas at ends", "some backslashes", "backslashes"],
)
def test_a_label_table_of_another_program_is_read_as_meant(table, change):
    expected = list_images(tables_source(table))
    table.write_text(change(table.read_text()))
    pd.testing.assert_frame_equal(list_images(tables_source(table)), expected)


def test_folders_that_are_no_class_are_named(folders):
    (folders / "ugly").mkdir()
    with pytest.raises(UserError, match=r"\['ugly'\] that are not among the classes"):
        list_images(folders_source(folders))


def test_a_class_without_folder_is_named(folders):
    with pytest.raises(UserError, match=r"no folder for \['worst'\]"):
        list_images(Source.model_validate({"images": str(folders), "classes": [*CLASSES, "worst"]}))


def test_a_loop_of_links_ends(folders):
    (folders / "good" / "loop").symlink_to(folders / "good", target_is_directory=True)
    assert len(list_images(folders_source(folders))) == 12


@pytest.mark.parametrize("name", [".DS_Store", "._s0_0.png", "Thumbs.db", "desktop.ini", "__MACOSX/._s0_0.png"])
@pytest.mark.parametrize("place", [".", "good"])
def test_files_of_operating_systems_are_passed_over(folders, place, name):
    path = folders / place / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    assert len(list_images(folders_source(folders))) == 12


def test_texts_that_microscopes_write_next_to_images_are_passed_over_and_others_listed(folders):
    image = next((folders / "good").iterdir())
    for name in (f"{image.stem}.txt", f"{image.stem}.TXT", "notes.txt"):
        (folders / "good" / name).write_text("$CM_FORMAT JEOL/SEM")
    image.with_stem("alone").write_bytes(image.read_bytes())
    (folders / "bad" / "alone.txt").write_text("of an image in another folder")
    listed = list_images(folders_source(folders))["image_id"]
    assert set(listed[listed.str.endswith("txt")]) == {"good/notes.txt", "bad/alone.txt"}
    assert not listed.str.endswith("TXT").any()


def test_a_group_column_that_is_missing_is_named_with_those_there_are(table):
    with pytest.raises(UserError, match=r"no column 'fruit'.*specimen"):
        list_images(tables_source(table, group="fruit"))


def test_masks_are_found_by_place_with_suffix(folders):
    masks = folders.parent / "masks"
    for path in folders.glob("bad/*.png"):
        (masks / "bad").mkdir(parents=True, exist_ok=True)
        (masks / "bad" / f"{path.stem}_gt.png").touch()
    frame = list_images(folders_source(folders, masks=str(masks), mask_suffix="_gt"))
    assert frame.loc[frame["label"] == "bad", "mask"].notna().all()
    assert frame.loc[frame["label"] == "good", "mask"].isna().all()


def test_folders_of_classes_in_parts_have_roles_and_masks_at_paths_without_the_part(tmp_path):
    for name in ("train/good/1.png", "test/good/1.png", "test/bad/1.png", "test/bad/2.png"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(b"")
    (tmp_path / "masks/bad").mkdir(parents=True)
    (tmp_path / "masks/bad/1_mask.png").write_bytes(b"")
    parts = [{"images": str(tmp_path / "data" / role), "role": role} for role in ("train", "test")]
    source = {"tables": parts, "classes": CLASSES, "masks": str(tmp_path / "masks"), "mask_suffix": "_mask"}
    # as a step gets it, with all defaults
    whole = Source.model_validate(Source.model_validate(source).model_dump())
    frame = list_images(whole).set_index("image_id")
    assert frame["role"].to_dict() == {
        "test/bad/1.png": "test",
        "test/bad/2.png": "test",
        "test/good/1.png": "test",
        "train/good/1.png": "train",
    }
    assert frame.loc["test/bad/1.png", "label"] == "bad"
    assert frame["mask"].dropna().to_dict() == {"test/bad/1.png": str(tmp_path / "masks/bad/1_mask.png")}


def test_a_part_without_a_folder_of_any_class_is_refused(tmp_path):
    (tmp_path / "train/ugly").mkdir(parents=True)
    source = Source.model_validate({"tables": [{"images": str(tmp_path / "train")}], "classes": CLASSES})
    with pytest.raises(UserError, match=r"tables: .*train has no folder for \['good', 'bad'\]"):
        list_images(source)


def test_columns_of_a_table_need_a_table():
    with pytest.raises(ValueError, match="those of a label table; give its csv"):
        Source.model_validate({"tables": [{"images": "data", "label_column": "grade"}], "classes": CLASSES})


def test_masks_of_one_stem_for_two_images_are_refused(folders):
    masks = folders.parent / "masks"
    masks.mkdir()
    (masks / "s0_0.png").touch()
    with pytest.raises(UserError, match=r"would be the mask of \['bad/s0_0.png', 'good/s0_0.png'\]"):
        list_images(folders_source(folders, masks=str(masks)))


def test_a_wrong_mask_suffix_is_explained(folders):
    masks = folders.parent / "masks"
    masks.mkdir()
    (masks / "s0_0_gt.png").touch()
    with pytest.raises(UserError, match="mask_suffix"):
        list_images(folders_source(folders, masks=str(masks)))


def test_a_positive_image_without_mask_is_refused_where_masks_label_tiles(folders):
    masks = folders.parent / "masks"
    (masks / "bad").mkdir(parents=True)
    (masks / "bad" / "s0_0.png").touch()
    with pytest.raises(UserError, match="5 images of class bad have no mask"):
        list_images(folders_source(folders, masks=str(masks), labels_from="masks", positive="bad"))
