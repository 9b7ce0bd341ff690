"""The configuration: the documented example is accepted, and each mistake is explained with key, value and remedy."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from gradewise.config.faults import ConfigError
from gradewise.config.schema import json_schema
from gradewise.config.section import to_json
from gradewise.config.views import View as ViewSection
from gradewise.families import registry
from gradewise.studies.config import StudiesConfig, load

EXAMPLE = yaml.safe_load("""
seed: 2020
datasets:
  fibres:
    simulate: {kind: nanofibres, images: 160}
    classes: [HNF, NHNF]
    positive: NHNF
    group: experiment
    evaluation: {holdout: 0.3, validation: 0.1, repeats: 5}
    models: [cnn-nanofibre, svm-polar]
  sem:
    images: data/sem
    masks: data/masks
    labels_from: masks
    mask_fraction: 0.02
    aggregate: {top: 3}
    group: {regex: "^(.*)_[0-9]+"}
    classes: [Normal, Anomalous]
    positive: Anomalous
    evaluation: {folds: 5, repeats: 1}
    models: [cnn-nanofibre]
  fruit:
    tables:
      - {csv: data/train.csv, images: data/train, role: train}
      - {csv: data/dev.csv, images: data/dev, role: test}
    ordered: true
    classes: [A, B, C]
    evaluation: {predefined: true, validation: 0.1, repeats: 5}
    models: [cnn-mango, svm-polar, forest]
views:
  tiles-128: [grey, {tile: 128, keep: all}]
  whole-128: [rgb, {resize: 128}]
  polar-192-top: [rgb, {resize: 192}, polar, {crop: {top: 0, left: 0, height: 96, width: 192}}]
  centre-224: [rgb, {resize: 256}, {centre_crop: 224}]
models:
  cnn-nanofibre: {family: cnn, view: tiles-128, channels: [16, 32, 64, 96, 128], convolutions: 1, activation: relu,
                  norm: before, pool: max, dense: [40], dropout: 0.0, augment: [], batch_size: 32, iterations: 300,
                  init_std: 0.01, optimiser: {name: sgd, lr: 0.001, momentum: 0.9, weight_decay: 1.0e-4}}
  cnn-mango: {family: cnn, view: centre-224, channels: [32, 64, 128, 256, 512], convolutions: 2, activation: prelu,
              norm: after, pool: max, dense: [512, 256, 64], dropout: 0.5, epochs: 60,
              augment: [vertical_flip, horizontal_flip, {rotate: 30}, perspective, {colour_jitter: [0.8, 1.2]}],
              optimiser: {name: sgd, lr: 0.01, momentum: 0.9}}
  svm-polar: {family: pca_svm, view: polar-192-top, components: 200, whiten: false, kernel: rbf, C: {choose: [1, 1.5]},
              gamma: {choose: [scale, 1.0e-5]}}
  forest: {family: forest, view: whole-128, augment: d4, trees: 1000, out_of_bag: [rows, groups]}
