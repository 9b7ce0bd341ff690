import html
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.views import View
from gradewise.report.index import index
from gradewise.studies.cells import Cell, VariedCells
from gradewise.studies.kinds.settings import Study as StudySettings
from gradewise.studies.planned import PlannedStudies
from gradewise.studies.schemas import CURVES, EXPONENTS, GROWTH, predictions_of_cells_schema
from gradewise.studies.study_page import study_page
from gradewise.studies.summarise import summarise

pytestmark = pytest.mark.slow

NO_BREAK = "\u00a0"
COMMON = {"dataset": "grades", "source": "A Report (2020), a table"}

STUDIES: dict[str, dict[str, Any]] = {
    "norm": {
        "title": "Order of batch norm",
        "show": "settings",
        "model": "cnn-small",
        "text": "Why the order matters.",
        "erratum": "The caption names the wrong order.",
        "vary": [
            {"name": "before", "set": {"norm": "before"}, "published": {"validation": "83.125 %"}},
            {"name": "after", "published": {"validation": "84.125 %", "seconds": "< 30 sec"}},
        ],
        "measures": ["validation", "test", "seconds"],
        "draw": ["marks", "curves"],
    },
    "table-of-svms": {
        "title": "Components, C and gamma",
        "show": "settings",
        "model": "svm-plain",
        "vary": {"components": [5, 10, 20], "C": [1.0, 2.0], "gamma": ["scale", 1e-5]},
        "along": ["gamma", "C"],
        "measures": ["train", "validation", "test"],
        "draw": ["heat_map", "agreement"],
        "published": [
            {"components": 5, "C": 1.0, "gamma": "scale", "validation": "69.00%"},
            {"components": 800, "C": 1.0, "gamma": "scale", "validation": "68.250%"},
        ],
    },
    "best": {
        "title": "Best C for each number of components",
        "show": "settings",
        "model": "svm-plain",
        "vary": {"components": [5, 10, 200], "C": [1.0, 2.0]},
        "best_of": ["C"],
        "along": ["components"],
        "draw": ["line"],
        "published": [{"components": 5, "C": 2.0, "validation": "68.000%"}],
        "comparable": True,
    },
    "views": {
        "title": "Two views",
        "show": "settings",
        "model": "forest-d4",
        "vary": [{"name": "as they are"}, {"name": "again", "set": {"view": "whole-96"}}],
        "measures": ["oob_rows", "oob_groups", "converged"],
    },
    "performance": {
        "title": "Performance",
        "show": "results",
        "models": ["cnn-small", "forest-d4"],
        "measures": ["test", "oob_groups", "seconds", "memory"],
        "published": [{"model": "forest-d4", "test": 0.61}, {"model": "a network of theirs", "test": "79.6875 %"}],
    },
    "scores": {
        "title": "Precision and recall",
        "show": "classes",
        "models": ["cnn-small"],
        "published": [
            {"class": "A", "recall": "82 %"},
            {"class": "average", "recall": "79 %"},
            {"class": "D", "recall": "11 %"},
        ],
    },
    "cameras": {
        "title": "Cameras",
        "show": "groups",
        "model": "cnn-small",
        "columns": {"camera": "Camera"},
        "published": [{"group": "g1", "camera": "film"}],
    },
    "network": {
        "title": "Layers",
        "show": "layers",
        "model": "cnn-small",
        "published": [
            {"layer": "conv1", "input": "32 x 32", "filters": 61},
            {"layer": "FC1", "input": "1024 x 1", "filters": "-"},
        ],
    },
    "pictures": {"title": "Pictures", "show": "examples", "each": 2},
    "pictures-in-views": {"title": "Pictures in views", "show": "examples", "views": ["whole-96"]},
    "growth": {"title": "Scalability", "show": "scaling"},
    "advice": {
        "title": "Recommendation",
        "show": "recommendation",
        "published": [{"recommendation": "CNN"}],
    },
}


