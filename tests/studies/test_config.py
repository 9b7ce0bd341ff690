"""Studies in the configuration: how rows become models, what shares a run, and how mistakes are explained."""

import copy

import pytest

from gradewise.config.faults import ConfigError
from gradewise.studies.config import load

RAW = {
    "datasets": {
        "fibres": {
            "simulate": {"kind": "nanofibres"},
            "classes": ["HNF", "NHNF"],
            "evaluation": {"holdout": 0.3, "repeats": 3},
            "models": ["cnn", "svm"],
        }
    },
    "views": {"tiles": ["grey", {"tile": 128}], "small": ["grey", {"resize": 32}]},
    "models": {
        "cnn": {"family": "cnn", "view": "tiles", "iterations": 300, "channels": [16, 32]},
        "svm": {"family": "pca_svm", "view": "small", "components": 50},
        "chosen": {"family": "pca_svm", "view": "small", "C": {"choose": [1, 2]}},
        "wood": {"family": "forest", "view": "small"},
        "both": {"family": "blend", "members": ["cnn", "svm"]},
    },
    "studies": {
        "depth": {
            "dataset": "fibres",
            "title": "Depth",
            "show": "settings",
            "model": "cnn",
            "vary": [
                {"name": "one", "set": {"channels": [16]}, "published": {"test": "50 %"}},
                {"name": "two"},
            ],
        },
        "grid": {
            "dataset": "fibres",
            "title": "Grid",
            "show": "settings",
            "model": "svm",
            "vary": {"components": [10, 20], "C": [1, 2.5]},
            "published": [{"components": 10, "C": 2.5, "validation": "68 %"}],
        },
    },
}


def changed(study, **values):
    raw = copy.deepcopy(RAW)
    raw["studies"][study].update(values)
    return raw


def test_rows_differ_from_the_model_in_what_they_set_alone():
    one, two = load(RAW).cells("depth")
    assert one.settings["channels"] == [16]
    assert one.settings["iterations"] == two.settings["iterations"] == 300
    assert one.published == {"test": "50 %"}


def test_a_row_with_the_models_own_settings_is_not_trained_twice():
    config = load(RAW)
    assert config.cells("depth")[1].run == "cnn"
    assert set(config.trained("fibres")) >= {"cnn", "svm", "depth-one"}


def test_a_grid_is_every_combination_with_what_was_published_of_it():
    cells = load(RAW).cells("grid")
    assert [cell.name for cell in cells] == [
        "components 10, C 1",
        "components 10, C 2.5",
        "components 20, C 1",
        "components 20, C 2.5",
    ]
    assert [cell.published for cell in cells] == [{}, {"validation": "68 %"}, {}, {}]


def test_a_dataset_cannot_have_the_page_of_another_ones_studies():
    raw = copy.deepcopy(RAW)
    raw["datasets"]["fibres-studies"] = raw["datasets"]["fibres"]
    with pytest.raises(ConfigError, match=r"datasets: 'fibres-studies' cannot be a dataset, .* the studies of fibres"):
        load(raw)
    del raw["studies"]
    assert len(load(raw).datasets) == 2


def test_a_study_cannot_be_called_like_the_plan_of_all():
    with pytest.raises(ConfigError, match=r"studies: 'plan\.json' cannot be a study"):
        load(RAW | {"studies": {"plan.json": RAW["studies"]["depth"]}})


def test_equal_rows_of_two_studies_share_a_run():
    raw = copy.deepcopy(RAW)
    raw["studies"]["again"] = {**raw["studies"]["depth"], "title": "Again"}
    config = load(raw)
    assert config.cells("again")[0].run == config.cells("depth")[0].run == "depth-one"


def test_scale_chooses_among_values():
    raw = changed("grid", vary={"components": {"small": [10], "full": [200, 500]}})
    assert [cell.name for cell in load(raw).cells("grid")] == ["components 10"]
    assert [cell.name for cell in load({**raw, "scale": "full"}).cells("grid")] == ["components 200", "components 500"]


