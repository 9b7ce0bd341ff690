"""Where the results of a dataset lie, and which runs belong to it."""

import json

import pytest

from gradewise.command import UserError
from gradewise.results import Results


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fibres/plan").mkdir(parents=True)
    plan = {"repeats": 2, "models": {"": ["svm", "cnn"], "careless": ["svm"]}}
    (tmp_path / "fibres/plan/runs.json").write_text(json.dumps(plan))
    return tmp_path / "fibres"


def test_runs_follow_the_plan_and_not_what_else_lies_there(folder):
    (folder / "models/removed/0").mkdir(parents=True)
    runs = [(run.model, run.repeat, run.predictions) for run in Results(folder).runs()]
    assert runs == [
        (model, repeat, folder / f"models/{model}/{repeat}/predictions.parquet")
        for model in ("svm", "cnn")
        for repeat in (0, 1)
    ]


def test_a_variant_has_models_of_its_own_and_shares_the_views(folder):
    variant = Results(folder / "variants/careless")
    assert [run.record for run in variant.runs()] == [
        folder / f"variants/careless/models/svm/{repeat}/run.json" for repeat in (0, 1)
    ]
    assert variant.view("photos") == folder / "views/photos.parquet"


def test_shares_come_from_the_smallest_to_the_whole(folder):
    plan = {"repeats": 2, "models": {"": ["svm"], "careless": [], "share-50": ["svm"], "share-25": ["svm"]}}
    (folder / "plan/runs.json").write_text(json.dumps(plan))
    shares = [results.folder for results in Results(folder).shares()]
    assert shares == [folder / "variants/share-25", folder / "variants/share-50", folder]


def test_a_folder_without_a_plan_is_named(tmp_path):
    with pytest.raises(UserError, match=r"plan.runs\.json: does not exist; give the folder of a dataset's results"):
        list(Results(tmp_path).runs())
