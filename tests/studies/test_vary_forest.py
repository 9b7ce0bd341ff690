from __future__ import annotations

import json
import sys

import pytest

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.families import train as step
from gradewise.families.forest.settings import ForestSettings
from gradewise.studies.cells import ForestCell
from gradewise.studies.vary_forest import vary_forest

TWINNED = ("identity", "rotate_90", "rotate_180", "rotate_270", "identity", "flip", "flip_rotate_180", "rotate_180")


def cells_of(settings, view="view"):
    return [ForestCell(name=name, view=view, settings=ForestSettings(**given)) for name, given in settings.items()]


@pytest.fixture
def vary(tmp_path):
    """Varies settings on caches of one dataset; returns answers and measures."""

    def run(made, settings, *more, cells=None, name="study", repeat=0, **options):
        vary_forest(
            cells=cells or cells_of(settings),
            samples=[made.samples, *more],
            splits=made.splits,
            manifest=made.manifest,
            repeat=repeat,
            classes=made.classes,
            output=tmp_path / name,
            **{"dataset": "made-up", "study": "forest", "seed": 1, "threads": 1, **options},
        )
        measures = tables.read(tmp_path / name / "measures.parquet")
        return tables.read(tmp_path / name / "answers.parquet"), measures.pivot(
            index="cell", columns="measure", values="value"
        )

    return run


@pytest.fixture
def refit(tmp_path):
    """Trains one forest as a model; returns its predictions and its record."""

    def run(made, settings):
        names = {"dataset": "made-up", "model": "forest", "view": "view", "classes": made.classes}
        candidates = [ForestSettings(**settings)]
        step.train(
            family="forest",
            **made.inputs,
            **names,
            repeat=0,
            candidates=candidates,
            seed=1,
            threads=1,
            output=tmp_path / "one",
        )
        return tables.read(tmp_path / "one" / "predictions.parquet"), json.loads(
            (tmp_path / "one" / "run.json").read_text()
        )

    return run


@pytest.mark.parametrize(
    "settings",
    [
        {"trees": 3},
        {"trees": 11, "augment": "flip"},
        {"trees": 7, "min_samples_leaf": 3, "augment": TWINNED},
        {"trees": 7, "max_features": 0.5, "out_of_bag": ("groups",)},
        {"trees": 9, "select": 1.2},
        {"trees": 9, "components": 5, "augment": "d4"},
        {"trees": 9, "class_weight": "balanced"},
    ],
    ids=["trees", "flipped", "leaves", "groups", "selected", "components", "weights"],
)
def test_a_point_of_a_shared_forest_is_that_of_a_forest_of_its_own(cache, vary, refit, settings):
    made = cache(contrast=20.0)
    # A selection rests on a first forest of as many trees, so that cells with it share a forest at one number only.
    more = {
        "more": settings if "select" in settings else {**settings, "trees": 25},
        "cut": {**settings, "max_depth": 2},
    }
    answers, measures = vary(made, {"alone": settings, **more})
    predictions, record = refit(made, settings)
    mine = answers[answers["cell"] == "alone"].set_index("image_id")["predicted"]
    assert mine.equals(predictions.set_index("image_id")["predicted"])
    told = ["training_rows", "repeated_rows", "features", "parameters"]
    told += [f"oob_{unit}" for unit in ForestSettings(**settings).out_of_bag]
    assert measures.loc["alone", told].to_dict() == pytest.approx({name: record[name] for name in told})


def test_tiles_are_gathered_by_mean_probability(cache, vary, refit):
    made = cache(tiles_per_image=4, contrast=12.0)
    answers, _ = vary(made, {"all": {"trees": 15}})
    predictions, _ = refit(made, {"trees": 15})
    means = predictions.groupby("image_id")[["p_A", "p_B", "p_C"]].mean().idxmax(axis=1).str.removeprefix("p_")
    assert answers.set_index("image_id")["predicted"].sort_index().equals(means.rename("predicted").astype("str"))
    assert answers["role"].value_counts().to_dict() == {"train": 36, "validation": 12, "test": 12}


def test_what_is_cut_answers_differently_and_costs_less(cache, vary):
    made = cache(contrast=15.0)
    settings = {"full": {}, "shallow": {"max_depth": 1}, "coarse": {"min_samples_split": 30}, "few": {"trees": 5}}
    answers, measures = vary(made, {name: {"trees": 40, **given} for name, given in settings.items()})
    train = answers[answers["role"] == "train"]
    right = (train["predicted"] == train["label"]).groupby(train["cell"]).mean()
    assert right["full"] == 1
    assert max(right["shallow"], right["coarse"]) < 1
    for name in ("shallow", "coarse", "few"):
        assert measures.loc[name, "seconds"] < measures.loc["full", "seconds"]
        assert measures.loc[name, "parameters"] < measures.loc["full", "parameters"]