""")


def changed(path, value):
    raw = copy.deepcopy(EXAMPLE)
    place = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return raw


def test_the_example_is_accepted_with_its_values():
    config = load(EXAMPLE)
    assert config.datasets["sem"].evaluation.runs == 5
    assert config.models["cnn-mango"].candidates[0].augment[2].rotate == 30


def test_choices_become_every_combination():
    candidates = load(EXAMPLE).models["svm-polar"].candidates
    assert [(each.C, each.gamma) for each in candidates] == [(1, "scale"), (1, 1e-5), (1.5, "scale"), (1.5, 1e-5)]


MISTAKES = [
    (["sed"], 3, "unknown key 'sed' (value 3). Did you mean 'seed'?"),
    (["seed"], "x", "seed = 'x'"),
    (["datasets", "fruit", "clases"], [], "datasets.fruit: unknown key 'clases' (value []). Did you mean 'classes'?"),
    (["datasets", "fruit", "page"], "maximum", "datasets.fruit.page = 'maximum': must be 'max' or a whole number."),
    (["datasets", "fruit", "page"], 0, "datasets.fruit.page = 0: must be greater than or equal to 1"),
    (["datasets", "fruit", "page"], True, "datasets.fruit.page = True: must be 'max' or a whole number"),
    (["datasets", "fruit", "grey_range"], [5, 5], "datasets.fruit.grey_range: [5.0, 5.0]: black must be below white"),
    (["datasets", "fruit", "classes"], "A", "datasets.fruit.classes = 'A': must be a list such as [a, b]."),
    (
        ["datasets", "fruit", "classes"],
        ["A"],
        "datasets.fruit.classes = ['A']: must be a list with at least 2 entries.",
    ),
    (
        ["datasets", "fruit", "classes"],
        ["yes", True],
        "classes.1 = True: must be a text. YAML reads yes, no, on and off",
    ),
    (["datasets", "fruit", "classes"], [1, "B"], "datasets.fruit.classes.0 = 1: must be a text. Put it in quotes"),
    (["datasets", "fruit"], "photos", "datasets.fruit = 'photos': must be a section of keys and values."),
    (["datasets", "fruit"], None, "datasets.fruit: nothing is given; it must be a section of keys and values."),
    (["datasets", "fruit", "join_duplicates"], "exac", "must be true or false or 'exact'. Did you mean 'exact'?"),
    (["datasets", "fruit", "group"], {"regx": "x"}, "datasets.fruit.group: unknown key 'regx'"),
    (["views"], {}, "views = {}: must be a section with at least 1 entry."),
    (["views", "x"], "grey", "views.x = 'grey': must be a list of operations such as [grey, {resize: 64}]."),
    (["datasets", "fruit", "models"], ["forst"], "'forst' is not defined. Did you mean 'forest'?"),
    (["datasets", "fruit", "images"], "data", "exactly one of simulate, images and tables (found: images, tables)"),
    (["datasets", "fibres", "positive"], "NHF", "positive: 'NHF' is not one of classes ['HNF', 'NHNF']"),
    (["datasets", "fibres", "simulate", "kind"], "x", "datasets.fibres.simulate"),
    (["datasets", "fibres", "simulate", "image"], 3, "datasets.fibres.simulate: unknown key 'image'"),
    (["datasets", "fibres", "evaluation", "holdout"], 1.4, "datasets.fibres.evaluation.holdout = 1.4"),
    (["datasets", "fibres", "evaluation", "folds"], 5, "exactly one of holdout: 0.3, folds: 5 and predefined"),
    (["datasets", "fibres", "evaluation", "predefind"], True, "Did you mean 'predefined'?"),
    (["datasets", "fruit", "tables", 0, "role"], "training", "datasets.fruit.tables.0.role = 'training'"),
    (["datasets", "fruit", "tables", 0, "role"], None, "each with role"),
    (["datasets", "fruit", "aggregate"], "max", "aggregate: max and {top: n} need two classes"),
    (["datasets", "sem", "group"], {"regex": "^.*_"}, "put the part that names the group in parentheses"),
    (["datasets", "sem", "group"], {"regex": "("}, "not a regular expression"),
    (["datasets", "sem", "masks"], None, "labels_from: masks needs masks"),
    (["datasets", "sem", "merge"], {"Normal": ["a"]}, "merge: ['Anomalous'] are in only one of merge and classes"),
    (["datasets", "../up"], EXAMPLE["datasets"]["fruit"], "'../up' cannot be a file name"),
    (["datasets", "{lot}"], EXAMPLE["datasets"]["fruit"], "'{lot}' cannot be a file name; use letters"),
    (["datasets", "sem", "images"], "data/{lot}", "datasets.sem.images: 'data/{lot}' contains a brace"),
    (["datasets", "fruit", "tables", 0, "csv"], "{a}.csv", "datasets.fruit.tables.0.csv: '{a}.csv' contains a brace"),
    (["datasets", "index"], EXAMPLE["datasets"]["fruit"], "datasets: 'index' cannot be a dataset"),
    (["views", "v" * 300], ["grey", {"resize": 64}], "views: 'vvv"),
    (
        ["models", "m" * 101],
        EXAMPLE["models"]["forest"],
        "has 101 characters; files are named after it, use at most 100",
    ),
    (
        ["views", "x"],
        ["gray", {"resize": 64}],
        "views.x.0 = 'gray': not an operation. Did you mean 'grey'?",
    ),
    (
        ["views", "x"],
        ["grey", {"resiz": 64}],
        "not an operation. Did you mean 'resize'? Operations: grey, polar",
    ),
    (["views", "x"], ["grey", {"tile": 64, "kep": "all"}], "Did you mean 'keep'?"),
    (["views", "x"], ["grey", {"resize": {"side": 64}}], "views.x.1.resize.keep_aspect: missing"),
    (
        ["views", "x"],
        ["grey", {"resize": {"side": 64, "keep_aspect": "fill"}}],
        "views.x.1.resize.keep_aspect = 'fill': must be 'pad' or 'crop'.",
    ),
    (["views", "x"], [{"resize": 64}], "a view begins with the colour it works in"),
    (["views", "x"], ["grey"], "samples need one fixed size"),
    (["views", "x"], ["grey", "polar", {"resize": 64}], "polar needs a fixed size"),
    (["models", "forest", "tree"], 5, "models.forest: unknown key 'tree' (value 5). Did you mean 'trees'?"),
    (["models", "forest", "family"], "forrest", "models.forest"),
    (
        ["models", "forest", "view"],
        "whole128",
        "models.forest.view: 'whole128' is not defined. Did you mean 'whole-128'?",
    ),
    (["models", "svm-polar", "C"], {"choose": [1, -1]}, "models.svm-polar.C = -1: must be greater than 0"),
    (["models", "svm-polar", "C"], {"choose": []}, "choose needs a list of values"),
    (["models", "cnn-mango", "augment"], ["flip"], "models.cnn-mango.augment.0 = 'flip'"),
    (["models", "cnn-mango", "optimiser", "lrr"], 1, "models.cnn-mango.optimiser: unknown key 'lrr'"),
    (["models", "cnn-mango", "iterations"], 5, "give only one of epochs and iterations"),
    (["models", "cnn-mango", "kernel"], 4, "kernel: 4 is even"),
    (["datasets", "fruit", "expected_shares"], {"A": 0.5, "D": 0.5}, "expected_shares: 'D' is not one of classes"),
    (["datasets", "fruit", "expected_shares"], {"A": 0.5, "B": 0.5}, "expected_shares.C: missing; give the share"),
    (["datasets", "fruit", "expected_shares"], {"A": 0.5, "B": 0.3, "C": 0.1}, "expected_shares: add up to 0.9, and"),
    (["datasets", "fruit", "expected_shares"], {"A": 0.7, "B": 0.3, "C": 0}, "datasets.fruit.expected_shares.C = 0"),
    (["datasets", "fruit", "deploy"], {"adjust_probabilities": True}, "adjust_probabilities: needs expected_shares"),
    (["datasets", "fruit", "costs"], {"A": {"D": 1}}, "costs: 'D' is not one of classes ['A', 'B', 'C']"),
    (
        ["datasets", "fibres", "costs"],
        {"HNF": {"NHNF": 1}},
        "NHNF.HNF: missing; set the cost of predicting HNF for NHNF",
    ),
    (["datasets", "fibres", "costs"], {"HNF": {"NHNF": -1}}, "datasets.fibres.costs.HNF.NHNF = -1"),
    (["datasets", "fibres", "decide_by"], "cost", "decide_by: cost needs costs"),
    (["datasets", "fibres", "decide_by"], "quadratic_kappa", "decide_by: quadratic_kappa needs grades"),
    (["datasets", "fibres", "decide_by"], "acuracy", "datasets.fibres.decide_by = 'acuracy'"),
    (["datasets", "fibres", "equivalence"], 0, "datasets.fibres.equivalence = 0"),
    (["models", "both"], {"family": "blend", "members": ["forest"]}, "list at least two models"),
    (["models", "both"], {"family": "blend", "members": ["forest", "forst"]}, "Did you mean 'forest'?"),
    (["models", "both"], {"family": "blend", "members": ["forest", "forest"]}, "contains a name twice"),
    (["models", "both"], {"family": "blend", "members": ["forest", "svm-polar"], "view": "x"}, "unknown key 'view'"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=lambda part: str(part)[:40])
def test_a_mistake_is_explained(path, value, message):
    with pytest.raises(ConfigError) as caught:
        load(changed(path, value))
    assert message in str(caught.value)


def test_several_mistakes_are_told_at_once():
    raw = changed(["models", "forest", "trees"], -1)
    raw["datasets"]["fruit"]["evaluation"]["repeats"] = 0
    with pytest.raises(ConfigError) as caught:
        load(raw)
    assert "models.forest.trees = -1" in str(caught.value)
    assert "datasets.fruit.evaluation.repeats = 0" in str(caught.value)


def test_sections_survive_the_way_through_the_command_line():
    config = load(EXAMPLE)
    for view in config.views.values():
        assert ViewSection.model_validate_json(to_json(view)) == view


def test_simulated_images_have_a_table_and_masks_like_any_others():
    source = load(EXAMPLE).datasets["fibres"].source("results/fibres/simulated")
    assert source.tables[0].csv == "results/fibres/simulated/labels.csv"
    assert source.masks == "results/fibres/simulated/masks"


def test_the_schema_for_editors_is_the_one_shipped():
    shipped = Path(__file__).parents[1] / "workflow/schemas/config.schema.json"
    assert json.loads(shipped.read_text()) == json_schema(StudiesConfig, registry.BUILT_IN), (
        "run: python -m gradewise.studies.config > " + str(shipped)
    )


def with_blend(dataset, **blend):
    raw = changed(["models", "both"], {"family": "blend", **blend})
    raw["datasets"][dataset]["models"] = [*raw["datasets"][dataset]["models"], "both"]
    return raw


def test_a_blend_needs_no_view_and_is_not_fitted():
    names = EXAMPLE["datasets"]["fruit"]["models"]
    config = load(with_blend("fruit", members=names[:2]))
    assert "both" in config.datasets["fruit"].models
    assert list(config.fitted("fruit")) == names


def test_members_must_be_among_the_models_of_the_dataset():
    outside = next(name for name in EXAMPLE["models"] if name not in EXAMPLE["datasets"]["fruit"]["models"])
    with pytest.raises(ConfigError, match=f"'both' blends {outside}, which fruit does not list"):
        load(with_blend("fruit", members=[EXAMPLE["datasets"]["fruit"]["models"][0], outside]))


def test_a_blend_of_blends_is_refused():
    names = EXAMPLE["datasets"]["fruit"]["models"]
    raw = with_blend("fruit", members=names[:2])
    raw["models"]["all"] = {"family": "blend", "members": ["both", names[0]]}
    with pytest.raises(ConfigError, match="'both' is itself a blend"):
        load(raw)


def test_only_predefined_roles_allow_a_blend_over_repeats():
    member = EXAMPLE["datasets"]["fruit"]["models"][:1]
    assert load(with_blend("fruit", members=member, over="repeats")).models["both"].over == "repeats"
    with pytest.raises(ConfigError, match="blends over: repeats, which needs evaluation"):
        load(with_blend("fibres", members=EXAMPLE["datasets"]["fibres"]["models"][:1], over="repeats"))


def test_costs_become_a_matrix_in_the_order_of_the_classes():
    raw = changed(["datasets", "fibres", "costs"], {"NHNF": {"HNF": 5}, "HNF": {"NHNF": 1}})
    raw["datasets"]["fibres"]["decide_by"] = "cost"
    dataset = load(raw).datasets["fibres"]
    assert dataset.cost_matrix == dataset.verdict_costs == ((0, 1), (5, 0))
    assert dataset.deciding_metric == "cost_per_100"
    raw["datasets"]["fibres"]["decide_by"] = "accuracy"
    assert load(raw).datasets["fibres"].verdict_costs is None


ADJUSTED = {"expected_shares": {"HNF": 0.9, "NHNF": 0.1}, "deploy": {"adjust_probabilities": True}}


def test_probabilities_are_adjusted_where_verdicts_are_means_of_them():
    members = EXAMPLE["datasets"]["fibres"]["models"][:2]
    for by in ("probability", "vote"):
        raw = with_blend("fibres", members=members, by=by)
        raw["datasets"]["fibres"] |= ADJUSTED
        if by == "probability":
            assert load(raw).datasets["fibres"].adjusts
        else:
            with pytest.raises(ConfigError, match=r"fibres.deploy.adjust_probabilities: 'both', which may be handed"):
                load(raw)
            raw["datasets"]["fibres"]["deploy"] = {"adjust_probabilities": True, "model": members[0]}
            load(raw)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aggregate": {"top": 3}, "positive": "NHNF"}, "only means of the probabilities"),
        ({"aggregate": "vote"}, "only means of the probabilities"),
        ({"labels_from": "masks", "aggregate": "mean"}, "with labels_from: masks, they belong"),
    ],
)
def test_other_probabilities_than_means_of_images_are_not_adjusted(changes, reason):
    raw = copy.deepcopy(EXAMPLE)
    raw["datasets"]["fibres"] |= ADJUSTED | changes
    with pytest.raises(ConfigError, match=f"deploy.adjust_probabilities: impossible here, since {reason}"):
        load(raw)


@pytest.mark.parametrize("decide_by", ["cost", "accuracy"])
def test_votes_are_refused_where_cost_decides_alone(decide_by):
    by_vote = with_blend("fibres", members=EXAMPLE["datasets"]["fibres"]["models"][:2], by="vote")
    gathered = changed(["datasets", "fibres", "aggregate"], "vote")
    for raw, message in ((by_vote, "'both' blends by: vote"), (gathered, "aggregate: vote gives no probabilities")):
        raw["datasets"]["fibres"] |= {"costs": {"NHNF": {"HNF": 5}, "HNF": {"NHNF": 1}}, "decide_by": decide_by}
        if decide_by == "accuracy":
            load(raw)
        else:
            with pytest.raises(ConfigError, match=message):
                load(raw)


def test_models_are_compared_on_samples_where_masks_label_them():
    found = load(EXAMPLE).datasets
    assert (found["sem"].deciding_level, found["fibres"].deciding_level) == ("sample", "image")


@pytest.mark.parametrize(
    ("view", "alike"),
    [
        (["grey", {"tile": 128}, {"resize": 64}], True),
        (["rgb", {"tile": 128}, {"resize": 64}, "polar"], False),
        (["rgb", {"tile": 128}], True),
        (["grey", {"tile": 64}], False),
        (["grey", {"resize": 256}, {"tile": 128}], False),
        (["grey", {"tile": 128}, {"centre_crop": 64}], False),
        (["grey", {"tile": 128, "keep": "typical"}], False),
        (["grey", {"resize": 64}], False),
    ],
)
def test_samples_are_only_compared_where_models_are_given_the_same(view, alike):
    raw = copy.deepcopy(EXAMPLE)
    raw["views"]["other"] = view
    raw["models"]["svm-tiles"] = {"family": "pca_svm", "view": "other", "components": 20}
    raw["datasets"]["sem"] |= {"models": ["cnn-nanofibre", "svm-tiles"], "decide_on": "image"}
    assert load(raw).cut_alike(["cnn-nanofibre", "svm-tiles"]) == alike
    del raw["datasets"]["sem"]["decide_on"]
    if alike:
        load(raw)
    else:
        with pytest.raises(
            ConfigError, match=r"datasets.sem: models are compared on single samples .* decide_on: image"
        ):
            load(raw)


def test_the_fingerprint_of_the_rule_follows_what_decides_and_nothing_else():
    def fingerprint(**changes):
        raw = copy.deepcopy(EXAMPLE)
        raw["datasets"]["fibres"] |= changes
        return load(raw).datasets["fibres"].rule_fingerprint

    costs = {"HNF": {"NHNF": 1}, "NHNF": {"HNF": 10}}
    changes = [
        {},
        {"equivalence": 0.02},
        {"decide_by": "balanced_accuracy"},
        {"faster": "prediction"},
        {"costs": costs},
    ]
    assert len({fingerprint(**change) for change in changes}) == len(changes)
    assert fingerprint(aggregate="max") == fingerprint()


@pytest.mark.parametrize(
    ("localise", "message"),
    [
        ({"models": ["cnn-mango"]}, "'cnn-mango' is not one of the dataset's models"),
        ({"models": ["svm-polar"]}, "the view 'polar-192-top' of 'svm-polar' bends images"),
        ({"models": ["cnn-nanofibre"], "stride": 129}, "localise.stride: 129 leaves gaps between samples of 128 px"),
    ],
)
def test_maps_need_models_whose_views_keep_images_straight(localise, message):
    raw = copy.deepcopy(EXAMPLE)
    raw["datasets"]["fibres"]["localise"] = localise
    with pytest.raises(ConfigError, match=message):
        load(raw)


def test_by_default_maps_are_those_of_all_models_that_can_be_laid_over_images():
    raw = copy.deepcopy(EXAMPLE)
    raw["datasets"]["fibres"]["localise"] = True
    config = load(raw)
    assert config.localised("fibres") == ("cnn-nanofibre",)
    assert config.localised("sem") == ()


def test_maps_need_a_class_to_look_for():
    raw = copy.deepcopy(EXAMPLE)
    raw["datasets"]["fruit"]["localise"] = True
    with pytest.raises(ConfigError, match="localise: needs positive"):
        load(raw)


def test_models_of_one_class_are_trained_on_it_alone_or_beside_others():
    raw = copy.deepcopy(EXAMPLE)
    raw["models"]["patches"] = {"family": "patches", "view": "tiles-128", "describe": "texture"}
    raw["datasets"]["sem"]["models"] = ["patches", "cnn-nanofibre"]
    load(raw)
    raw["datasets"]["sem"]["evaluation"] = {"train_only": "Normal"}
    with pytest.raises(ConfigError, match=r"'cnn-nanofibre' \(cnn\) learns from images of both classes"):
        load(raw)
    raw["datasets"]["sem"]["models"] = ["patches"]
    assert load(raw).datasets["sem"].evaluation.runs == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluation": {"train_only": "Anomalous"}}, "positive: the other one"),
        ({"evaluation": {"train_only": "normal"}}, "Did you mean 'Normal'"),
        ({"evaluation": {"train_only": "Normal"}, "learning_curve": True}, "needs training images of both classes"),
        ({"classes": ["Normal", "Bead", "Film"], "positive": "Bead", "labels_from": "images", "aggregate": "mean"},
         "needs two classes and positive"),
    ],
)  # fmt: skip
def test_mistakes_about_training_on_one_class_are_explained(changes, message):
    raw = copy.deepcopy(EXAMPLE)
    raw["models"]["patches"] = {"family": "patches", "view": "tiles-128"}
    raw["datasets"]["sem"] |= {"models": ["patches"], **changes}
    with pytest.raises(ConfigError, match=message):
        load(raw)