@dataclass(frozen=True)
class Made:
    """A page on studies that was written, and what it was written with."""

    arguments: dict[str, Any]

    @property
    def assets(self) -> Path:
        return self.arguments["assets"]

    @property
    def html(self) -> str:
        return self.arguments["output"].read_text()

    def section(self, name: str) -> str:
        """The text of a section, without pictures and tags."""
        part = re.search(rf'<section id="{re.escape(name)}".*?(?=\n<section |</main>)', self.html, flags=re.S)
        assert part, name
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part[0])).split(" ")).replace("\n", " ")

    def cells(self, name: str) -> list[str]:
        """The text of the table cells of a section."""
        part = re.search(rf'<section id="{re.escape(name)}".*?(?=\n<section |</main>)', self.html, flags=re.S)
        assert part, name
        return [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", part[0])]


def arguments(results, studies: dict[str, dict[str, Any]] = STUDIES) -> dict[str, Any]:
    """Write what the studies' steps leave; what `study_page` is called with."""
    known = results.known
    folder = results.folder / "results" / "grades"
    varying = {name: study for name, study in studies.items() if study["show"] == "settings"}
    plan = PlannedStudies(
        scale="small",
        studies={name: COMMON | study for name, study in studies.items()},
        varied={name: _cells(name, study) for name, study in varying.items()},
        views={"whole-96": View.model_validate(["rgb", {"resize": 96}])},
        models={
            "svm-plain": {"family": "pca_svm", "view": "photos", "C": 3, "whiten": True},
            "cnn-small": {"family": "cnn", "view": "whole-96"},
            "forest-d4": {"family": "forest", "view": "whole-96", "out_of_bag": ["rows", "groups"]},
        },
    )
    (folder / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "studies/plan.json").write_text(plan.model_dump_json())
    for name, cells in plan.varied.items():
        _run(name, cells, folder)
    _grow(folder / "studies")
    _write_curves(folder / "studies" / "norm" / "curves.parquet")
    return known | {
        "results": folder,
        "output": results.folder / "reports" / "grades-studies.html",
        "assets": results.folder / "reports" / "grades-studies",
        "summary": folder / "studies" / "summary.json",
        "report_page": results.folder / "reports" / "grades.html",
    }


def _cells(name: str, study: dict[str, Any]) -> VariedCells:
    section = StudySettings.model_validate(COMMON | study)
    families = {"cnn-small": "cnn", "svm-plain": "pca_svm", "forest-d4": "forest"}
    common = {"seeded_as": study["model"], "family": families[study["model"]], "view": "whole-96", "settings": {}}
    cells = [
        Cell(name=row, run=row, varied=varied, published=published, **common) for row, varied, published in section.rows
    ]
    return VariedCells(repeats=3, best_of=section.best_of, cells=tuple(cells))


def _run(name: str, planned: VariedCells, folder: Path) -> None:
    """Made-up runs of the cells of a study, all in one file per repeat, summed up by the step that does so."""
    rng = np.random.default_rng(5)
    splits = tables.read(folder / "splits.parquet").merge(
        tables.read(folder / "manifest.parquet")[["image_id", "label", "group"]]
    )
    samples = splits.assign(sample_id=splits["image_id"], row=0, column=0)
    together = planned.model_copy(
        update={"cells": tuple(cell.model_copy(update={"family": "forest"}) for cell in planned.cells)}
    )
    hit = {cell.name: rng.random(len(splits)) < 0.6 + 0.02 * place for place, cell in enumerate(planned.cells)}
    for repeat in range(planned.repeats):
        output = folder / "studies" / name / str(repeat)
        mine = samples["repeat"] == repeat
        with tables.appending(output / "predictions.parquet", predictions_of_cells_schema(["A", "B", "C"])) as append:
            for cell in planned.cells:
                rows = samples[mine].assign(cell=cell.name)
                rows["predicted"] = np.where(hit[cell.name][mine], rows["label"], "B")
                append(rows.assign(**{f"p_{label}": (rows["predicted"] == label).astype("float32") for label in "ABC"}))
        record = {"oob_rows": 0.8 + 0.01 * repeat, "oob_groups": 0.6 + 0.01 * repeat, "seconds_fit": 2.0}
        records = [{"cell": cell.name, "converged": True, **record} for cell in planned.cells]
        (output / "runs.json").write_text(json.dumps(records))
    (folder / "studies" / name / "plan.json").write_text(together.model_dump_json())
    summarise(results=folder, study=name, classes=["A", "B", "C"], output=folder / "studies" / name)


def _write_curves(path: Path) -> None:
    epochs = np.arange(1.0, 7.0)
    rows = [
        pd.DataFrame({"epoch": epochs, "iteration": 10 * epochs, "seconds": epochs}).assign(
            cell=cell,
            repeat=np.int32(0),
            train_loss=1 / epochs,
            train_accuracy=0.5 + 0.05 * epochs,
            validation_loss=1.2 / epochs,
            validation_accuracy=0.4 + 0.05 * epochs,
        )
        for cell in ("before", "after")
    ]
    tables.write(pd.concat(rows), path, CURVES)


def _grow(folder: Path) -> None:
    growth = [
        {"model": model, "family": family, "measure": measure, "images": float(images), "repeat": 0}
        | {"value": 0.1 * images**power}
        for model, family in (("cnn-small", "cnn"), ("svm-plain", "pca_svm"))
        for measure, power in (("seconds", 1.5), ("memory", 0.5))
        for images in (20, 40, 80, 160, 320)
    ]
    exponents = [
        {"model": model, "measure": measure, "exponent": power, "low": power - 0.2, "high": power + 0.2}
        | {"scale": 0.1, "sizes": 5}
        for model in ("cnn-small", "svm-plain")
        for measure, power in (("seconds", 1.5), ("memory", 0.5))
    ]
    tables.write(pd.DataFrame(growth).astype({"repeat": "int32"}), folder / "growth" / "growth.parquet", GROWTH)
    tables.write(pd.DataFrame(exponents), folder / "growth" / "exponents.parquet", EXPONENTS)


@pytest.fixture(scope="module")
def made(grades) -> Made:
    given = arguments(grades)
    study_page(**given)
    return Made(given)


def test_studies_stand_in_the_order_of_the_configuration(made):
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", made.html)
    assert titles == ["Overview", *(study["title"] for study in STUDIES.values()), "Origin"]


def test_every_link_leads_somewhere_and_every_picture_is_within_the_page(made):
    anchors = set(re.findall(r' id="([^"]*)"', made.html))
    for link in re.findall(r'<a [^>]*href="([^"]*)"', made.html):
        assert link[1:] in anchors if link.startswith("#") else (made.arguments["output"].parent / link).is_file(), link
    assert all(source.startswith("data:image/") for source in re.findall(r'<img [^>]*src="([^"]{11})', made.html))


def test_the_model_and_its_settings_that_do_not_vary_are_named(made):
    told = "Model svm-plain (pca_svm), where a row does not say otherwise: view photos, whiten True."
    assert told in made.section("table-of-svms")


def without_marks(cells):
    return {re.sub(r"\s[✓✗]$", "", cell).replace(NO_BREAK, " ") for cell in cells}


def test_published_values_stand_letter_by_letter(made):
    assert {"83.125 %", "84.125 %", "< 30 sec"} <= without_marks(made.cells("norm"))
    assert {"69.00%", "68.250%"} <= without_marks(made.cells("table-of-svms"))
    assert {"0.61", "79.6875 %"} <= without_marks(made.cells("performance"))


def test_a_published_value_is_marked_as_inside_or_outside_of_the_interval_measured_here(made):
    table = pd.read_csv(made.assets / "norm.csv").set_index("row")
    for row, value in (("before", "83.125 %"), ("after", "84.125 %")):
        low, high = table.loc[row, ["validation low", "validation high"]]
        inside = low <= float(value.removesuffix(" %")) / 100 <= high
        assert f"{value} {'✓' if inside else '✗'}" in [cell.replace(NO_BREAK, " ") for cell in made.cells("norm")]
    assert "< 30 sec" in made.cells("norm")


def test_the_overview_says_at_a_glance_what_agrees(made):
    rows = pd.read_csv(made.assets / "overview.csv").set_index("study")
    assert rows.loc["Layers", "agrees"] == "✗ differs: 3 of 4 sizes are equal"
    assert re.fullmatch(
        r"○ other images; \d of 2 in the 95.% CI \(the source has an erratum\)",
        rows.loc["Order of batch norm", "agrees"],
    )
    assert rows.loc["Two views", "agrees"] == "–"
    assert "comparable published results" in made.section("overview")


def test_published_values_of_other_images_are_said_not_to_be_comparable(made):
    for name in ("norm", "table-of-svms", "performance", "scores"):
        assert "not comparable" in made.section(name)


def test_published_values_of_the_same_images_are_left_to_be_compared(made):
    assert "not comparable" not in made.section("best")
    assert "68.000%" in without_marks(made.cells("best"))


def test_rows_that_only_the_source_has_are_shown_without_values_of_ours(made):
    table = pd.read_csv(made.assets / "table-of-svms.csv").set_index("row")
    only = table.loc[table["components"] == 800].iloc[0]
    assert np.isnan(only["validation"])
    assert only["validation published"] == "68.250%"
    assert "not run here" in made.section("table-of-svms")


def test_source_text_and_erratum_come_before_the_results(made):
    text = made.section("norm")
    order = [
        "Source: A Report (2020), a table",
        "Why the order matters.",
        "Erratum in the source: The caption",
        "Validation accuracy",
    ]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)


