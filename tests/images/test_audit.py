import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image, ImageFilter

from gradewise import tables
from gradewise.images.audit import _balance, audit
from gradewise.images.schemas import AUDIT, CLUE_PREDICTIONS
from gradewise.simulate.drawing import smooth_noise

pytestmark = pytest.mark.slow


class World:
    """Sixty made-up pictures of two classes, differing in content alone, that a test may spoil."""

    def __init__(self, folder, make_manifest):
        self.folder = folder
        self.make_manifest = make_manifest
        (folder / "images").mkdir()
        self.rows = []
        for number in range(60):
            rng = np.random.default_rng(number)
            field = smooth_noise(rng, 96, 16)
            levels = 128 + 45 * (field - field.mean()) / field.std() + rng.normal(0, 0.5, field.shape)
            self.add(f"{number:02}.png", "ab"[number % 2], Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)))

    def add(self, name, label, image, **options):
        image.save(self.folder / "images" / name, **options)
        self.rows.append({"image_id": name, "label": label})

    def open(self, name):
        return Image.open(self.folder / "images" / name)

    def audit(self, joined=True, **columns):
        frame = pd.DataFrame(self.rows).assign(**columns)
        frame.to_csv(self.folder / "labels.csv", index=False)
        source = {
            "tables": [{"csv": str(self.folder / "labels.csv"), "images": str(self.folder / "images")}],
            "classes": ["a", "b"],
            "group": "group" if "group" in columns else None,
        }
        return self.check(source, joined)

    def check(self, source, joined=True):
        return self.check_source(self.folder, self.make_manifest, source, joined)

    @staticmethod
    def check_source(folder, make_manifest, source, joined=True):
        files = make_manifest(source, folder, join_duplicates=joined)
        output = folder / "audit"
        clues = folder / "clues.parquet"
        audit(classes=["a", "b"], joined=joined, seed=1, output=output, clue_predictions=clues, **files)
        return tables.read(output)


def finding(check, findings):
    """The only finding of a check."""
    (row,) = findings.loc[findings["check"] == check].itertuples()
    return row


def small_images(folder, deep):
    """Six images of 12 bits, or of 8, in two classes."""
    for number in range(6):
        levels = np.random.default_rng(number).integers(0, 4096 if deep else 200, (40, 48))
        levels[:4] = 200
        path = folder / "data" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(levels.astype(np.uint16 if deep else np.uint8)).save(path)
    return {"images": str(folder / "data"), "classes": ["a", "b"]}


def test_grey_levels_and_white_pixels_are_told(tmp_path, make_manifest):
    source = small_images(tmp_path, deep=False)
    Image.new("L", (48, 40), 255).save(tmp_path / "data" / "b" / "white.png")
    text = finding("grey levels", World.check_source(tmp_path, make_manifest, source)).text
    assert "a median of 201 grey levels, at least 1; on average 14.3 % of pixels are white" in text


def test_images_that_lose_grey_levels_to_a_deeper_one_are_told(tmp_path, make_manifest):
    source = small_images(tmp_path, deep=True)
    levels = np.linspace(0, 65535, 1920).astype(np.uint16).reshape(40, 48)
    Image.fromarray(levels).save(tmp_path / "data" / "b" / "deep.png")
    found = finding("depth", World.check_source(tmp_path, make_manifest, source))
    assert found.severity == "warning"
    assert found.value == 16
    assert "6 of 7 images of more than 8 bits keep at most 16 of 256 grey levels" in found.text
    assert "b/deep.png uses 16" in found.text


def test_one_hot_pixel_loses_no_grey_levels(tmp_path, make_manifest):
    source = small_images(tmp_path, deep=True)
    levels = np.asarray(Image.open(tmp_path / "data" / "b" / "1.png")).copy()
    levels[20, 20] = 65535
    Image.fromarray(levels).save(tmp_path / "data" / "b" / "1.png")
    findings = World.check_source(tmp_path, make_manifest, source)
    assert "depth" not in set(findings["check"])
    assert set(tables.read(tmp_path / "manifest.parquet")["bits"]) == {12}


