import contextlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.aggregation import Top
from gradewise.locks import writing
from gradewise.predict import predict_files
from gradewise.predict.predict import find_images, predict, read_verdicts
from gradewise.verdicts import gather, reclassify
from gradewise.views.shards import shard_names

CLASSES = ["good", "bad"]


def read(path):
    return pd.read_csv(path, keep_default_na=False).set_index("path")


def check(run, photos, aggregate="mean", positive=None, costs=None):
    """See that images have the verdicts that evaluation gathers from the predictions of the run."""
    images = sorted(photos.iterdir())
    output = photos.parent / "checked.csv"
    predict(run, [str(photos)], output)
    samples = reclassify(tables.read(run / "predictions.parquet"), CLASSES, costs)
    labels = samples.groupby("image_id")["label"].first()
    expected = gather(samples, labels, CLASSES, positive, aggregate, costs).set_index("image_id")
    written = read(output)
    assert list(written.index) == [str(image) for image in images]
    expected = expected.loc[[image.name for image in images]]
    assert list(written["class"]) == list(expected["predicted"])
    columns = ["p_good", "p_bad"]
    np.testing.assert_allclose(written[columns].astype(float), expected[columns].to_numpy(), atol=1e-6)
    return written


def test_whole_images_have_the_verdicts_of_the_run(run, tmp_path):
    written = check(run, tmp_path / "photos")
    assert list(written.columns) == ["class", "p_good", "p_bad", "samples", "unknown", "strangeness", "model", "error"]
    assert (written["error"] == "").all()
    assert written["model"].nunique() == 1
    assert (written["samples"] == 1).all()


@pytest.mark.parametrize("grey_range", [None, [0, 255]])
def test_pages_and_numbers_of_a_new_image_are_read_as_those_of_training(make_run, tmp_path, grey_range):
    run = make_run("grey", {"resize": 16}, bits=16, page=2, grey_range=grey_range)
    levels = np.asarray(Image.open(tmp_path / "photos/11.png"))
    tifffile.imwrite(tmp_path / "same.tif", levels)
    scale = 65535 if grey_range is None else 65535 / 255
    tifffile.imwrite(tmp_path / "stack.tif", np.float32([0 * levels, levels / scale]), photometric="minisblack")
    predict(run, [str(tmp_path / "stack.tif"), str(tmp_path / "same.tif")], tmp_path / "out.csv")
    written = read(tmp_path / "out.csv")
    assert written["error"].tolist() == ["", "has one page, and page: 2 is to be read"]
    samples = tables.read(run / "predictions.parquet").set_index("image_id")
    expected = samples.loc["11.png", ["p_good", "p_bad"]].to_numpy(dtype=float)
    np.testing.assert_allclose(written[["p_good", "p_bad"]].iloc[0].astype(float), expected, atol=1e-6)


def test_the_data_bar_of_a_new_image_is_cut_off_where_training_did(make_run, tmp_path):
    run = make_run("grey", {"crop": {"below_data_bar": True}}, {"resize": 16})
    written = check(run, tmp_path / "photos")
    pixels = np.asarray(Image.open(tmp_path / "photos/03.png"))
    settings = "[Image]\nResolutionX=48\nResolutionY={}\n"
    for name, rows, height in (("bar", np.vstack([pixels, pixels[:8]]), 32), ("low", pixels[:20], 15)):
        tags = [(34682, 2, 0, settings.format(height), True)]
        tifffile.imwrite(tmp_path / f"{name}.tif", rows, extratags=tags)
    (verdict,) = predict_files(run, [tmp_path / "bar.tif"])
    assert verdict.probabilities["bad"] == pytest.approx(float(written["p_bad"].iloc[3]))
    (verdict,) = predict_files(run, [tmp_path / "low.tif"])
    assert verdict.error == "48 x 15 pixels above the data bar; the model needs at least 16 a side"


def test_the_highest_tiles_decide_where_the_dataset_says_so(make_run, tmp_path):
    run = make_run("grey", {"tile": 16}, aggregate={"top": 2}, positive="bad")
    assert set(check(run, tmp_path / "photos", Top(top=2), "bad")["samples"]) == {6}


