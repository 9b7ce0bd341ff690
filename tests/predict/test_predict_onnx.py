"""The script that is handed over with a model gives the samples and verdicts of gradewise."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from gradewise.config.views import View
from gradewise.images.decode import decode, to_uint8
from gradewise.judgement.record import Judgement
from gradewise.judgement.shares import Shares
from gradewise.predict import load_predictor, predict_onnx
from gradewise.predict.artefact import Artefact, ArtefactMember
from gradewise.predict.export import export_onnx, write_script
from gradewise.predict.loading import read_parts
from gradewise.views.apply import make_samples

VIEWS = {
    "smaller": ["rgb", {"resize": [37, 41]}],
    "a whole fraction": ["grey", {"resize": [30, 20]}],
    "half": ["rgb", {"resize": [60, 50]}],
    "larger": ["rgb", {"resize": [150, 210]}],
    "larger and smaller": ["grey", {"resize": [150, 30]}],
    "the same": ["grey", {"resize": [120, 100]}],
    "whole in a square": ["rgb", {"resize": {"side": 31, "keep_aspect": "pad"}}],
    "middle square": ["grey", {"resize": {"side": 31, "keep_aspect": "crop"}}],
    "polar": ["rgb", {"resize": [64, 90]}, "polar", {"crop": {"top": 0, "left": 3, "height": 32, "width": 80}}],
    "middle": ["grey", {"centre_crop": 33}, {"resize": 50}],
    "all tiles": ["rgb", {"tile": 24}, {"resize": 16}],
    "typical tile": ["grey", {"tile": 24, "keep": "typical"}],
    "overlapping tiles": ["grey", {"tile": 24, "stride": 10}],
    "middle tile": ["rgb", {"tile": 24, "keep": "centre"}],
    "tiles at random": ["grey", {"tile": 24, "keep": "random", "count": 3}],
}


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
@pytest.mark.parametrize("name", VIEWS)
def test_samples_are_those_of_gradewise_bit_for_bit(name, colours):
    view = View.model_validate(VIEWS[name])
    pixels = np.random.default_rng(1).integers(0, 256, (120, 100, *colours), dtype=np.uint8)
    expected, _ = make_samples(pixels, view, np.random.default_rng(2))
    actual = predict_onnx.make_samples(pixels, view.model_dump(mode="json")["operations"], np.random.default_rng(2))
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("shrinks", [True, False])
def test_any_size_is_resampled_bit_for_bit(shrinks):
    rng = np.random.default_rng(3)
    for _ in range(40):
        size, new = rng.integers(9, 200, 2), rng.integers(8, 200, 2)
        new = np.minimum(new, size) if shrinks else new
        view = View.model_validate(["grey", {"resize": new.tolist()}])
        pixels = rng.integers(0, 256, size, dtype=np.uint8)
        actual = predict_onnx.resize(pixels[..., None], new.tolist())
        np.testing.assert_array_equal(actual, make_samples(pixels, view, rng)[0][0])


@pytest.mark.parametrize("keep_aspect", ["pad", "crop"])
@pytest.mark.parametrize("size", [(9, 200), (200, 9), (10, 11), (64, 64)])
def test_proportions_are_kept_as_gradewise_does(size, keep_aspect):
    rng = np.random.default_rng(4)
    view = View.model_validate(["grey", {"resize": {"side": 33, "keep_aspect": keep_aspect}}])
    pixels = rng.integers(0, 256, size, dtype=np.uint8)
    actual = predict_onnx.in_square(pixels[..., None], 33, keep_aspect)
    np.testing.assert_array_equal(actual, make_samples(pixels, view, rng)[0][0])


def pictures():
    """Images of many kinds by file name, with what to save them with."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8))
    alpha = Image.fromarray(rng.integers(0, 256, (40, 30, 4), dtype=np.uint8))
    levels = rng.integers(0, 2**12, (40, 30)).astype(np.uint16)
    hot = np.where(rng.random((40, 30)) < 0.02, 2**16 - 1, levels).astype(np.uint16)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        yield f"lying{orientation}.jpg", colour, {"exif": exif}
    yield from (
        ("grey.png", colour.convert("L"), {}),
        ("line.png", colour.convert("1"), {}),
        ("palette.gif", colour.convert("P"), {}),
        ("palette.png", colour.convert("P"), {"transparency": 3}),
        ("alpha.png", alpha, {}),
        ("grey-alpha.png", alpha.convert("LA"), {}),
        ("alpha.webp", alpha, {"lossless": True}),
        ("print.jpg", colour.convert("CMYK"), {}),
        ("colour.tif", colour, {}),
        ("colour.bmp", colour, {}),
        ("key.png", colour, {"transparency": colour.getpixel((3, 4))}),
        ("deep.png", Image.fromarray(levels), {}),
        ("deep.tif", Image.fromarray(levels), {}),
        ("hot.tif", Image.fromarray(hot), {}),
    )