@pytest.mark.parametrize(
    ("marked", "check", "severity", "words"),
    [
        ((8, 8, 8), "masks", "fact", "masks of class b mark 3.33 % of the pixels on average"),
        ((8, 0, 0), "masks", "fact", "1.11 % of the pixels on average, and 2 of 3 mark nothing"),
        ((8, 0, 8), "empty masks", "notice", "1 of 3 masks of class b mark nothing, e.g. that of b/3.png"),
        ((0, 0, 0), "empty masks", "warning", "none of 3 masks marks anything"),
        ((38, 38, 38), "large masks", "warning", "are they inverted"),
    ],
)
def test_what_masks_mark_is_told(tmp_path, make_manifest, marked, check, severity, words):
    source = small_images(tmp_path, deep=False) | {"masks": str(tmp_path / "masks")}
    (tmp_path / "masks").mkdir()
    for number, side in zip((1, 3, 5), marked, strict=True):
        mask = np.zeros((40, 48), np.uint8)
        mask[:side, :side] = 1
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    found = finding(check, World.check_source(tmp_path, make_manifest, source))
    assert found.severity == severity
    assert words in found.text


@pytest.fixture
def world(tmp_path, make_manifest):
    return World(tmp_path, make_manifest)


def of(found, check):
    return found.loc[found["check"] == check]


def test_clean_images_give_neutral_facts_only(world):
    found = world.audit(operator=["x", "y", "z"] * 20, number=np.arange(60))
    assert set(found["severity"]) == {"fact"}
    assert set(found["check"]) == {"class balance", "clue", "grey levels"}


@pytest.mark.parametrize(("classes", "most", "told"), [(2, 75, False), (2, 76, True), (4, 37, False), (4, 38, True)])
def test_classes_are_out_of_balance_from_one_and_a_half_equal_shares_on(classes, most, told):
    names = [str(number) for number in range(classes)]
    labels = ["0"] * most + [names[1 + number % (classes - 1)] for number in range(100 - most)]
    found = pd.DataFrame(_balance(pd.DataFrame({"label": labels}), names, 0)).set_index("check")
    assert ("class imbalance" in found.index) == told
    if told:
        finding = found.loc["class imbalance"]
        assert (finding["severity"], finding["subject"], finding["value"]) == ("notice", "0", most / 100)
        assert f"{most}.0 % of images are 0" in finding["text"]


def test_copies_under_another_label_are_listed_and_not_dropped(world):
    world.add("copy.png", "b", world.open("00.png"))
    world.add("turned.jpg", "a", world.open("01.png").rotate(90), quality=80)
    found = world.audit()
    conflicts = of(found, "conflicting labels")
    assert conflicts[["image_id", "other_image_id"]].to_numpy().tolist() == [
        ["00.png", "copy.png"],
        ["01.png", "turned.jpg"],
    ]
    assert set(conflicts["severity"]) == {"warning"}
    assert list(of(found, "exact duplicate")["severity"]) == ["notice"]
    assert "rotated by 90°" in of(found, "near duplicate")["text"].iloc[0]
    assert len(tables.read(world.folder / "manifest.parquet")) == 62


def again(world, name):
    """A picture with some of its parts moved by a pixel, as when a scene is taken twice."""
    levels = np.asarray(world.open(name))
    moved = smooth_noise(np.random.default_rng(0), 96, 20) > 0
    return Image.fromarray(np.where(moved, np.roll(levels, 1, axis=1), levels))


def test_a_scene_taken_twice_is_noticed_and_not_joined(world):
    world.add("again.png", "a", again(world, "04.png"))
    found = of(world.audit(), "alike")
    assert list(found["severity"]) == ["notice", "notice"]
    assert "2 of 61 images" in found["text"].iloc[0]
    assert found[["image_id", "other_image_id"]].iloc[1].tolist() == ["04.png", "again.png"]
    assert tables.read(world.folder / "manifest.parquet")["group"].nunique() == 61