def test_tiles_at_random_are_those_of_training_whatever_the_name_of_the_file(make_run, tmp_path):
    run = make_run("grey", {"tile": 16, "keep": "random", "count": 2})
    written = check(run, tmp_path / "photos")
    moved = tmp_path / "moved/other.png"
    moved.parent.mkdir()
    shutil.copy(tmp_path / "photos/03.png", moved)
    (verdict,) = predict_files(run, [moved])
    assert verdict.probabilities["bad"] == float(written["p_bad"].iloc[3])


@pytest.mark.parametrize(
    ("second", "by", "level", "aggregate"),
    [
        ("resize", "probability", "sample", "mean"),
        ("tiles", "probability", "image", "mean"),
        ("tiles", "vote", "image", "vote"),
        ("tiles", "probability", "image", "max"),
    ],
)
def test_a_blend_has_the_verdicts_that_evaluation_gathers(make_blend, tmp_path, second, by, level, aggregate):
    views = {"resize": ["grey", {"resize": 8}], "tiles": ["grey", {"tile": 16}]}
    settings = {"aggregate": aggregate} | ({"positive": "bad"} if aggregate == "max" else {})
    run = make_blend(["grey", {"resize": 16}], views[second], by, level, **settings)
    check(run, tmp_path / "photos", aggregate, settings.get("positive"))


def test_the_class_of_least_expected_cost_is_predicted_where_cost_decides(make_run, tmp_path):
    costs = {"bad": {"good": 50}, "good": {"bad": 1}}
    run = make_run("grey", {"tile": 16}, costs=costs, decide_by="cost")
    written = check(run, tmp_path / "photos", costs=np.array([[0, 1], [50, 0]]))
    assert ((written["class"] == "bad") & (written["p_bad"] < 0.5)).any()


def test_images_of_sixteen_bits_are_reduced_as_in_training_and_deeper_ones_refused(make_run, tmp_path):
    run = make_run("grey", {"resize": 16}, bits=12)
    check(run, tmp_path / "photos")
    levels = np.random.default_rng(1).integers(0, 2**16, (32, 48)).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match=r"deep.png: uses 16 bits for grey levels, the images of training 12"):
        predict(run, [str(tmp_path / "deep.png")], tmp_path / "out.csv")


def test_a_file_that_cannot_be_used_is_listed_with_the_reason_and_the_others_are_classified(run, tmp_path):
    photos = tmp_path / "photos"
    (photos / "empty.png").touch()
    Image.fromarray(np.zeros((40, 12), np.uint8)).save(photos / "small.png")
    predict(run, [str(photos), str(photos / "none.png")], tmp_path / "out.csv")
    written = read(tmp_path / "out.csv")
    assert written["error"].to_dict() == {str(path): "" for path in sorted(photos.glob("??.png"))} | {
        str(photos / "empty.png"): "the file is empty",
        str(photos / "small.png"): "12 x 40 pixels; the model needs at least 16 a side",
        str(photos / "none.png"): "no such file",
    }
    failed = written.loc[written["error"] != ""]
    assert (failed[["class", "p_good", "p_bad"]] == "").all(axis=None)
    assert (failed["samples"] == 0).all()


def test_an_unforeseen_error_sets_only_its_file_aside(run, tmp_path, monkeypatch):
    from gradewise.predict import predictor

    def fail(path, reading, limit):
        if path.name == "03.png":
            raise RuntimeError("odd")
        return decode(path, reading, limit)

    decode = predictor.decode
    monkeypatch.setattr(predictor, "decode", fail)
    predict(run, [str(tmp_path / "photos")], tmp_path / "out.csv")
    errors = read(tmp_path / "out.csv")["error"]
    assert errors[errors != ""].to_dict() == {
        str(tmp_path / "photos/03.png"): "could not be examined (RuntimeError: odd)"
    }