PICTURES = list(pictures())


@pytest.mark.parametrize(("name", "image", "options"), PICTURES, ids=[name for name, *_ in PICTURES])
def test_files_are_decoded_as_gradewise_does(tmp_path, name, image, options):
    image.save(tmp_path / name, **options)
    expected = decode(tmp_path / name)
    actual = predict_onnx.decode(tmp_path / name, 1)
    np.testing.assert_array_equal(actual, expected.pixels)
    assert predict_onnx.pixel_hash(actual) == expected.pixel_hash()
    np.testing.assert_array_equal(predict_onnx.to_uint8(actual, 12), to_uint8(expected.pixels, 12))


@pytest.mark.parametrize(
    ("name", "image", "options", "reason"),
    [
        ("large.png", Image.new("L", (2000, 1000)), {}, "over max_megapixels: 1"),
        ("frames.gif", Image.new("L", (9, 9)), {"append_images": [Image.new("L", (9, 9), 9)]}, "several frames"),
        ("float.tif", Image.new("F", (9, 9)), {}, "more than 8 bits"),
    ],
)
def test_files_that_need_more_are_refused(tmp_path, name, image, options, reason):
    image.save(tmp_path / name, **options, **({"save_all": True} if options else {}))
    with pytest.raises(predict_onnx.RefusedError, match=reason):
        predict_onnx.decode(tmp_path / name, 1)


def test_sixteen_bits_of_colour_are_refused(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "deep.png"), np.full((20, 20, 3), 5000, np.uint16))
    with pytest.raises(predict_onnx.RefusedError, match="more than 8 bits"):
        predict_onnx.decode(tmp_path / "deep.png", 1)


@pytest.mark.parametrize(("hot", "fits"), [(12, True), (13, False)])
def test_an_image_is_too_deep_where_half_a_neighbourhood_is_as_in_gradewise(tmp_path, hot, fits):
    levels = np.zeros((40, 40), np.uint16)
    levels[10:15, 10:15].flat[:hot] = 2**12
    if not fits:
        levels[11, 9] = 0
    Image.fromarray(levels).save(tmp_path / "deep.png")
    assert (decode(tmp_path / "deep.png").bits <= 12) == fits
    if fits:
        predict_onnx.to_uint8(levels, 12)
    else:
        with pytest.raises(predict_onnx.RefusedError, match="more than the 12 bits"):
            predict_onnx.to_uint8(levels, 12)


@pytest.fixture
def hand_over(tmp_path):
    """A factory: the folder of a run or blend -> a folder with the script, its `model.json` and its ONNX files."""

    def make(run, judgement=None):
        parts, folder = read_parts(run), tmp_path / "handed over"
        members, files = [], {}
        for number, (record, place) in enumerate(zip(parts.records, parts.folders, strict=True)):
            name = f"onnx/{number}.onnx"
            shape = parts.description.views[record.view].operations.shape
            export_onnx(place, folder / name, np.zeros((1, *shape), np.uint8))
            files[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            facts = {"name": record.model, "family": record.family, "view": record.view}
            members.append(ArtefactMember(**facts, folder=f"models/{number}", onnx=name))
        artefact = Artefact(
            format=1,
            name="made-up",
            description=parts.description,
            members=tuple(members),
            blend=parts.blend,
            judgement=judgement,
            versions={},
            files=files,
        )
        (folder / "model.json").write_text(artefact.model_dump_json())
        write_script(parts.description, folder)
        return folder

    return make


def check(run, folder, photos):
    """See that the script gives the verdicts of gradewise."""
    model = predict_onnx.Model(folder)
    verdicts = list(load_predictor(run).predict(sorted(photos.iterdir())))
    assert len({verdict.predicted for verdict in verdicts}) == 2
    for verdict in verdicts:
        predicted, probabilities, samples = model.classify(verdict.path)
        assert (predicted, samples) == (verdict.predicted, verdict.samples)
        np.testing.assert_allclose(probabilities, list(verdict.probabilities.values()), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"aggregate": "vote"},
        {"aggregate": "max", "positive": "bad"},
        {"aggregate": {"top": 2}, "positive": "good"},
        {"costs": {"bad": {"good": 5}, "good": {"bad": 1}}, "decide_by": "cost"},
        {
            "aggregate": "max",
            "positive": "good",
            "costs": {"bad": {"good": 5}, "good": {"bad": 1}},
            "decide_by": "cost",
        },
        {"bits": 12},
    ],
    ids=json.dumps,
)
def test_verdicts_are_those_of_gradewise(make_run, hand_over, tmp_path, settings):
    run = make_run("grey", {"tile": 16, "keep": "random", "count": 3}, **settings)
    check(run, hand_over(run), tmp_path / "photos")


