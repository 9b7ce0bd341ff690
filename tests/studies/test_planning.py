"""What rules ask of the configuration for studies: files, resources, and what makes steps run again."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan

RAW = yaml.safe_load((Path(__file__).parents[1] / "workflow/studies.yaml").read_text())
PLAN = StudiesPlan(load(RAW), None)


def of(study, repeat="0"):
    return SimpleNamespace(dataset="fruit", study=study, repeat=repeat)


def test_networks_are_runs_of_their_own_and_other_cells_lie_in_one_file_per_repeat():
    networks = PLAN.runs_of_cells(of("networks"))
    assert networks["runs"] == [
        "results/fruit/models/cnn/0/run.json",
        "results/fruit/models/networks-one-block/0/run.json",
    ]
    assert PLAN.runs_of_cells(of("machines")) == {
        "predictions": [f"results/fruit/studies/machines/{repeat}/predictions.parquet" for repeat in (0, 1)],
        "runs": [f"results/fruit/studies/machines/{repeat}/runs.json" for repeat in (0, 1)],
    }


def test_cells_are_given_the_samples_of_their_views_and_components_where_their_family_wants_them():
    views = ["results/fruit/views/photos.parquet", "results/fruit/views/polar.parquet"]
    assert PLAN.samples_of_cells(of("machines")) == views
    assert len(PLAN.components_of_cells(of("machines", "1"))) == 4
    assert PLAN.components_of_cells(of("forests")) == []


def test_a_cell_has_the_random_numbers_of_the_model_that_it_equals_or_else_of_the_one_that_is_varied():
    raw = copy.deepcopy(RAW)
    raw["models"]["other"] = {**raw["models"]["svm"], "C": 10}
    raw["datasets"]["fruit"]["models"].append("other")
    cells = StudiesPlan(load(raw), None).varied("machines").cells
    seeded = {cell.name: cell.seeded_as for cell in cells if cell.view == "photos" and cell.varied["components"] == 10}
    assert set(seeded.values()) == {"svm", "other"}
    assert next(name for name, model in seeded.items() if model == "other") == "components 10, C 10, view photos"


@pytest.mark.parametrize(
    "edit",
    [
        lambda study: study.update(title="Another", text="New.", erratum="Wrong.", measures=["test"]),
        lambda study: study.update(published=[{"components": 5, "validation": "70 %"}]),
        lambda study: study.update(draw=["marks"], along=[]),
    ],
    ids=["words", "published", "drawings"],
)
def test_what_is_said_of_a_study_is_no_part_of_what_its_steps_depend_on(edit):
    raw = copy.deepcopy(RAW)
    edit(raw["studies"]["machines"])
    changed = StudiesPlan(load(raw), None)
    assert changed.planned_json("fruit", "machines") == PLAN.planned_json("fruit", "machines")
    assert changed.planned_json("fruit", None) != PLAN.planned_json("fruit", None)


def test_the_page_waits_for_the_files_of_steps_and_of_models_that_it_shows():
    assert "results/fruit/studies/neighbours/embedding.parquet" in PLAN.step_files(of(""))
    assert "results/fruit/models/svm/0/pca.safetensors" in PLAN.model_files(of(""))
    assert PLAN.shown_views("fruit") == {"photos", "polar"}