def test_look_alikes_of_one_group_are_not_told(world):
    world.add("again.png", "a", again(world, "04.png"))
    assert of(world.audit(group=[*(str(number) for number in range(60)), "4"]), "alike").empty


def test_where_all_images_look_alike_no_pair_is_accused(world):
    rng = np.random.default_rng(1)
    design = smooth_noise(rng, 96, 12)
    for row in world.rows:
        own = smooth_noise(np.random.default_rng(int(row["image_id"][:2])), 96, 8)
        levels = 128 + 40 * design / design.std() + 8 * own / own.std()
        Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).save(world.folder / "images" / row["image_id"])
    found = of(world.audit(), "alike")
    assert list(found["severity"]) == ["fact"]
    assert "too many to conclude that any pair" in found["text"].iloc[0]


def test_copies_that_are_not_joined_are_a_warning(world):
    world.add("copy.png", "a", world.open("00.png"))
    found = world.audit(joined=False)
    assert list(of(found, "exact duplicate")["severity"]) == ["warning"]


def test_a_class_photographed_at_another_size_is_a_warning(world):
    for row in world.rows:
        if row["label"] == "b":
            world.open(row["image_id"]).resize((104, 104)).save(world.folder / "images" / row["image_id"])
    clue = of(world.audit(), "clue").set_index("subject").loc["size"]
    predicted = tables.read(world.folder / "clues.parquet").set_index("image_id")["predicted"]
    truth = pd.DataFrame(world.rows).set_index("image_id")["label"]
    assert (predicted == truth).mean() > 0.9
    assert clue["severity"] == "warning"
    assert clue["value"] == 1.0
    assert clue["baseline"] == pytest.approx(0.5, abs=0.1)


def test_a_size_that_equals_the_label_is_a_warning_also_where_images_are_too_few_to_guess(world):
    world.rows = [row for row in world.rows if row["label"] == "a" or row["image_id"] in ("01.png", "03.png")]
    for image in ("01.png", "03.png"):
        world.open(image).resize((96, 100)).save(world.folder / "images" / image)
    found = world.audit()
    assert "clue" not in set(found["check"])
    assert list(of(found, "clue equals label")["severity"]) == ["warning"]
    assert "size alone separates the classes: no two share a value, in all 32 images" in set(found["text"])


def of_microscope(world, pixel_sizes, bar=0):
    """The images of the world as TIFF files with a tag that tells their scale, perhaps with a black bar below."""
    names = [row["image_id"] for row in world.rows]
    world.rows.clear()
    for number, name in enumerate(names):
        pixels = np.vstack([np.asarray(world.open(name)), np.zeros((bar, 96), np.uint8)])
        size = pixel_sizes[number % 2]
        settings = f"[Scan]\nPixelWidth={size}\n[Image]\nResolutionX=96\nResolutionY=96\n"
        path = world.folder / "images" / f"{number:02}.tif"
        tifffile.imwrite(path, pixels, extratags=[(34682, 2, 0, settings, True)])
        world.rows.append({"image_id": path.name, "label": "ab"[number % 2]})


def test_one_scale_is_a_fact_and_a_data_bar_is_noticed_with_what_cuts_it_off(world):
    of_microscope(world, (2e-9, 2.02e-9), bar=12)
    findings = world.audit()
    assert finding("pixel size", findings).text == "pixels are 2.01 nm wide in all images"
    assert finding("pixel size", findings).severity == "fact"
    bar = finding("data bar", findings)
    assert bar.severity == "notice"
    assert bar.text.startswith("60 of 60 images have a data bar of 12 rows at the bottom")
    assert "crop: {below_data_bar: true}" in bar.text


def test_several_scales_are_a_warning_and_so_is_a_scale_that_goes_with_a_class(world):
    of_microscope(world, (2e-9, 8e-9))
    findings = world.audit()
    assert finding("pixel size", findings).severity == "warning"
    assert "pixels are 2 to 8 nm wide in all images" in finding("pixel size", findings).text
    assert "pixel size" in set(findings.loc[findings["check"] == "clue equals label", "subject"])
    guessed = findings.loc[(findings["check"] == "clue") & (findings["subject"] == "pixel size")]
    assert (guessed["value"].item(), guessed["severity"].item()) == (1, "warning")


