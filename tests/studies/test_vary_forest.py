from __future__ import annotations

import json

import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.families import train as step
from gradewise.families.forest.settings import ForestSettings

pytestmark = pytest.mark.slow

TWINNED = ("identity", "rotate_90", "rotate_180", "rotate_270", "identity", "flip", "flip_rotate_180", "rotate_180")


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
        {"trees": 11, "augment": "flip", "out_of_bag": ("rows", "groups")},
        {"trees": 7, "min_samples_leaf": 3, "augment": TWINNED},
        {"trees": 7, "max_features": 0.5, "out_of_bag": ("groups",)},
        {"trees": 9, "select": 1.2},
        {"trees": 9, "components": 5, "augment": "d4"},
        {"trees": 9, "class_weight": "balanced"},
    ],
    ids=["trees", "flipped", "leaves", "groups", "selected", "components", "weights"],
)
def test_a_point_of_a_shared_forest_is_that_of_a_forest_of_its_own(cache, vary_cells, cells_of, refit, settings):
    made = cache(contrast=20.0)
    # A selection rests on a first forest of as many trees, so that cells with it share a forest at one number only.
    more = {
        "more": settings if "select" in settings else {**settings, "trees": 25},
        "cut": {**settings, "max_depth": 2},
    }
    varied = vary_cells(made, cells_of("forest", {"alone": settings, **more}), study="forest")
    predictions, record = refit(made, settings)
    mine = tables.read(varied.folder / "predictions.parquet", cell="alone")
    assert mine.drop(columns="cell").equals(predictions)
    told = ["training_rows", "repeated_rows", "features", "parameters", "seed"]
    told += [f"oob_{unit}" for unit in ForestSettings(**settings).out_of_bag]
    cell = varied.records["alone"]
    assert {name: cell[name] for name in told} == pytest.approx({name: record[name] for name in told})
    for measure, hits in cell["oob_hits"].items():
        assert sum(hits["right"]) / sum(hits["rows"]) == pytest.approx(record[measure])


def test_what_is_cut_predicts_differently_and_costs_less(cache, vary_cells, cells_of):
    settings = {"full": {}, "shallow": {"max_depth": 1}, "coarse": {"min_samples_split": 30}, "few": {"trees": 5}}
    cells = cells_of("forest", {name: {"trees": 40, **given} for name, given in settings.items()})
    varied = vary_cells(cache(contrast=15.0), cells)
    train = varied.predictions.query("role == 'train'")
    right = (train["predicted"] == train["label"]).groupby(train["cell"]).mean()
    assert right["full"] == 1
    assert max(right["shallow"], right["coarse"]) < 1
    for name in ("shallow", "coarse", "few"):
        for cost in ("seconds_fit", "parameters"):
            assert varied.records[name][cost] < varied.records["full"][cost]


def test_repeated_rows_are_counted_and_raise_out_of_bag_over_rows_but_not_over_groups(cache, vary_cells, cells_of):
    made = cache(groups=60, images_per_group=1, contrast=9.0, shape=(6, 6, 1))
    given = {"plain": "none", "distinct": "d4", "twinned": TWINNED}
    common = {"trees": 80, "out_of_bag": ("rows", "groups")}
    cells = cells_of("forest", {name: {**common, "augment": augment} for name, augment in given.items()})
    records = vary_cells(made, cells).records
    repeated = {name: record["repeated_rows"] for name, record in records.items()}
    assert repeated == {"plain": 0, "distinct": 0, "twinned": 2 * 36}
    assert records["twinned"]["oob_rows"] > records["plain"]["oob_rows"] + 0.15
    assert records["twinned"]["oob_groups"] == pytest.approx(records["plain"]["oob_groups"], abs=0.15)


def test_with_siblings_only_out_of_bag_over_groups_tells_the_accuracy_on_new_groups(bench):
    options = {"groups": 60, "size": 8, "shared": 0.9, "trees": 60}
    facts = bench("out_of_bag").repeated(8, augments={"": "none"}, **options)[""]
    apart = {unit: (facts[f"oob_{unit}"] - facts[f"truth_{unit}"]).mean() for unit in ("rows", "groups")}
    assert apart["groups"] == pytest.approx(0, abs=0.05)
    assert apart["rows"] > 0.25


def test_every_cell_is_on_the_view_it_names(cache, vary_cells, cells_of):
    made, flat = cache(contrast=60.0), cache("flat", contrast=0.0)
    flat.samples.rename(flat.samples.with_name("flat.parquet"))
    flat = type(flat)(flat.samples.with_name("flat.parquet"), flat.splits, flat.manifest, flat.classes)
    cells = [*cells_of("forest", {"on flat": {"trees": 20}}, "flat"), *cells_of("forest", {"on view": {"trees": 20}})]
    varied = vary_cells(made, cells, flat)
    test = varied.predictions.query("role == 'test'")
    right = (test["predicted"] == test["label"]).groupby(test["cell"]).mean()
    assert right["on view"] > right["on flat"] + 0.3
    assert list(varied.records) == ["on flat", "on view"]


def test_oblong_samples_may_be_flipped_but_not_rotated_by_90_degrees(cache, vary_cells, cells_of):
    made = cache(shape=(4, 8, 1))
    flipped = cells_of("forest", {"flipped": {"trees": 3, "augment": ("identity", "flip", "rotate_180")}})
    assert vary_cells(made, flipped).records["flipped"]["training_rows"] == 3 * 36
    with pytest.raises(UserError, match="need square samples, but those of this view are 4 x 8"):
        vary_cells(made, cells_of("forest", {"turned": {"trees": 3, "augment": "rotate"}}))


def test_threads_change_nothing_and_the_repeat_does(cache, vary_cells, cells_of):
    made = cache(repeats=2, contrast=10.0)
    cells = cells_of("forest", {"a": {"trees": 12, "max_depth": 3}, "b": {"trees": 5, "augment": "d4"}})
    found = []
    for repeat, threads in ((0, 1), (0, 2), (1, 1)):
        varied = vary_cells(made, cells, repeat=repeat, threads=threads)
        found.append((varied.predictions, {name: record["oob_rows"] for name, record in varied.records.items()}))
    one, two, other = found
    assert one[0].equals(two[0])
    assert one[1] == two[1] != other[1]
