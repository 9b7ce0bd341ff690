"""A whole run with every kind of study: the page holds them all, and a new row trains nothing that is there already."""

import re
from functools import partial
from pathlib import Path

import pytest
import yaml

from gradewise import tables

pytestmark = pytest.mark.slow
STUDIES = Path(__file__).parent / "studies.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, run_in):
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp("studies")
    run_in(folder, STUDIES)
    return folder


@pytest.fixture
def replan(finished, replan_changed):
    """Jobs planned for the finished run under a changed configuration."""
    return partial(replan_changed, finished, STUDIES)


def test_the_page_holds_every_study_in_the_order_of_the_configuration(finished):
    page = (finished / "reports/fruit-studies.html").read_text()
    anchors = re.findall(r'<section id="([^"]+)"', page)
    studies = list(yaml.safe_load(STUDIES.read_text())["studies"])
    assert [name for name in anchors if name in studies] == studies


def test_the_index_and_the_report_lead_to_the_page(finished):
    assert "fruit-studies.html" in (finished / "reports/index.html").read_text()
    assert "fruit-studies.html" in (finished / "reports/fruit.html").read_text()


def test_published_values_stand_on_the_page_as_they_were_published(finished):
    page = (finished / "reports/fruit-studies.html").read_text()
    for value in ("80", "50", "68"):
        assert re.search(rf">{value}\u00a0%\u00a0[✓✗]<", page), value


def test_settings_chosen_on_validation_are_one_a_repeat(finished):
    cells = tables.read(finished / "results/fruit/studies/machines/cells.parquet")
    assert list(dict.fromkeys(cells["cell"])) == [
        "components 5, view photos",
        "components 5, view polar",
        "components 10, view photos",
        "components 10, view polar",
        "*",
    ]
    assert all(len(yaml.safe_load(text)["C"]) == 2 for text in cells.loc[cells["cell"] != "*", "settings"])


def test_a_new_row_trains_its_own_network_alone(replan):
    jobs = replan(
        lambda raw: raw["studies"]["networks"]["vary"].append({"name": "no dense layer", "set": {"dense": []}})
    )
    assert jobs == {
        "plan_studies": 2,
        "train_cnn": 1,
        "summarise": 1,
        "study_page": 1,
        "index": 1,
        "all": 1,
    }


def test_a_new_title_and_another_published_value_make_the_page_again_and_nothing_else(replan):
    def change(raw):
        raw["studies"]["forests"].update(title="Woods")
        raw["studies"]["networks"]["vary"][0].update(published={"test": "81 %"})

    assert replan(change) == {"plan_studies": 1, "study_page": 1, "index": 1, "all": 1}


def test_a_cell_with_the_settings_of_a_model_has_its_verdicts(finished):
    results = finished / "results/fruit"
    cell, own = (
        tables.read(results / path / "0/predictions.parquet", **only).set_index("sample_id")["predicted"]
        for path, only in (("studies/heat", {"cell": "components 10, gamma scale"}), ("models/svm", {}))
    )
    assert cell.equals(own)


def test_a_study_taken_away_leaves_the_rest_as_it_is(replan):
    jobs = replan(lambda raw: raw["studies"].pop("heat"))
    assert set(jobs) <= {"plan_studies", "study_page", "index", "all"}
