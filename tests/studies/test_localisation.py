"""Studies of maps: measures of models with a mean that leaves out images, beside published values, verified or not."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from gradewise.command import UserError
from gradewise.config.faults import ConfigError
from gradewise.report.palette import styles
from gradewise.studies.config import load
from gradewise.studies.kinds.localisation import Study, page

RAW = yaml.safe_load((Path(__file__).parents[1] / "workflow/small.yaml").read_text())
BY_IMAGE = {"near": [0.9, 0.8, 0.7, 0.95], "far": [0.6, 0.5, 0.4, 0.55]}
POOLED = {"near": 0.91, "far": 0.58}


def study(**settings):
    common = {"title": "Maps", "dataset": "fibres", "show": "localisation", "measures": ["auroc", "auroc_by_image"]}
    return Study.model_validate(common | settings)


@pytest.fixture
def evidence():
    """Maps of two models on four images with masks."""
    facts = {"defects": None, "false_alarm_share": 0.05, "images": 4, "groups": 4, "regions": 7}
    rows = [
        {"model": model, "metric": metric, "value": value, "low": value - 0.1, "high": value + 0.05, **facts}
        for model, values in BY_IMAGE.items()
        for metric, value in (("auroc", POOLED[model]), ("auroc_by_image", float(np.mean(values))))
    ]
    located = [
        {"model": model, "repeat": 0, "image_id": f"bad/image{place}.tif", "group": f"g{place}", "auroc": value}
        for model, values in BY_IMAGE.items()
        for place, value in enumerate(values)
    ]
    # a good image has no AUROC
    located.append({"model": "near", "repeat": 0, "image_id": "good/image9.tif", "group": "g9", "auroc": np.nan})
    base = SimpleNamespace(
        localisation=pd.DataFrame(rows),
        located=pd.DataFrame(located),
        models=["far", "near"],
        styles=styles(dict.fromkeys(BY_IMAGE, "patches")),
        runs_of=lambda model: [SimpleNamespace(record={"described_by": f"{model} features"})],
    )
    return SimpleNamespace(base=base)


def test_models_are_shown_with_both_protocols_and_what_their_runs_record(evidence):
    shown = study(columns={"described_by": "Features"}, without=["image2", "image17"])
    _, models, table = page.blocks("maps", shown, evidence)
    assert models.rows == [["far", "far features"], ["near", "near features"]]
    assert [column.heading for column in table.columns] == [
        *("Model", "Pixel AUROC", "Mean of images", "Mean without 1\N{NO-BREAK SPACE}image")
    ]
    assert [row[:2] for row in table.rows] == [
        ["far", "0.580 (0.480 to 0.630)"],
        ["near", "0.910 (0.810 to 0.960)"],
    ]
    kept = table.data.set_index("model")["auroc_without"]
    assert kept["near"] == pytest.approx(np.mean([0.9, 0.8, 0.95]))
    assert kept["far"] == pytest.approx(np.mean([0.6, 0.5, 0.55]))
    # from what images differ, not as if each were right or wrong
    low, high = (table.data.set_index("model")[f"auroc_without_{end}"] for end in ("low", "high"))
    assert (low < kept).all()
    assert (kept < high).all()
    assert ((high - low) < 0.4).all()
    assert "4\N{NO-BREAK SPACE}test images with 7\N{NO-BREAK SPACE}defects" in table.caption


def test_published_values_stand_beside_and_those_that_nobody_verified_are_marked(evidence):
    published = [
        {"model": "Smith 2018", "auroc": 0.974, "verified": False, "remark": "from memory"},
        {"model": "Jones 2020", "auroc": 0.96},
    ]
    figure, _, reported = page.blocks("maps", study(published=published), evidence)
    assert reported.rows == [["Smith 2018", "0.974 (not verified)", "from memory"], ["Jones 2020", "0.96", "–"]]
    assert "Smith 2018 0.974" in figure.alt
    assert any(b"Published, not verified" in drawing for drawing in figure.drawings.values())
    told = page.short("maps", study(published=published), evidence)
    assert told == (
        "Pixel AUROC 0.974 (not verified): Smith 2018",
        "Pixel AUROC 0.580 to 0.910, 2\N{NO-BREAK SPACE}models",
    )


def test_without_published_values_and_images_left_out_there_is_neither(evidence):
    figure, table = page.blocks("maps", study(models=["near"]), evidence)
    assert [row[0] for row in table.rows] == ["near"]
    assert len(table.columns) == 3
    assert b"Published" not in figure.svg


def test_maps_that_could_not_be_measured_are_said_to_be_so(evidence):
    evidence.base.localisation["regions"] = 0
    (told,) = page.blocks("maps", study(), evidence)
    assert "No test image has a mask" in told.text


def test_a_column_that_no_run_records_is_refused(evidence):
    with pytest.raises(UserError, match="no run of its models records depth"):
        page.blocks("maps", study(columns={"depth": "Depth"}), evidence)


@pytest.mark.parametrize(
    ("study_changes", "dataset_changes", "message"),
    [
        ({"models": ["svm"]}, {}, r"studies\.maps\.models: there are no maps of 'svm'\. Models with maps: cnn"),
        ({}, {"localise": False}, r"studies\.maps: there are no maps to show; set localise: true in datasets\.fibres"),
    ],
)
def test_a_study_of_maps_that_there_are_not_is_refused(study_changes, dataset_changes, message):
    raw = copy.deepcopy(RAW)
    raw["studies"]["maps"] |= study_changes
    raw["datasets"]["fibres"] |= dataset_changes
    with pytest.raises(ConfigError, match=message):
        load(raw)
