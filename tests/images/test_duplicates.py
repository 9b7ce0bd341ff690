import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import symmetry, tables
from gradewise.images.decode import decode
from gradewise.images.duplicates import candidates, find_duplicates
from gradewise.images.fingerprints import SIDE, fingerprint, square
from gradewise.simulate.drawing import smooth_noise

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 200, 160


def picture(seed, alike=False):
    """A textured grey picture; pictures that are `alike` share a strong pattern and differ in fine speckle only."""
    rng = np.random.default_rng(seed)
    own = smooth_noise(rng, WIDTH, 20)
    field = smooth_noise(rng, WIDTH, 6) + own
    if alike:
        stripes = 4 * np.sign(np.sin(np.arange(WIDTH) / 9))[:, None] * np.ones(WIDTH)
        field = stripes + smooth_noise(np.random.default_rng(0), WIDTH, 8) + 0.8 * own
    scaled = 128 + field / np.abs(field).max() * 110 + rng.normal(0, 1, field.shape)
    return Image.fromarray(np.clip(scaled[:HEIGHT], 0, 255).astype(np.uint8))


def turned(image, element):
    array = np.asarray(image)
    return Image.fromarray(np.ascontiguousarray(np.rot90(array[:, ::-1] if element > 3 else array, element % 4)))


def cropped(image, *shares):
    left, top, right, bottom = shares
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round(width - right * width), round(height - bottom * height))
    )


@pytest.fixture
def search(tmp_path):
    """Writes pictures (name, picture, options to save with) and looks for pairs of given kinds among them."""

    def run(*named, kinds=("exact", "near")):
        rows = []
        for name, image, options in named:
            image.save(tmp_path / name, **options)
            decoded = decode(tmp_path / name)
            facts = {"image_id": name, "path": str(tmp_path / name), "bits": decoded.bits}
            rows.append(facts | {"pixel_hash": decoded.pixel_hash(), **fingerprint(decoded, tmp_path / name)})
        frame = pd.DataFrame(rows)
        thumbnails = np.frombuffer(b"".join(frame["thumbnail"]), dtype=np.uint8).reshape(-1, SIDE, SIDE)
        found = find_duplicates(frame, thumbnails, threads=1)
        return found.loc[found["kind"].isin(kinds)]

    return run


def originals(count=20, alike=False):
    return [(f"{seed:02}.png", picture(seed, alike), {}) for seed in range(1, count + 1)]


def only_pair(found):
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize("alike", [False, True])
def test_pictures_that_are_no_copies_give_no_alarm(search, alike):
    assert search(*originals(alike=alike)).empty


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda image: image, {"quality": 60}),
        (lambda image: image, {"quality": 90}),
        (lambda image: image.resize((100, 80), Image.Resampling.BICUBIC), {}),
        (lambda image: image.resize((300, 240), Image.Resampling.BICUBIC), {}),
        (lambda image: turned(image, 5).resize((120, 150)), {"quality": 75}),
    ],
    ids=["quality 60", "quality 90", "half the size", "larger", "turned, smaller, recompressed"],
)
def test_a_changed_copy_is_found_and_nothing_else(search, alike, change, options):
    given = originals(alike=alike)
    copy = change(given[6][1])
    row = only_pair(search(*given, (f"copy.{'jpg' if options else 'png'}", copy, options)))
    assert {row["image_id"], row["other_image_id"]} == {"07.png", f"copy.{'jpg' if options else 'png'}"}
    assert row["kind"] == "near"
    assert row["similarity"] > 0.995