def test_a_class_taken_with_another_camera_is_a_warning(world):
    for row in world.rows:
        exif = Image.Exif()
        exif[272] = "north" if row["label"] == "a" else "south"
        world.open(row["image_id"]).save(world.folder / "images" / row["image_id"], exif=exif)
    assert of(world.audit(), "clue").set_index("subject").loc["camera", "severity"] == "warning"


def test_a_class_with_another_border_is_a_notice(world):
    for row in world.rows:
        if row["label"] == "b":
            image = np.array(world.open(row["image_id"]))
            image[:2] = image[-2:] = 250
            Image.fromarray(image).save(world.folder / "images" / row["image_id"])
    assert of(world.audit(), "clue").set_index("subject").loc["border colour", "severity"] == "notice"


def test_a_column_that_equals_the_label_is_a_warning(world):
    codes = [{"a": 1, "b": 2}[row["label"]] for row in world.rows]
    found = of(world.audit(grade_code=codes), "column equals label")
    assert found[["subject", "severity"]].to_numpy().tolist() == [["grade_code", "warning"]]


def test_a_column_that_nearly_determines_the_label_is_noticed(world):
    codes = [{"a": "u", "b": "v"}[row["label"]] for row in world.rows]
    codes[3] = "u"
    assert list(of(world.audit(code=codes), "column predicts label")["subject"]) == ["code"]


def test_a_class_of_few_groups_that_hold_nothing_else_is_noticed(world):
    groups = [f"{row['label']}{number % 3}" for number, row in enumerate(world.rows)]
    found = world.audit(group=groups)
    assert list(of(found, "few groups of a class")["subject"]) == ["a", "b"]
    assert of(found, "groups of one class")["value"].iloc[0] == 1.0


def test_blurred_and_dark_pictures_are_noticed(world):
    blurred = world.open("04.png").filter(ImageFilter.GaussianBlur(8))
    blurred.save(world.folder / "images" / "04.png")
    Image.fromarray(np.asarray(world.open("09.png")) // 8).save(world.folder / "images" / "09.png")
    found = of(world.audit(), "outlier")
    assert set(zip(found["subject"], found["image_id"], strict=True)) >= {("blurred", "04.png"), ("dark", "09.png")}
    assert set(found["image_id"]) == {"04.png", "09.png"}


def test_a_copy_of_a_training_image_among_test_images_is_told(world):
    world.add("copy.jpg", "a", world.open("00.png"), quality=70)
    rows = pd.DataFrame(world.rows)
    rows.iloc[:40].to_csv(world.folder / "train.csv", index=False)
    rows.iloc[40:].to_csv(world.folder / "test.csv", index=False)
    parts = [
        {"csv": str(world.folder / f"{role}.csv"), "images": str(world.folder / "images"), "role": role}
        for role in ("train", "test")
    ]
    source = {"tables": parts, "classes": ["a", "b"]}
    found = of(world.check(source, joined=False), "copy across roles")
    assert list(found["severity"]) == ["warning"]
    assert {"test", "train"} <= set(found["text"].iloc[0].split())


def test_the_command_writes_the_audit(world):
    world.audit()
    command = [sys.executable, "-m", "gradewise.images.audit", "--seed", "1", "--classes", json.dumps(["a", "b"])]
    command += ["--quarantine", str(world.folder / "quarantine.csv")]
    for name in ("manifest", "fingerprints", "duplicates"):
        command += [f"--{name}", str(world.folder / f"{name}.parquet")]
    output = world.folder / "audit-exact"
    clues = world.folder / "clues-exact.parquet"
    outputs = ["--output", str(output), "--clue_predictions", str(clues)]
    subprocess.run([*command, "--joined", "exact", *outputs], check=True, capture_output=True)
    assert tables.read(output).columns.tolist() == AUDIT.names
    assert tables.read(clues).columns.tolist() == CLUE_PREDICTIONS.names