def test_accuracies_have_the_intervals_that_the_study_found(made):
    found = tables.read(made.arguments["results"] / "studies" / "norm" / "cells.parquet")
    row = found.loc[(found["cell"] == "after") & (found["measure"] == "test")].iloc[0]
    shown = f"{100 * row['value']:.1f}{NO_BREAK}% ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    assert shown in made.cells("norm")


def test_the_file_of_a_table_holds_full_precision(made):
    found = tables.read(made.arguments["results"] / "studies" / "norm" / "cells.parquet").set_index(["cell", "measure"])
    table = pd.read_csv(made.assets / "norm.csv").set_index("row")
    for cell in ("before", "after"):
        assert table.loc[cell, "test"] == found.loc[(cell, "test"), "value"]
        assert table.loc[cell, "test low"] == found.loc[(cell, "test"), "low"]


def test_a_heat_map_has_a_panel_for_each_number_of_components(made):
    alternative = re.search(r'alt="(Heat maps[^"]*)"', made.html)
    assert alternative
    for components in (5, 10, 20):
        assert f"components {components}, C 1, gamma scale: train" in html.unescape(alternative[1])
    drawn = (made.assets / "table-of-svms-heat-map.svg").read_text()
    # three panels each of training and validation accuracy
    assert len(re.findall(r'<g id="axes_\d+">', drawn)) == 6