@pytest.mark.parametrize("by", ["probability", "vote"])
@pytest.mark.parametrize("level", ["sample", "image"])
def test_verdicts_of_blends_are_those_of_gradewise(make_blend, hand_over, tmp_path, level, by):
    second = ["grey", {"tile": 16}] if level == "sample" else ["grey", {"resize": 16}]
    run = make_blend(["grey", {"tile": 16}], second, by, level, aggregate="mean")
    check(run, hand_over(run), tmp_path / "photos")


@pytest.mark.parametrize("costs", [{}, {"costs": {"bad": {"good": 5}, "good": {"bad": 1}}, "decide_by": "cost"}])
def test_probabilities_are_adjusted_to_expected_shares_as_by_gradewise(make_run, hand_over, tmp_path, costs):
    run = make_run("grey", {"tile": 16, "keep": "random", "count": 3}, **costs)
    shares = Shares(training={"good": 0.5, "bad": 0.5}, expected={"good": 0.8, "bad": 0.2})
    model = predict_onnx.Model(hand_over(run, Judgement(shares=shares)))
    predictor = replace(load_predictor(run), judgement=Judgement(shares=shares))
    for verdict in predictor.predict(sorted((tmp_path / "photos").iterdir())):
        predicted, probabilities, _ = model.classify(verdict.path)
        assert predicted == verdict.predicted
        np.testing.assert_allclose(probabilities, list(verdict.probabilities.values()), rtol=0, atol=4e-6)


ISOLATED = """
import importlib.abc, runpy, sys

class OnlyThree(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        package = name.partition(".")[0]
        if package not in {"numpy", "PIL", "onnxruntime", *sys.stdlib_module_names}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, OnlyThree())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(script, *arguments):
    """Run the script where nothing but numpy, pillow and onnxruntime is installed."""
    command = [sys.executable, "-I", "-c", ISOLATED, script, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def test_the_script_needs_nothing_but_numpy_pillow_and_onnxruntime(run, hand_over, tmp_path):
    folder, photos = hand_over(run), tmp_path / "photos"
    (photos / "empty.png").touch()
    done = run_alone(folder / "predict_onnx.py", photos)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    verdicts = load_predictor(run).predict(sorted(photos.iterdir()))
    assert [(Path(row["path"]), row["class"]) for row in rows] == [(v.path, v.predicted or "") for v in verdicts]
    assert list(rows[0]) == ["path", "class", "p_good", "p_bad", "samples", "error"]
    assert "cannot identify image file" in rows[-1]["error"]
    written = run_alone(folder / "predict_onnx.py", photos, "--output", tmp_path / "verdicts.csv")
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "verdicts.csv").read_text() == done.stdout


def test_an_altered_model_is_refused(run, hand_over):
    folder = hand_over(run)
    with (folder / "onnx/0.onnx").open("ab") as stream:
        stream.write(b"x")
    done = run_alone(folder / "predict_onnx.py", "photo.png")
    assert done.returncode != 0
    assert "onnx/0.onnx was altered" in done.stderr


def test_operations_and_keys_that_the_script_does_not_know_are_named():
    facts = {"dataset": "made-up", "classes": ["a", "b"], "views": {"soft": {"operations": {"operations": ["grey"]}}}}
    assert predict_onnx.obstacle(facts) is None
    facts["views"]["soft"]["operations"]["operations"] += [{"blur": 2}, {"tile": 16, "keep": "all", "overlap": 2}]
    facts["views"]["soft"]["operations"]["operations"].append({"crop": {"below_data_bar": True}})
    facts |= {"gamma": 2.2, "page": None}
    assert predict_onnx.obstacle(facts) == (
        'predict_onnx.py cannot do gamma: 2.2, {"blur": 2} in the view soft, '
        '{"tile": 16, "keep": "all", "overlap": 2} in the view soft, '
        '{"crop": {"below_data_bar": true}} in the view soft; use gradewise predict'
    )
