import json

import pytest

from gradewise.command import UserError
from gradewise.predict.describe import describe
from gradewise.predict.description import read_description


def test_the_description_holds_what_verdicts_depend_on(make_run):
    run = make_run("grey", {"tile": 16}, bits=12, aggregate={"top": 2}, positive="bad", min_side=20)
    description = read_description(run.parents[2] / "prediction.json")
    facts = description.model_dump(mode="json", exclude={"versions", "views"})
    assert facts == {
        "dataset": "made-up",
        "classes": ["good", "bad"],
        "positive": "bad",
        "aggregate": {"top": 2},
        "labels_from": "images",
        "costs": None,
        "bits": 12,
        "min_side": 20,
        "max_megapixels": 200.0,
        "page": None,
        "grey_range": None,
        "shrink": None,
        "seed": 1,
    }
    assert description.views["seen"].operations.in_words() == "grey, tiles of 16 x 16 px, all kept"
    assert description.views["seen"].view_hash == json.loads((run / "run.json").read_text())["view_hash"]
    assert "python" in description.versions


def test_runs_of_one_view_on_different_samples_are_refused(run):
    results = run.parents[2]
    second = run.parent / "1"
    second.mkdir()
    record = json.loads((run / "run.json").read_text())
    (second / "run.json").write_text(json.dumps(record | {"view_hash": "0"}))
    (results / "plan/runs.json").write_text(json.dumps({"repeats": 2, "models": {"": ["forest"]}}))
    with pytest.raises(UserError, match="trained on other samples of the view 'seen'"):
        describe(dataset="made-up", results=results, seed=1, output=results / "prediction.json")
