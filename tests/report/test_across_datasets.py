"""Families over datasets on the index: what is said of them, and what is said where nothing can be."""

import html
import json
import os
import re

import pandas as pd
import pytest

from gradewise.evaluation.across_datasets import FamiliesOnDataset, FamilyDifference, compare_families
from gradewise.evaluation.measured import read
from gradewise.report import numbers
from gradewise.report.across_datasets import section, sentence
from gradewise.report.blocks import Figure, Table, Text
from gradewise.report.index import index

NAMES = ("fibres", "wafers", "mangoes", "castings")


GLANCE = {
    "state": "promising",
    "state_in_words": "Promising",
    "answer": "Use it.",
    "model": "net",
    "value": "90.0 % (80.0 to 95.0)",
    "metric": "Accuracy",
    "score": "It is right.",
    "why": "",
    "reservation": "Few groups.",
    "cost": "",
    "steps": [],
}
"""What a report's first screen says."""


def on(dataset, value=None, error=0.02, *, metric="accuracy", families=("cnn", "forest")):
    first, second = families
    difference = FamilyDifference(first=first, second=second, difference=value, error=error, freedom=12.0)
    models = {first: f"{first}-plain", second: f"{second}-plain"}
    return FamiliesOnDataset(dataset=dataset, metric=metric, level="image", models=models, differences=(difference,))


def datasets(*values, **changed):
    return [on(name, value, **changed) for name, value in zip(NAMES, values, strict=False)]


def said(blocks):
    return [plain(block.text) for block in blocks if isinstance(block, Text)]


def plain(text):
    return text.replace(numbers.SPACE, " ")


def test_a_clear_difference_is_told_with_its_interval_and_what_to_expect():
    (pair,) = compare_families(datasets(0.05, 0.06, 0.07, 0.06))
    assert plain(sentence(pair)) == (
        "Over 4 datasets cnn is 6.0 points ahead of forest (95 % interval +2.8 to +9.2, p 0.009); "
        "on a new dataset of this kind expect cnn between 1.7 and 10.3 points ahead."
    )


def test_the_family_that_is_ahead_is_named_first():
    (pair,) = compare_families(datasets(-0.05, -0.06, -0.07, -0.06))
    assert plain(sentence(pair)).startswith("Over 4 datasets forest is 6.0 points ahead of cnn (95 % interval +2.8 to")


def test_an_unclear_difference_is_not_told_as_one():
    (pair,) = compare_families(datasets(0.1, -0.06, 0.07, -0.01))
    text = plain(sentence(pair, pairs=3))
    assert text.startswith(
        "Over 4 datasets neither cnn nor forest is shown to be better: cnn is 2.5 points ahead (95 %"
    )
    assert "adjusted p 0." in text
    assert re.search(r"expect cnn between [\d.]+ points behind and [\d.]+ points ahead\.$", text)


def test_three_datasets_tell_the_mean_but_not_what_to_expect():
    shown = section(datasets(0.05, 0.06, 0.07))
    assert said(shown.blocks)[0].endswith("; 3 datasets do not tell what to expect on a new one.")
    (table,) = [block for block in shown.blocks if isinstance(block, Table) and not block.folded]
    assert table.rows[0][-1] == numbers.NONE


@pytest.mark.parametrize(
    ("values", "counted"), [((), "none does"), ((0.1,), "only one does"), ((0.1, 0.2), "at most 2 do")]
)
def test_fewer_than_three_datasets_give_one_sentence(values, counted):
    (text,) = said(section(datasets(*values)).blocks)
    assert text == (
        "Families of models are compared over datasets once 3 datasets compare the same two families by a share, such "
        f"as accuracy: fewer do not tell how much datasets differ. Here {counted}."
    )


def test_datasets_that_do_not_count_are_named_with_the_reason():
    odd = [on("tiny", 0.3, None), on("costly", 40.0, 3.0, metric="cost_per_100")]
    texts = said(section([*datasets(0.05, 0.06, 0.07), *odd]).blocks)
    assert "Left out, since the difference has no standard error: tiny for cnn and forest." in texts
    assert "Left out, since they are not decided by a share: costly (cost of 100 verdicts)." in texts
    assert texts[0].startswith("Over 3 datasets")


def test_the_figure_has_a_line_for_each_dataset_and_one_for_the_mean():
    (figure,) = [block for block in section(datasets(0.05, 0.06, 0.07, 0.06)).blocks if isinstance(block, Figure)]
    for name in (*NAMES, "mean"):
        assert f", {name} +" in figure.alt or f"; cnn − forest, {name} +" in figure.alt