def test_settings_chosen_on_validation_are_told_with_how_often(made):
    chosen = tables.read(made.arguments["results"] / "studies" / "best" / "cells.parquet")
    values = json.loads(chosen.loc[chosen["cell"] == "components 5", "settings"].iloc[0])["C"]
    most = max(values, key=values.count)
    told = f"{most:g} ({values.count(most)}{NO_BREAK}of{NO_BREAK}3)"
    assert any(told in cell for cell in made.cells("best"))
    assert "C 2.0" in made.cells("best")


def test_what_a_view_does_is_said_in_words(made):
    assert "Colour, resized to 96 x 96 px: as they are; again." in made.section("views")


def test_out_of_bag_accuracy_stands_with_its_spread_and_convergence_as_a_word(made):
    cells = made.cells("views")
    assert f"81.0{NO_BREAK}% ±{NO_BREAK}1.0" in cells
    assert "yes" in cells


def test_whether_blending_could_help_is_answered_by_a_rule(made):
    text = made.section("table-of-svms")
    assert re.search("no gain from blending is shown|blending helps|blending harms", text)
    assert "The rule: blending helps if" in text


def test_models_that_only_the_source_has_stand_below_ours(made):
    cells = made.cells("performance")
    assert cells.index("a network of theirs (published alone)") > cells.index("forest-d4") > cells.index("cnn-small")