@pytest.mark.parametrize(("size", "quality"), [((200, 160), 75), ((90, 76), 90)])
def test_a_faint_picture_is_found_however_much_recompression_changes_of_it(search, size, quality):
    faint = [(name, image.point(lambda level: 100 + level // 6), options) for name, image, options in originals(10)]
    row = only_pair(search(*faint, ("copy.jpg", faint[6][1].resize(size), {"quality": quality})))
    assert {row["image_id"], row["other_image_id"]} == {"07.png", "copy.jpg"}


def shaken(image, seed):
    """The scene once more: seen from a slightly other place, so that some parts of it moved by two pixels."""
    levels = np.asarray(image).astype(float)
    there = np.roll(levels, 2, axis=1)
    share = smooth_noise(np.random.default_rng(seed), WIDTH, 40)[:HEIGHT] > 0
    return Image.fromarray(np.where(share, there, levels).astype(np.uint8))


def test_a_scene_taken_twice_is_alike_and_no_copy(search):
    given = [*originals(), ("again.png", shaken(picture(5), 0), {})]
    assert search(*given).empty
    row = only_pair(search(*given, kinds=["alike"]))
    assert (row["image_id"], row["other_image_id"]) == ("05.png", "again.png")
    assert 0.8 <= row["similarity"] < 0.999


@pytest.mark.parametrize("cut", [(0.05, 0.05, 0.05, 0.05), (0.08, 0.01, 0.03, 0.06)])
def test_a_crop_is_found_and_its_share_told(search, cut):
    given = originals()
    row = only_pair(search(*given, ("crop.png", cropped(given[6][1], *cut), {})))
    assert (row["image_id"], row["other_image_id"]) == ("07.png", "crop.png")
    left, top, right, bottom = cut
    assert row["cropped"] == pytest.approx(1 - (1 - left - right) * (1 - top - bottom), abs=0.02)


@pytest.mark.parametrize("element", range(1, symmetry.ORDER))
def test_the_symmetry_that_is_told_turns_one_picture_into_the_other(search, element):
    given = originals(8)
    row = only_pair(search(*given, ("copy.jpg", turned(given[2][1], element), {"quality": 90})))
    pictures = {"03.png": given[2][1], "copy.jpg": turned(given[2][1], element)}
    back = turned(pictures[row["image_id"]], row["symmetry"])
    assert np.array_equal(np.asarray(back), np.asarray(pictures[row["other_image_id"]]))
    assert row["cropped"] == pytest.approx(0, abs=0.01)


def test_equal_pixels_are_found_across_file_formats_and_paired_with_the_first(search):
    given = originals(4)
    found = search(*given, ("copy.tif", given[1][1], {}), ("other.bmp", given[1][1].convert("RGB"), {}))
    assert found[["image_id", "other_image_id", "kind"]].to_numpy().tolist() == [
        ["02.png", "copy.tif", "exact"],
        ["02.png", "other.bmp", "exact"],
    ]


def test_all_eight_turned_copies_of_every_picture_are_found(search):
    eight = [(f"{seed}-{element}.png", turned(picture(seed), element), {}) for seed in range(5) for element in range(8)]
    found = search(*eight)
    sources = found[["image_id", "other_image_id"]].map(lambda name: name[0])
    assert (sources["image_id"] == sources["other_image_id"]).all()
    assert set(found["image_id"]) | set(found["other_image_id"]) == {name for name, _, _ in eight}


def test_lists_of_large_sets_lead_to_the_same_pairs(search, monkeypatch):
    changed = [
        (f"copy{seed}.jpg", cropped(turned(picture(seed), seed % 8), 0.02, 0.06, 0.04, 0.01), {"quality": 80})
        for seed in range(1, 9)
    ]
    given = [*originals(60), ("again.png", shaken(picture(15), 0), {}), *changed]
    of_all = search(*given, kinds=["near", "alike"])
    assert len(of_all) == 9
    monkeypatch.setattr("gradewise.images.duplicates.FEW", len(given) - 1)
    monkeypatch.setattr("gradewise.images.duplicates.MANY", len(given))
    monkeypatch.setattr("gradewise.images.duplicates.PART", 7)
    monkeypatch.setattr("gradewise.images.nearest.PART", 11)
    pd.testing.assert_frame_equal(search(*given, kinds=["near", "alike"]), of_all)


def test_among_many_images_only_those_are_compared_that_look_alike(monkeypatch):
    pictures = [picture(seed) for seed in range(60)]
    copy = pictures[7].resize((100, 80))
    thumbnails = np.stack([square(np.asarray(image), SIDE) for image in (*pictures, copy)])

    def compared(many):
        monkeypatch.setattr("gradewise.images.duplicates.MANY", many)
        return [{match.image, match.other} for matches in candidates(thumbnails) for match in matches]

    assert len(compared(62)) == 61 * 6
    assert len(compared(61)) < 61 * 2
    assert compared(61).count({7, 60}) == 2


def test_one_image_alone_and_blank_images_are_no_copies(search):
    assert search(("a.png", picture(1), {})).empty
    blank = [(f"{level}.png", Image.new("L", (64, 48), level), {}) for level in (10, 20, 30)]
    assert search(*blank).empty


@pytest.mark.parametrize(("join", "groups"), [(True, 6), ("exact", 7), (False, 8)])
def test_copies_share_a_group_as_far_as_the_setting_says(make_manifest, tmp_path, join, groups):
    for label in ("good", "bad"):
        (tmp_path / "data" / label).mkdir(parents=True)
    for seed in range(6):
        picture(seed).save(tmp_path / "data" / "good" / f"{seed}.png")
    picture(2).save(tmp_path / "data" / "bad" / "same.tif")
    turned(picture(3), 1).save(tmp_path / "data" / "bad" / "turned.jpg", quality=70)
    source = {"images": str(tmp_path / "data"), "classes": ["good", "bad"]}
    files = make_manifest(source, tmp_path, join_duplicates=join)
    images = tables.read(files["manifest"])
    assert images["group"].nunique() == groups
    assert list(tables.read(files["duplicates"])["kind"]) == ["exact", "near"]
    assert list(tables.read(files["fingerprints"])["image_id"]) == list(images["image_id"])