def test_repeated_rows_are_counted_and_raise_out_of_bag_over_rows_but_not_over_groups(cache, vary):
    made = cache(groups=60, images_per_group=1, contrast=9.0, shape=(6, 6, 1))
    given = {"plain": "none", "distinct": "d4", "twinned": TWINNED}
    _, measures = vary(made, {name: {"trees": 80, "augment": augment} for name, augment in given.items()})
    assert measures["repeated_rows"].to_dict() == {"plain": 0, "distinct": 0, "twinned": 2 * 36}
    assert measures.loc["twinned", "oob_rows"] > measures.loc["plain", "oob_rows"] + 0.15
    assert measures.loc["twinned", "oob_groups"] == pytest.approx(measures.loc["plain", "oob_groups"], abs=0.15)


def test_with_siblings_only_out_of_bag_over_groups_tells_the_accuracy_on_new_groups(bench):
    options = {"groups": 60, "size": 8, "shared": 0.9, "trees": 60}
    facts = bench("out_of_bag").repeated(8, augments={"": "none"}, **options)[""]
    apart = {unit: (facts[f"oob_{unit}"] - facts[f"truth_{unit}"]).mean() for unit in ("rows", "groups")}
    assert apart["groups"] == pytest.approx(0, abs=0.05)
    assert apart["rows"] > 0.25


def test_every_cell_is_on_the_view_it_names(cache, vary):
    made, flat = cache(contrast=60.0), cache("flat", contrast=0.0)
    other = flat.samples.rename(flat.samples.with_name("flat.parquet"))
    cells = [*cells_of({"on flat": {"trees": 20}}, "flat"), *cells_of({"on view": {"trees": 20}})]
    answers, _ = vary(made, {}, other, cells=cells)
    test = answers[answers["role"] == "test"]
    right = (test["predicted"] == test["label"]).groupby(test["cell"]).mean()
    assert right["on view"] > right["on flat"] + 0.3
    assert answers["cell"].unique().tolist() == ["on flat", "on view"]


def test_a_cell_on_a_view_that_is_not_given_is_refused(cache, vary):
    with pytest.raises(UserError, match="'x' needs the view 'polar'"):
        vary(cache(), {}, cells=cells_of({"x": {"trees": 2}}, "polar"))


def test_oblong_samples_may_be_flipped_but_not_rotated_by_90_degrees(cache, vary):
    made = cache(shape=(4, 8, 1))
    _, measures = vary(made, {"flipped": {"trees": 3, "augment": ("identity", "flip", "rotate_180")}})
    assert measures.loc["flipped", "training_rows"] == 3 * 36
    with pytest.raises(UserError, match="need square samples, and this view gives 4 x 8"):
        vary(made, {"turned": {"trees": 3, "augment": "rotate"}})


def test_threads_change_nothing_and_the_repeat_does(cache, vary):
    made = cache(repeats=2, contrast=10.0)
    settings = {"a": {"trees": 12, "max_depth": 3}, "b": {"trees": 5, "augment": "d4"}}
    one, two, other = (
        vary(made, settings, name=f"{repeat}-{threads}", repeat=repeat, threads=threads)
        for repeat, threads in ((0, 1), (0, 2), (1, 1))
    )
    assert one[0].equals(two[0])
    assert one[1].drop(columns="seconds").equals(two[1].drop(columns="seconds"))
    assert not one[1]["oob_rows"].equals(other[1]["oob_rows"])
    assert set(other[0]["repeat"]) == {1}


def test_it_runs_as_a_command(cache, tmp_path, monkeypatch):
    made = cache(groups=15)
    cells = [{"name": "x", "view": "view", "settings": {"trees": 2, "augment": ["identity", "flip"]}}]
    flags = [f"--{name}={getattr(made, name)}" for name in ("splits", "manifest")]
    flags += ["--repeat=0", "--dataset=d", "--study=s", '--classes=["A","B","C"]', "--seed=0", "--threads=2"]
    flags += [f"--cells={json.dumps(cells)}", f'--samples=["{made.samples}"]', f"--output={tmp_path / 'out'}"]
    monkeypatch.setattr(sys, "argv", ["vary_forest", *flags])
    command.run(vary_forest)
    measures = tables.read(tmp_path / "out" / "measures.parquet").set_index("measure")["value"]
    assert measures["training_rows"] == 36
