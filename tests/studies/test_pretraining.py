"""How many groups pretraining saves: the groups that a pretrained model needs, their interval, and the sentences."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.config.faults import ConfigError
from gradewise.evaluation.learning_curve import measure
from gradewise.report import evidence
from gradewise.report.blocks import Table, Text
from gradewise.studies.config import load
from gradewise.studies.kinds.pretraining import Study, page
from gradewise.studies.kinds.pretraining.pretraining import savings
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.planned import PlannedStudies
from gradewise.studies.schemas import SAVINGS

SIZES = [25, 50, 100, 200]


def curve(law, seed, sizes=SIZES, tested=200):
    """Accuracy at several sizes of a model whose error follows a law; test groups are as difficult for all models."""
    hard = np.random.default_rng(7).random(tested)
    rng = np.random.default_rng(seed)
    by_size = {}
    for groups in sizes:
        wrong = 0.5 * hard + 0.5 * rng.random(tested) < 0.5 * law(groups) + 0.25 * (2 * law(groups) - 1) + 0.25
        test = pd.DataFrame({"group": [f"t{place}" for place in range(tested)], "role": "test"})
        train = pd.DataFrame({"group": [f"g{place}" for place in range(groups)], "role": "train"})
        both = pd.concat([test.assign(predicted=np.where(wrong, "bad", "good")), train.assign(predicted="good")])
        by_size[Path(f"{groups}.parquet")] = both.assign(image_id=both["group"], repeat=np.int32(0), label="good")
    return measure(by_size)


def scratch_law(groups):
    return 0.1 + 2.0 * groups**-0.5


def pretrained_law(groups):
    """That of a model which needs a quarter of the groups."""
    return scratch_law(4 * groups)


def test_a_model_that_needs_a_quarter_of_the_groups_is_told_to_save_them():
    rows = [savings(curve(scratch_law, seed), curve(pretrained_law, 50 + seed), seed) for seed in range(5)]
    assert all(row["finding"] == "saves" for row in rows)
    covered = [row["needed_low"] <= 50 <= row["needed_high"] for row in rows]
    assert sum(covered) >= 4
    assert all(row["needed_high"] < row["groups"] == 200 for row in rows)


def test_models_that_learn_alike_are_not_told_to_save_anything():
    rows = [savings(curve(scratch_law, seed), curve(scratch_law, 50 + seed), seed) for seed in range(5)]
    assert all(row["finding"] == "undetermined" for row in rows)


def test_a_model_that_never_reaches_the_accuracy_costs_groups():
    row = savings(curve(pretrained_law, 1), curve(lambda groups: 0.6, 2), 0)
    assert row["finding"] == "costs"
    assert row["needed"] == np.inf


def test_a_model_that_is_as_good_with_the_fewest_groups_needs_fewer_than_were_measured():
    row = savings(curve(lambda groups: 0.5, 1), curve(lambda groups: 0.05, 2), 0)
    assert (row["finding"], row["needed"], row["needed_high"]) == ("saves", 0, 0)


def saved(finding, needed, low, high):
    row = {"model": "cnn-small", "scratch": "forest-d4", "groups": 200.0, "images": 400.0, "smallest": 25.0}
    return (
        row
        | {"accuracy": 0.8, "accuracy_pretrained": 0.9, "finding": finding}
        | {"needed": needed, "needed_low": low, "needed_high": high}
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            saved("saves", 52.0, 31.0, 90.0),
            "with about 52 (95 % interval: 31 to 90): pretraining saves about 148 of 200",
        ),
        (saved("saves", 52.0, 31.0, 90.0), "groups, and at least 110."),
        (saved("saves", 0.0, 0.0, 60.0), "with fewer than the 25 groups of the smallest training set (95 % interval"),
        (saved("saves", 0.0, 0.0, 0.0), "pretraining saves at least 87 % of the groups"),
        (saved("undetermined", 120.0, 30.0, np.inf), "cannot be told: to reach the accuracy"),
        (saved("undetermined", 120.0, 30.0, np.inf), "it may need 30 to more than 200."),
        (saved("undetermined", 120.0, np.nan, np.nan), "cannot be told, because there are too few test groups"),
        (saved("costs", np.inf, np.inf, np.inf), "does not reach the accuracy that forest-d4 reaches from scratch"),
    ],
)
def test_the_page_says_what_pretraining_saves(grades, tmp_path, row, words):
    known = evidence.read(**grades.known)
    points = [
        {"dataset": "grades", "model": model, "share": share, "groups": 200 * share, "images": 400 * share}
        | {f"{what}{end}": 0.8 for what in ("accuracy", "fitted") for end in ("", "_low", "_high")}
        for model in ("cnn-small", "forest-d4")
        for share in (0.125, 0.5, 1.0)
    ]
    tables.write(pd.DataFrame([row]), tmp_path / "saved" / "savings.parquet", SAVINGS)
    study = Study(show="pretraining", dataset="grades", title="Saved", models=("cnn-small", "forest-d4"))
    found = StudyEvidence(
        replace(known, learning_curve=pd.DataFrame(points)),
        tmp_path,
        PlannedStudies(scale=None, studies={}, varied={}, views={}, models={}),
    )
    blocks = page.blocks("saved", study, found)
    text = " ".join(block.text for block in blocks if isinstance(block, Text)).replace("\u00a0", " ")
    assert words in text
    assert any(isinstance(block, Table) for block in blocks)


RAW = {
    "seed": 1,
    "datasets": {
        "fruit": {"images": "x", "classes": ["A", "B"], "models": ["scratch", "other"], "learning_curve": ["scratch"]}
    },
    "views": {"small": ["grey", {"resize": 32}]},
    "models": {
        "scratch": {"family": "forest", "view": "small"},
        "other": {"family": "linear", "view": "small"},
    },
}


@pytest.mark.parametrize(
    ("models", "curves", "shares", "message"),
    [
        (["scratch", "other"], ["scratch"], [0.1, 0.2, 0.5], "models: 'other' has no learning curve"),
        (["scratch", "other"], ["scratch", "other"], [0.1, 0.2, 0.5], "at least one model with a backbone and one"),
        (["scratch", "other"], ["scratch", "other"], [0.2, 0.5], "show: pretraining needs at least 3 shares"),
    ],
)
def test_what_the_study_needs_is_said(models, curves, shares, message):
    dataset = RAW["datasets"]["fruit"] | {"learning_curve": curves, "shares": shares}
    study = {"show": "pretraining", "dataset": "fruit", "title": "Saved", "models": models}
    with pytest.raises(ConfigError, match=message):
        load(RAW | {"datasets": {"fruit": dataset}, "studies": {"saved": study}})