def test_a_published_average_stands_on_the_line_of_the_average(made):
    table = pd.read_csv(made.assets / "scores.csv").set_index("class")
    assert table["recall published"].to_dict() == {"A": "82 %", "B": "–", "C": "–", "Average": "79 %"}


def test_published_classes_that_the_dataset_lacks_are_not_lost(made):
    assert "11 %" in without_marks(made.cells("scores"))


def test_grades_off_are_counted_where_classes_are_ordered(made):
    assert "Further off" in made.cells("scores")
    assert (made.assets / "scores-confusion-cnn-small.svg").is_file()


def test_groups_add_up_to_the_images_of_each_class(made):
    table = pd.read_csv(made.assets / "cameras.csv")
    manifest = tables.read(made.arguments["results"] / "manifest.parquet")
    for name in "ABC":
        assert table[f"class {name}"].sum() == (manifest["label"] == name).sum()
    assert set(table["group"]) == set(manifest["group"])


def test_groups_that_were_never_tested_have_no_accuracy(made):
    table = pd.read_csv(made.assets / "cameras.csv")
    assert (table["accuracy"].isna() == (table["test_images"] == 0)).all()


def test_cells_of_a_published_layer_table_that_differ_are_marked(made):
    text = made.section("network")
    assert "1 of the 4 published sizes differs from the network here: filters of conv1 61 there, 16 here." in text
    assert "61 ≠ 16" in made.cells("network")
    assert "1024 x 1" in made.cells("network")


def test_parameters_of_layers_have_a_total(made):
    assert "123\u202f456" in made.cells("network")


def test_examples_show_every_class(made):
    for name in ("pictures", "pictures-in-views"):
        part = re.search(rf'<section id="{name}".*?(?=\n<section )', made.html, flags=re.S)
        alternatives = re.findall(r'alt="([^"]*)"', part[0])
        assert {re.search("of class ([ABC])", text)[1] for text in alternatives} == {"A", "B", "C"}


def test_exponents_stand_with_their_intervals(made):
    assert "1.50 (1.30 to 1.70)" in made.cells("growth")


def test_the_recommendation_stands_beside_the_published_one(made):
    assert "Use " in made.section("advice")
    assert "CNN" in made.cells("advice")


def test_the_page_leads_to_the_report(made):
    assert 'href="grades.html"' in made.html


def test_the_report_leads_to_the_page(bare):
    bare.report(studies_page=bare.page.parent / "grades-studies.html")
    assert 'href="grades-studies.html"' in bare.html


def test_the_index_leads_to_the_page_on_studies(made, grades, tmp_path):
    output = made.arguments["output"].parent / "index-of-studies.html"
    results = grades.results.folder.parent
    index(results=results, datasets=["grades"], studied=["grades"], output=output, assets=tmp_path / "index")
    assert 'href="grades-studies.html"' in output.read_text()
    assert f"{len(STUDIES)}{NO_BREAK}published results" in output.read_text()


def test_the_same_results_make_the_same_page(made, tmp_path):
    again = made.arguments | {"output": tmp_path / "grades-studies.html", "assets": tmp_path / "grades-studies"}
    study_page(**again | {"report_page": tmp_path / "grades.html"})
    assert again["output"].read_bytes() == made.arguments["output"].read_bytes()


def test_the_step_takes_its_settings_from_the_shell(make_grades):
    results = make_grades(images=24, models=("cnn-small", "forest-d4"), repeats=1)
    given = arguments(results, {"performance": STUDIES["performance"]})
    flags = []
    for name, value in given.items():
        flags += [f"--{name}", str(value)]
    subprocess.run([sys.executable, "-m", "gradewise.studies.study_page", *flags], check=True, capture_output=True)
    assert {"0.61", "79.6875 %"} <= without_marks(Made(given).cells("performance"))


def test_a_column_that_the_label_table_lacks_is_named(grades):
    given = arguments(grades, {"cameras": STUDIES["cameras"] | {"columns": {"lens": "Lens"}}})
    with pytest.raises(UserError, match=r"studies\.cameras\.columns.*lens.*camera"):
        study_page(**given | {"output": grades.folder / "x.html", "assets": grades.folder / "x"})