def test_more_than_three_pairs_have_further_figures():
    order = ("cnn", "forest", "pca_svm", "lda")
    pairs = [(first, second) for place, first in enumerate(order) for second in order[place + 1 :]]
    many = [
        FamiliesOnDataset(
            dataset=name,
            metric="accuracy",
            level="image",
            models={family: family for family in order},
            differences=[
                FamilyDifference(first=first, second=second, difference=0.1, error=0.05, freedom=9.0)
                for first, second in pairs
            ],
        )
        for name in NAMES
    ]
    (figure,) = [block for block in section(many).blocks if isinstance(block, Figure)]
    assert len(figure.drawings) == len(pairs)
    assert list(figure.drawings)[:2] == ["families", "families-2"]


def test_metrics_that_differ_are_not_called_by_one_name():
    same = said(section(datasets(0.05, 0.06, 0.07)).blocks)[-1]
    mixed = said(section([*datasets(0.05, 0.06), on("castings", 0.07, metric="balanced_accuracy")]).blocks)[-1]
    assert "percentage points of image-level accuracy." in same
    assert "percentage points of what decides on each dataset." in mixed


def test_the_index_shows_the_comparison_and_its_files(tmp_path):
    for families in datasets(0.05, 0.06, 0.07, 0.06):
        folder = tmp_path / "results" / families.dataset
        folder.mkdir(parents=True)
        card = {
            "dataset": families.dataset,
            "page": str(tmp_path / f"{families.dataset}.html"),
            "simulated": families.dataset == "wafers",
            "images": 40,
            "classes": ["A", "B"],
            "models": list(families.models.values()),
            "headline": "Use it.",
            "glance": GLANCE,
            "families": families.model_dump(),
        }
        (folder / "summary.json").write_text(json.dumps(card))
    output, assets = tmp_path / "index.html", tmp_path / "index"
    index(results=tmp_path / "results", datasets=list(NAMES), studied=[], output=output, assets=assets)
    shown = plain(html.unescape(output.read_text()))
    assert "Over 4 datasets cnn is 6.0 points ahead of forest" in shown
    assert "With simulated images, which say nothing about real ones: wafers." in shown
    for name in ("families.csv", "families.svg", "families-datasets.csv"):
        assert f'href="index/{name}"' in shown
        assert (assets / name).is_file()
    rows = pd.read_csv(assets / "families-datasets.csv")
    assert list(rows["dataset"]) == list(NAMES)
    assert set(rows["first"]) == {"cnn-plain"}


def test_the_index_keeps_datasets_of_other_configurations_whose_page_is_still_there(tmp_path):
    for name in ("wafers", "Tiles", "castings", "gone"):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        card = {"dataset": name, "page": str(tmp_path / f"{name}.html"), "simulated": False, "images": 40}
        card |= {"classes": ["A", "B"], "models": ["net"], "glance": GLANCE, "families": on(name, 0.05).model_dump()}
        (folder / "summary.json").write_text(json.dumps(card))
    for name in ("wafers", "Tiles", "castings"):
        (tmp_path / f"{name}.html").write_text("")
    os.utime(tmp_path / "results/castings/summary.json", (0, 86_400 * 40))
    index(
        results=tmp_path / "results",
        datasets=["wafers", "Tiles"],
        studied=[],
        output=tmp_path / "index.html",
        assets=tmp_path / "index",
    )
    now, earlier = (tmp_path / "index.html").read_text().split("Earlier runs in this folder")
    assert 'href="wafers.html"' in now
    assert 'href="castings.html"' in earlier
    assert "castings/plan/settings.json" in earlier
    assert "gone" not in earlier
    assert "Last run on 10 Feb 1970 with another configuration" in earlier
    assert "with another configuration" not in now
    assert re.findall(r'id="card-(\w+)"', now) == ["Tiles", "wafers"]
    rows = re.findall(r"<tr>(<th scope=.row.*?)</tr>", now)
    assert [re.search(r'href="#card-(\w+)"', row)[1] for row in rows] == ["Tiles", "wafers", "castings"]
    assert [("this one" in row, "another" in row) for row in rows] == [(True, False), (True, False), (False, True)]
    assert all("Promising" in row and "Accuracy 90.0" in row for row in rows)


def test_a_configuration_without_datasets_has_no_comparison(tmp_path):
    index(results=tmp_path, datasets=[], studied=[], output=tmp_path / "index.html", assets=tmp_path / "index")
    assert "Families" not in (tmp_path / "index.html").read_text()


@pytest.mark.slow
def test_the_summary_has_the_differences_between_the_first_models_of_families(fibres):
    summary = json.loads(fibres.arguments["summary"].read_text())
    families = FamiliesOnDataset.model_validate(summary["families"])
    rows = read(fibres.results.folder, "fibres").comparisons.query("~baseline")
    assert families.models == {"cnn": "cnn-small", "pca_svm": "svm-plain", "forest": "forest-d4"}
    assert [difference.difference for difference in families.differences] == rows["difference"].tolist()
    assert {difference.error for difference in families.differences} == {0.05}
