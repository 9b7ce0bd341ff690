"""The monitor on sets of new images, from their tables on."""

import json

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.deployment import monitor as module
from gradewise.deployment.monitor import monitor
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.images.schemas import FINGERPRINTS
from gradewise.judgement.shares import Shares
from gradewise.predict.artefact import Artefact

CLASSES = ["good", "bad"]


def verdicts(images, share, seed):
    """Verdicts with probabilities near 0 and 1; a share is bad."""
    rng = np.random.default_rng(seed)
    bad = np.clip(np.where(rng.random(images) < share, 0.9, 0.1) + rng.normal(0, 0.03, images), 0, 1)
    frame = pd.DataFrame({"path": [f"{seed}/{number}.png" for number in range(images)]})
    frame["class"] = np.where(bad >= 0.5, "bad", "good")
    return frame.assign(p_good=(1 - bad).astype("float32"), p_bad=bad.astype("float32"))


def statistics(images, brightness, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "brightness": rng.normal(brightness, 10, images),
            "contrast": rng.normal(40, 5, images),
            "sharpness": rng.lognormal(5, 0.5, images),
            "width": 300,
            "height": 200,
            "pixel_size_nm": np.nan,
        }
    )


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """A factory: share of bad images and brightness of each set -> the table and the text of the page."""

    def run(*sets, fitted="training", images=300, shares=None):
        results = tmp_path / "results"
        description = {"dataset": "d", "classes": CLASSES, "positive": "bad", "aggregate": "mean", "costs": None}
        description |= {"labels_from": "images", "bits": 8, "min_side": 16, "max_megapixels": 200, "seed": 1}
        description |= {"views": {}, "versions": {}}
        artefact = {"format": 1, "name": "forest", "description": description, "versions": {}, "files": {}}
        artefact["members"] = [{"name": "forest", "family": "forest", "view": "v", "folder": "models/forest"}]
        artefact["judgement"] = {"shares": None if shares is None else shares.model_dump()}
        artefact["fitted_on"] = {"images": 9, "groups": 9, "per_class": {}, "what": fitted, "manifest": ""}
        read = Artefact.model_validate_json(json.dumps(artefact))
        monkeypatch.setattr(module, "read_artefact", lambda folder: read)
        tested = verdicts(images, 0.3, 0).rename(columns={"class": "predicted", "path": "image_id"})
        tested = tested.assign(model="forest", repeat=np.int32(0), role="test", label="good", group=tested["image_id"])
        tables.write(tested, results / "verdicts.parquet", verdicts_schema(CLASSES))
        known = statistics(images, 100, 1).assign(image_id=tested["image_id"], group=tested["image_id"])
        known[["image_id", "group", "width", "height", "pixel_size_nm"]].to_parquet(results / "manifest.parquet")
        prints = {name: np.zeros(images) for name in FINGERPRINTS.names} | {"image_id": known["image_id"]}
        prints |= {name: known[name] for name in ("brightness", "contrast", "sharpness")}
        pd.DataFrame(prints).to_parquet(results / "fingerprints.parquet")
        (results / "applied").mkdir(exist_ok=True)
        names = [f"month-{number}" for number in range(1, 1 + len(sets))]
        for number, (name, (share, brightness)) in enumerate(zip(names, sets, strict=True), start=10):
            made = verdicts(images, share, number)
            if shares is not None:
                made = (
                    shares.adjust_verdicts(made, CLASSES).drop(columns="class").rename(columns={"predicted": "class"})
                )
            made.to_parquet(results / f"applied/{name}.parquet")
            facts = statistics(images, brightness, 100 + number).assign(path=made["path"], group=made["path"])
            facts.to_parquet(results / f"applied/{name}-images.parquet")
        paths = {"output": tmp_path / "monitor.parquet", "page": tmp_path / "monitor.html"}
        monitor(dataset="d", results=results, model=tmp_path, names=names, seed=1, **paths)
        return tables.read(paths["output"]), paths["page"].read_text()

    return run


def alarms(table):
    told = table.loc[table["alarm"].fillna(False).astype(bool)]
    return {(row.score, row.name) for row in told.itertuples(index=False)}


def test_as_long_as_nothing_changes_there_is_no_alarm(follow):
    table, page = follow(*[(0.3, 100)] * 4)
    assert alarms(table) == set()
    assert "No change in images or verdicts is shown" in page
    share = table.loc[(table["score"] == "bad") & (table["name"] == "month-1")].iloc[0]
    assert share["low"] < share["value"] < share["high"]


def test_verdicts_with_adjusted_probabilities_are_compared_with_tested_ones_adjusted_alike(follow):
    shares = Shares(training={"good": 0.5, "bad": 0.5}, expected={"good": 0.95, "bad": 0.05})
    table, _ = follow(*[(0.3, 100)] * 2, shares=shares)
    assert alarms(table) == set()
    assert table.loc[table["score"] == "bad", "value"].max() < 0.2


def test_a_change_is_named_with_the_set_that_showed_it_first(follow):
    table, page = follow((0.3, 100), (0.3, 100), (0.3, 108), (0.6, 108))
    assert ("brightness", "month-3") in alarms(table)
    assert ("bad", "month-4") in alarms(table)
    assert {score for score, name in alarms(table) if name in ("month-1", "month-2")} == set()
    assert "brightness (since month-3)" in page


def test_a_further_set_changes_nothing_that_was_told_before(follow):
    sets = [(0.3, 100), (0.4, 103), (0.5, 106)]
    before, _ = follow(*sets[:2])
    after, _ = follow(*sets)
    kept = after.loc[after["name"] != "month-3"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


def test_a_model_that_has_learnt_from_all_images_has_the_first_set_as_its_reference(follow):
    table, page = follow((0.6, 100), (0.6, 100), fitted="all")
    of_verdicts = table.loc[table["score"] == "bad"]
    assert of_verdicts["evidence"].isna().tolist() == [True, False]
    assert alarms(table) == set()
    assert "the first set, month-1" in page
    table, _ = follow((0.6, 100), (0.6, 100))
    assert ("bad", "month-1") in alarms(table)
