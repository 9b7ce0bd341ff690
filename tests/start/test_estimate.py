"""Estimates of time, memory and disk grow with what there is to do."""

from dataclasses import replace

import pytest

from gradewise.config.views import View
from gradewise.start.estimate import Workload, estimate, samples_per_image
from gradewise.start.machine import Machine
from gradewise.studies.config import load

MODELS = {
    "cnn": {"family": "cnn", "view": "v", "epochs": 20},
    "svm": {"family": "pca_svm", "view": "v"},
    "forest": {"family": "forest", "view": "v"},
    "last-blocks": {"family": "cnn", "view": "v", "backbone": "lite0", "epochs": 20},
    "all-blocks": {"family": "cnn", "view": "v", "backbone": "lite0", "epochs": 20, "layers": "all"},
    "texture": {"family": "patches", "view": "v"},
    "maps": {"family": "patches", "view": "v", "backbone": "lite0"},
}
LITE0 = {"architecture": "efficientnet_lite0", "weights": "lite0.pth", "sha256": "0" * 64}
SLOW = Machine(2, 1e11, False, 8000, False)
WORK = Workload(images=2000, megapixels=1, samples={"v": 1}, share=0.7)


def needs(models=tuple(MODELS), view=64, work=WORK, machine=SLOW, **section):
    dataset = {"images": "photos", "classes": ["a", "b"], "positive": "b", "models": list(models), **section}
    raw = {
        "datasets": {"d": dataset},
        "views": {"v": ["grey", {"resize": view}]},
        "backbones": {"lite0": LITE0 | {"licence": "MIT", "trained_on": "noise"}},
        "models": MODELS,
    }
    return estimate(load(raw), "d", work, machine)


@pytest.mark.parametrize("model", MODELS)
def test_more_images_take_longer(model):
    more = replace(WORK, images=8000)
    assert needs([model], work=more).seconds > 1.5 * needs([model]).seconds
    assert needs([model], work=more).memory_mb > needs([model]).memory_mb


def test_a_gpu_or_bf16_trains_networks_faster():
    plain = needs(["cnn"], view=128).seconds
    assert needs(["cnn"], view=128, machine=SLOW._replace(has_bf16=True)).seconds < plain
    assert needs(["cnn"], view=128, machine=SLOW._replace(has_gpu=True)).seconds < plain


def test_more_blocks_of_a_backbone_take_longer():
    assert needs(["all-blocks"]).seconds > needs(["last-blocks"]).seconds > needs(["last-blocks"], view=32).seconds


def test_patches_of_a_network_take_longer_and_the_more_the_larger_samples_are_made():
    assert needs(["maps"], view=256).seconds > 2 * needs(["texture"], view=256).seconds


@pytest.mark.parametrize("model", ["maps", "texture", "cnn", "forest"])
def test_maps_of_test_images_take_their_time_which_grows_with_the_images(model):
    def added(megapixels):
        work = replace(WORK, images=200, megapixels=megapixels)
        with_maps, without = (needs([model], work=work, localise=localise).seconds for localise in (True, False))
        return with_maps - without

    assert added(1) > 0
    assert added(4) == pytest.approx(4 * added(1))


def test_repeats_curves_and_leak_tests_take_their_time():
    once = needs(["forest"]).seconds
    assert needs(["forest"], leak_test=True).seconds > once
    assert needs(["forest"], learning_curve=True).seconds > once
    assert needs(["forest"], evaluation={"folds": 5, "repeats": 3}).seconds > 1.5 * once


def test_a_view_takes_its_pixels_twice_on_the_disk():
    assert needs().disk_mb == pytest.approx(2 * 2000 * 64 * 64 / 1e6)


@pytest.mark.parametrize(
    ("operations", "count"),
    [
        (["grey", {"resize": 64}], 1),
        (["grey", {"tile": 100}], 6),
        (["grey", {"resize": [200, 400]}, {"tile": 100}], 8),
        (["grey", {"tile": 100, "keep": "random", "count": 4}], 4),
    ],
)
def test_tiles_are_counted(operations, count):
    assert samples_per_image(View.model_validate(operations), (250, 380)) == count