def test_where_no_file_can_be_classified_the_command_fails_and_the_table_says_why(run, tmp_path):
    (tmp_path / "a.png").touch()
    command = [sys.executable, "-m", "gradewise", "predict", run, tmp_path / "a.png", "--output", tmp_path / "out.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"none of 1 files can be classified, see {tmp_path / 'out.csv'}; " in done.stderr
    assert "Traceback" not in done.stderr
    assert list(read(tmp_path / "out.csv")["error"]) == ["the file is empty"]


def test_folders_are_searched_to_the_bottom_and_patterns_expanded(tmp_path):
    for name in ("a/1.png", "a/b/2.png", "a/.hidden", "c/3.png", "c/4.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [tmp_path / "a", tmp_path / "c/*.png", tmp_path / "none.png"]
    images = find_images([str(name) for name in names])
    assert [str(path.relative_to(tmp_path)) for path in images] == ["a/1.png", "a/b/2.png", "c/3.png", "none.png"]
    with pytest.raises(UserError, match="no file matches"):
        list(find_images([str(tmp_path / "*.gif")]))


def test_images_listed_in_a_table_lie_relative_to_it(tmp_path):
    (tmp_path / "list.csv").write_text("path,remark\na/1.png,x\n'=2.png,y\n")
    assert list(find_images([str(tmp_path / "list.csv")])) == [tmp_path / "a/1.png", tmp_path / "=2.png"]
    (tmp_path / "list.csv").write_text("image;remark\n")
    with pytest.raises(UserError, match=r"list.csv: no column path; its columns: image;remark"):
        list(find_images([str(tmp_path / "list.csv")]))


def test_a_table_is_read_again_as_it_was_before_it_was_made_safe(run, tmp_path):
    photo = tmp_path / "=photo.png"
    shutil.copy(tmp_path / "photos/03.png", photo)
    (tmp_path / "'quoted.png").touch()
    with contextlib.chdir(tmp_path):
        predict(run, ["=photo.png", "'quoted.png"], tmp_path / "out.csv")
    (table,) = read_verdicts(tmp_path / "out.csv", 10)
    assert list(table["path"]) == ["=photo.png", "'quoted.png"]
    assert list(table["error"]) == ["", "the file is empty"]
    assert np.isnan(table["p_good"].iloc[1])
    assert table["p_good"].iloc[0] == np.float32(read(tmp_path / "out.csv")["p_good"].iloc[0])


def test_what_another_model_began_is_discarded_only_where_asked(run, tmp_path):
    output, partial = tmp_path / "out.csv", tmp_path / "out.csv.partial"
    begun = "path,class,p_good,p_bad,samples,model,error\nx.png,good,1,0,1,other,\n"
    partial.write_text(begun)
    with pytest.raises(UserError, match="begun with another model"):
        predict(run, [str(tmp_path / "photos")], output)
    assert partial.read_text() == begun
    predict(run, [str(tmp_path / "photos")], output, discard_others=True)
    assert len(read(output)) == 12


def test_an_empty_folder_is_an_error(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no files in there"):
        predict(run, [str(tmp_path / "empty")], tmp_path / "out.csv")


def test_the_output_may_lie_among_the_images_and_is_never_replaced(run, tmp_path):
    output = tmp_path / "photos/out.csv"
    predict(run, [str(tmp_path / "photos")], output)
    assert len(read(output)) == 12
    with pytest.raises(UserError, match=r"out.csv: exists; delete it"):
        predict(run, [str(tmp_path / "photos")], output)


def test_an_interrupted_command_continues_and_tries_errors_again(run, tmp_path, monkeypatch):
    photos, output = tmp_path / "photos", tmp_path / "out.csv"
    predict(run, [str(photos)], tmp_path / "whole.csv")
    lines = (tmp_path / "whole.csv").read_text().splitlines(keepends=True)
    model = read(tmp_path / "whole.csv")["model"].iloc[0]
    failed = f"{photos / '04.png'},,,,0,,,{model},the file is empty\n"
    partial = tmp_path / "out.csv.partial"
    # the last row was being written
    partial.write_text("".join([*lines[:5], failed, lines[6][:-5]]))
    seen = []
    from gradewise.predict.predictor import Predictor

    original = Predictor.samples_of
    monkeypatch.setattr(Predictor, "samples_of", lambda self, path: seen.append(path.name) or original(self, path))
    predict(run, [str(photos)], output, threads=1)
    assert seen == [f"{number:02d}.png" for number in range(4, 12)]
    pd.testing.assert_frame_equal(read(output), read(tmp_path / "whole.csv"))
    assert not partial.exists()


def shards_of(run, photos, folder, count):
    """Tables of the shards of a folder, each made as a job of its own makes it."""
    made = [folder / f"{name}.csv" for name in shard_names(count)]
    for name, table in zip(shard_names(count), made, strict=True):
        predict(run, [str(photos)], table, threads=1, shard=name)
    return made


@pytest.mark.parametrize("count", [1, 5, 13])
def test_shards_put_together_are_the_whole_and_nothing_is_classified_again(run, tmp_path, monkeypatch, count):
    photos = tmp_path / "photos"
    (photos / "03.png").write_bytes(b"")
    predict(run, [str(photos)], tmp_path / "whole.csv")
    made = shards_of(run, photos, tmp_path, count)
    assert sum(len(read(table)) for table in made) == 12
    from gradewise.predict.predictor import Predictor

    monkeypatch.setattr(Predictor, "samples_of", lambda self, path: pytest.fail(f"{path} is classified again"))
    predict(run, [str(photos)], tmp_path / "joined.csv", threads=1, shards=made)
    assert (tmp_path / "joined.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_images_that_come_while_shards_are_classified_are_classified_in_the_end(run, tmp_path):
    photos = tmp_path / "photos"
    made = shards_of(run, photos, tmp_path, 3)
    shutil.copy(photos / "00.png", photos / "00-again.png")
    predict(run, [str(photos)], tmp_path / "joined.csv", threads=1, shards=made)
    written = read(tmp_path / "joined.csv")
    assert len(written) == 13
    same = written.loc[[str(photos / "00.png"), str(photos / "00-again.png")], ["class", "p_good"]]
    assert same.nunique().tolist() == [1, 1]


def test_an_image_that_two_shards_saw_is_listed_once(run, tmp_path):
    photos = tmp_path / "photos"
    first, second = shard_names(2)
    predict(run, [str(photos)], tmp_path / "1.csv", threads=1, shard=first)
    # comes first, so that the last file of the first shard is now the first one of the second
    shutil.copy(photos / "00.png", photos / "-.png")
    predict(run, [str(photos)], tmp_path / "2.csv", threads=1, shard=second)
    made = [tmp_path / "1.csv", tmp_path / "2.csv"]
    assert len(set(read(made[0]).index) & set(read(made[1]).index)) == 1
    predict(run, [str(photos)], tmp_path / "joined.csv", threads=1, shards=made)
    assert sorted(read(tmp_path / "joined.csv").index) == sorted(map(str, photos.iterdir()))


def test_only_where_no_file_of_all_shards_can_be_classified_the_command_fails(run, tmp_path):
    photos = tmp_path / "photos"
    for photo in sorted(photos.iterdir())[:6]:
        photo.write_bytes(b"")
    made = shards_of(run, photos, tmp_path, 2)
    assert (read(made[0])["error"] != "").all()
    predict(run, [str(photos)], tmp_path / "half.csv", threads=1, shards=made)
    with pytest.raises(UserError, match=r"none of 6 files can be classified, see .*none.csv; .*05.png: "):
        predict(run, [str(tmp_path / "photos/0[0-5].png")], tmp_path / "none.csv", threads=1, shards=made[:1])


def test_shards_of_another_model_are_not_put_together(run, tmp_path):
    made = shards_of(run, tmp_path / "photos", tmp_path, 2)
    fingerprint = read(made[1])["model"].iloc[0]
    made[1].write_text(made[1].read_text().replace(fingerprint, "0123456789ab"))
    with pytest.raises(UserError, match=r"2-of-2.csv: begun with another model"):
        predict(run, [str(tmp_path / "photos")], tmp_path / "joined.csv", threads=1, shards=made)
    assert not (tmp_path / "joined.csv").exists()


def test_a_table_begun_by_another_model_is_not_continued(run, tmp_path):
    partial = tmp_path / "out.csv.partial"
    begun = "path,class,p_good,p_bad,samples,model,error\nx.png,good,0.6,0.4,1,0123456789ab,\n"
    partial.write_text(begun)
    with pytest.raises(UserError, match=r"out.csv.partial: begun with another model; delete it"):
        predict(run, [str(tmp_path / "photos")], tmp_path / "out.csv")
    assert partial.read_text() == begun


def test_batches_do_not_change_verdicts(run, tmp_path, monkeypatch):
    images = sorted((tmp_path / "photos").iterdir())
    (tmp_path / "photos/05.png").write_bytes(b"")
    whole = list(predict_files(run, images))
    monkeypatch.setattr("gradewise.predict.predictor.BATCH_IMAGES", 1)
    assert list(predict_files(run, images, threads=3)) == whole
    assert [verdict.path for verdict in whole] == images
    assert [verdict.error for verdict in whole if verdict.predicted is None] == ["the file is empty"]


def test_file_names_of_any_kind_stay_in_one_row(run, tmp_path):
    names = ["a,b.png", "two\nlines.png", "é.png"]
    for name in names:
        shutil.copy(tmp_path / "photos/00.png", tmp_path / name)
    try:
        shutil.copy(os.fsencode(tmp_path / "photos/00.png"), os.fsencode(tmp_path) + b"/\xff.png")
        names.append("\udcff.png")
    except OSError:
        pass  # the file system takes only UTF-8
    predict(run, [str(tmp_path / name) for name in names], tmp_path / "out.csv")
    written = read(tmp_path / "out.csv")
    shown = ["a,b.png", "two\\nlines.png", "é.png", "\\udcff.png"]
    assert list(written.index) == [str(tmp_path / name) for name in shown[: len(names)]]
    assert written["p_good"].nunique() == 1


def test_no_path_is_taken_for_a_formula_and_the_command_still_continues(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["=1+2.png", "+a.png", "a=b.png"]
    for name in names:
        shutil.copy("photos/00.png", name)
    (tmp_path / "+empty.png").touch()
    images = [*names, "+empty.png"]
    predict(run, images, tmp_path / "out.csv")
    written = read(tmp_path / "out.csv")
    assert list(written.index) == ["'=1+2.png", "'+a.png", "a=b.png", "'+empty.png"]
    (tmp_path / "out.csv").rename("out.csv.partial")
    shutil.copy("photos/00.png", "+empty.png")
    predict(run, images, tmp_path / "out.csv")
    continued = read(tmp_path / "out.csv")
    assert list(continued.index) == list(written.index)
    assert (continued["error"] == "").all()


def test_a_second_command_for_the_same_table_stops_and_leaves_it_to_the_first(run, tmp_path):
    photos, output = tmp_path / "photos", tmp_path / "new/out.csv"
    with writing(output), pytest.raises(UserError, match=r"out.csv: process \d+ on .* is writing this file; wait for"):
        predict(run, [str(photos)], output)
    assert list(output.parent.iterdir()) == []
    predict(run, [str(photos)], output)
    assert list(output.parent.iterdir()) == [output]


def test_a_model_that_was_trained_on_other_samples_is_refused(run, tmp_path):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"view_hash": "0"}))
    with pytest.raises(UserError, match="trained on other samples or classes than"):
        predict_files(run, [])


def test_a_view_that_is_not_described_is_told(run):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"view": "other"}))
    with pytest.raises(UserError, match="its view 'other' is not in"):
        predict_files(run, [])


@pytest.mark.parametrize(
    ("content", "message"), [(None, "does not exist; run the workflow again"), ("{}", "not what the rule describe")]
)
def test_a_missing_or_foreign_description_is_told(run, content, message):
    path = run.parents[2] / "prediction.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        predict_files(run, [])


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(UserError, match=r"neither model.json nor run.json, hence no trained model"):
        predict_files(tmp_path, [])


def test_other_versions_than_in_training_are_told(run, caplog):
    record = json.loads((run / "run.json").read_text())
    record["versions"]["numpy"] = "1.0"
    (run / "run.json").write_text(json.dumps(record))
    predict_files(run, [])
    assert "other versions than in training" in caplog.text
    assert "numpy 1.0 -> " in caplog.text