MISTAKES = [
    ("depth", {"dataset": "fibre"}, "studies.depth.dataset: 'fibre' is not defined. Did you mean 'fibres'?"),
    ("depth", {"model": "cn"}, "studies.depth.model: 'cn' is not defined. Did you mean 'cnn'?"),
    ("depth", {"model": "both"}, "'both' is a blend, which has no settings to vary"),
    ("grid", {"model": "chosen"}, "'chosen' chooses among settings (choose: [..]); name a model with one"),
    ("depth", {"vary": [{"name": "x", "set": {"chanels": [1]}}]}, "studies.depth.vary (x).unknown key 'chanels'"),
    ("depth", {"vary": [{"name": "x", "set": {"view": "tile"}}]}, "vary (x).view: 'tile' is not defined"),
    ("depth", {"vary": [{"name": "x"}, {"name": "x"}]}, "'x' stands twice; give every row a name of its own"),
    (
        "depth",
        {"vary": [{"name": "x" * 300, "set": {"channels": [1]}}]},
        "give the row a shorter name, use at most 200",
    ),
    ("grid", {"vary": {"C": [0]}}, "studies.grid.vary (C 0).C = 0: must be greater than 0"),
    ("grid", {"best_of": ["gamma"]}, "best_of: 'gamma' is not varied; varied are components, C"),
    ("grid", {"draw": ["heat_map"], "along": ["C"]}, "draw: heat_map needs along"),
    ("grid", {"repeats": 4}, "studies.grid.repeats: 4 of the 3 of fibres"),
    ("grid", {"show": "setting"}, "studies.grid.show = 'setting': not one of classes, components"),
    ("grid", {"published": [{"componets": 5, "test": 0.8}]}, "'componets' is neither a setting nor a measure. Did you"),
    ("grid", {"measures": ["tset"]}, "studies.grid.measures.0 = 'tset': must be"),
    ("grid", {"measures": ["oob_rows"]}, "measures: oob_rows is of forests, and 'svm' of the family pca_svm"),
    ("grid", {"draw": ["curves"]}, "draw: curves are of networks, and 'svm' is of the family pca_svm"),
    ("grid", {"show": "scaling", "model": "svm"}, "unknown key 'model'"),
]


def test_a_study_must_say_what_it_shows():
    raw = copy.deepcopy(RAW)
    del raw["studies"]["grid"]["show"]
    with pytest.raises(ConfigError, match=r"studies\.grid\.show: missing"):
        load(raw)


@pytest.mark.parametrize(("study", "values", "message"), MISTAKES, ids=lambda part: str(part)[:40])
def test_a_mistake_is_explained(study, values, message):
    with pytest.raises(ConfigError) as caught:
        load(changed(study, **values))
    assert message in str(caught.value)


OTHER_KINDS = [
    (
        {"show": "settings", "model": "wood", "vary": {"trees": [5, 9]}, "measures": ["oob_rows", "oob_groups"]},
        "oob_groups needs a forest with out_of_bag: [rows, groups], and 'wood' has [rows]",
    ),
    ({"show": "layers", "model": "svm"}, "show: layers needs a model of the family cnn"),
    ({"show": "trees", "model": "chosen"}, "'chosen' is not one of the models of fibres"),
    ({"show": "examples", "views": ["tile"]}, "studies.new.views: 'tile' is not defined"),
    ({"show": "scaling"}, "show: scaling needs learning_curve"),
    ({"show": "pretraining", "models": ["svm"]}, "models: 'svm' has no learning curve; name it in learning_curve"),
]


@pytest.mark.parametrize(("study", "message"), OTHER_KINDS, ids=lambda part: str(part)[:40])
def test_a_study_that_the_dataset_cannot_serve_is_explained(study, message):
    raw = copy.deepcopy(RAW)
    raw["studies"]["new"] = {"dataset": "fibres", "title": "New", **study}
    with pytest.raises(ConfigError) as caught:
        load(raw)
    assert message in str(caught.value)


def test_only_one_test_set_allows_a_blend_over_repeats():
    raw = copy.deepcopy(RAW)
    raw["models"]["five"] = {"family": "blend", "members": ["cnn"], "over": "repeats"}
    raw["datasets"]["fibres"]["models"].append("five")
    with pytest.raises(ConfigError, match="same_test: true"):
        load(raw)
    raw["datasets"]["fibres"]["evaluation"]["same_test"] = True
    assert load(raw).datasets["fibres"].evaluation.one_test
