"""Estimates how long a comparison takes and what it needs, from counts of operations and what processors do of them.

Right to a factor of two or three: whether it takes minutes or a night.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gradewise.config.backbones import Backbone
from gradewise.config.config import Config
from gradewise.config.models import FittedModel
from gradewise.config.views import View
from gradewise.families import registry
from gradewise.families.backbones.network import HEAD, SCALES, count_features
from gradewise.families.cnn.settings import FineTuningSettings, TrainingSettings
from gradewise.families.patches.settings import MapsSettings
from gradewise.resources import MOST_THREADS
from gradewise.start.machine import Machine
from gradewise.symmetry import elements

START = 6.0
"""Time in which a job starts and ends [s]."""

OTHER_JOBS = 16
"""Jobs of a dataset that do not train."""

READING, VIEWING = 0.012, 0.006
"""Time per million pixels to read an image, and to make its samples for a view [s]."""

OF_PEAK, BF16_GAIN, ON_GPU = 0.25, 2.5, 5e12
"""Share of the rate of a matrix product that convolutions reach, their gain from 16 bits where the processor has them,
and their rate on a GPU [operations/s]."""

SPLITS = 1.2e-8
"""Time of a forest per row, level of a tree and feature tried [s]."""

LINEAR_STEPS, READ_TWICE = 100, 2e-9
"""Steps of a logistic regression, and time of each per sample and input, which it reads twice [s]."""

EMBEDDING, TUNING, TUNING_ALL = 1e-6, 4e-7, 1e-6
"""Time of a backbone per pixel of a sample: to compute features, and to train its last blocks or all of it once [s]."""

FEATURES = {"efficientnet_lite0": 1.5e-7, "efficientnet_lite1": 2.3e-7, "efficientnet_lite2": 3.3e-7}
"""Time per pixel of a sample to compute features by onnxruntime [s]; other backbones count as `EMBEDDING`."""

DESCRIBING = {"maps": 1.6e-7, "texture": 1.7e-7, "dictionary": 5e-8, "components": 2e-8}
"""Time to describe patches per pixel, of maps of a network per pixel of the enlarged sample [s]."""

REMEMBERING, REMEMBERING_MAPS = 3.0, 30.0
"""Time to fit a memory of patches and those that set its threshold; of the longer features of a network's maps [s]."""

MAPPING, TILES_AT_A_PLACE = 4e-7, 16
"""Time of a network of this package per pixel of a map, and tiles that show a place to any other model [s]."""

PREDICTING = 2e-7
"""Time of a model that is no network per pixel of a sample that it predicts [s]."""


@dataclass(frozen=True)
class Workload:
    """What there is to do on a dataset.

    Attributes
    ----------
    images : int
    megapixels : float
        Of an image, the median.
    samples : dict
        Samples per image of each view.
    share : float
        Share of the images that a model is trained on.
    """

    images: int
    megapixels: float
    samples: dict[str, int]
    share: float


@dataclass(frozen=True)
class Estimate:
    """What a dataset takes: time [s], memory of the largest job [MB], and disk space of the views [MB]."""

    seconds: float
    memory_mb: float
    disk_mb: float


def samples_per_image(view: View, size: tuple[int, int]) -> int:
    """Number of samples that a view makes of an image of a height and width [px]."""
    if view.tiling is None:
        return 1
    before: tuple[int, int] | None = size
    for operation in view.operations:
        if operation is view.tiling:
            break
        before = operation.size_after(before)
    assert before is not None, "sizes are known where that of the image is"
    return len(view.tiling.choose(np.zeros((*before, 1), np.uint8), np.random.default_rng(0)))


def estimate(config: Config, dataset: str, work: Workload, machine: Machine) -> Estimate:
    """What the runs of a dataset take on a machine."""
    section, models = config.datasets[dataset], config.trained(dataset)
    views = {model.view for model in models.values()}
    # files are decoded at their size, or in hardly less time
    megapixels = work.megapixels * section.factor**2
    reading = work.images * megapixels * (READING + VIEWING * len(views)) / machine.cores
    # the leak test fits models once more, the learning curve on shares
    runs = section.evaluation.runs
    training = {name: _fit_seconds(config, model, work, machine) for name, model in models.items()}
    fits = {name: float(runs) for name in models}
    for name in (*section.leak_models, *section.curve_models):
        if name in fits:
            fits[name] += runs * (1 if name in section.leak_models else sum(section.shares))
    jobs = OTHER_JOBS + sum(fits.values())
    waiting = START * jobs / min(machine.cores, 4)
    seconds = (
        reading
        + waiting
        + _embedding_seconds(config, models, work, machine)
        + _mapping_seconds(config, dataset, work, machine)
        + sum(fits[name] * training[name] for name in models)
    )
    sizes = {view: work.images * work.samples[view] * math.prod(config.views[view].shape) / 1e6 for view in views}
    memory = [
        needs.memory_mb + needs.memory_per_mb * sizes[model.view]
        for model in models.values()
        for needs in [registry.family(model.family).resources(model.candidates)]
    ]
    return Estimate(seconds, max(memory), 2 * sum(sizes.values()))


def _embedding_seconds(config: Config, models: dict[str, FittedModel], work: Workload, machine: Machine) -> float:
    """Time in which backbones compute features, once per view."""
    seconds = 0.0
    on_features = [model for model in models.values() if model.on_features]
    for view, name in {(model.view, model.backbone) for model in on_features if model.backbone is not None}:
        height, width, _ = config.views[view].shape
        pixels = work.images * work.samples[view] * height * width
        cost = FEATURES.get(config.backbones[name].architecture, EMBEDDING)
        seconds += pixels * len(elements(config.backbones[name].symmetries)) * cost / machine.cores
    return seconds


def _mapping_seconds(config: Config, dataset: str, work: Workload, machine: Machine) -> float:
    """Time of maps of all tested images of all repeats."""
    section = config.datasets[dataset]
    pixels = work.images * work.megapixels * 1e6 * (1 - work.share) * section.evaluation.runs
    seconds = 0.0
    for name in config.localised(dataset):
        model = config.fitted(dataset)[name]
        if model.family == "patches":
            seconds += pixels * _describing(model.candidates[0])
        elif model.family == "cnn" and model.backbone is None:
            seconds += pixels * MAPPING
        else:
            seconds += pixels * TILES_AT_A_PLACE * (PREDICTING if model.backbone is None else EMBEDDING)
    return seconds / machine.cores


def _describing(settings: Any) -> float:
    """Time to describe the patches of an image, per pixel [s]."""
    if isinstance(settings, MapsSettings):
        return DESCRIBING["maps"] * settings.enlarge**2
    return DESCRIBING[settings.describe]


def _fit_seconds(config: Config, model: FittedModel, work: Workload, machine: Machine) -> float:
    """Time to fit a model once; that of a family of another package counts as none."""
    cost = COSTS.get(model.family)
    if cost is None:
        return 0.0
    samples = max(1, round(work.share * work.images * work.samples[model.view]))
    if model.family == "cnn":
        # networks are fitted one at a time; jobs of other families fill all cores
        machine = machine._replace(rate=machine.rate * _threads(config, model, work, machine) / machine.cores)
    shape = config.views[model.view].shape
    if model.backbone is not None and model.on_features:
        shape = (1, 1, _count_features(config.backbones[model.backbone]))
    return sum(cost(settings, shape, samples, machine) for settings in model.candidates)


def _count_features(backbone: Backbone) -> int:
    """Number of features; of a file that would have to be read for it, a usual one."""
    known = backbone.architecture in SCALES
    return count_features(backbone.architecture, backbone.maps) if known else 2 * HEAD


def _threads(config: Config, model: FittedModel, work: Workload, machine: Machine) -> int:
    """Threads of a fit, by the size of the samples."""
    size = work.images * work.samples[model.view] * math.prod(config.views[model.view].shape) / 1e6
    per_thread = registry.family(model.family).resources(model.candidates).mb_per_thread
    return max(1, min(machine.cores, MOST_THREADS, int(size / per_thread) if per_thread else 1))


def _network_seconds(settings: Any, shape: tuple[int, int, int], samples: int, machine: Machine) -> float:
    if isinstance(settings, FineTuningSettings):
        return _tuning_seconds(settings, shape, samples, machine)
    products, (height, width, channels) = 0, shape
    for filters in settings.channels:
        for _ in range(settings.convolutions):
            products += height * width * settings.kernel**2 * channels * filters
            channels = filters
        height, width = max(1, height // 2), max(1, width // 2)
    products += sum(a * b for a, b in pairwise((height * width * channels, *settings.dense)))
    passes = _passes(settings, samples)
    # one pass forward and two backward, two operations per product
    speed = ON_GPU if machine.has_gpu else machine.rate * OF_PEAK * (BF16_GAIN if machine.has_bf16 else 1)
    return float(6 * products * passes / speed)


def _tuning_seconds(settings: FineTuningSettings, shape: tuple[int, int, int], samples: int, machine: Machine) -> float:
    tuning = TUNING_ALL if settings.layers == "all" else TUNING
    return shape[0] * shape[1] * (samples * EMBEDDING + _passes(settings, samples) * tuning) / machine.cores


def _passes(settings: TrainingSettings, samples: int) -> int:
    """How often training looks at a sample."""
    if settings.epochs:
        return samples * settings.epochs
    return (settings.iterations or 0) * settings.batch_size


def _svm_seconds(settings: Any, shape: tuple[int, int, int], samples: int, machine: Machine) -> float:
    features = math.prod(shape)
    # five fits that calibrate and one of all, each about quadratic
    return float(_components_seconds(features, samples, machine) + 6 * samples**2 * settings.components * 4e-10)


def _linear_seconds(settings: Any, shape: tuple[int, int, int], samples: int, machine: Machine) -> float:
    features = math.prod(shape)
    components = _components_seconds(features, samples, machine) if settings.components else 0.0
    return components + LINEAR_STEPS * samples * (settings.components or features) * READ_TWICE


def _components_seconds(features: int, samples: int, machine: Machine) -> float:
    smaller = min(samples, features)
    return float(2 * smaller * samples * features / machine.rate + smaller**3 * 2e-10)


def _forest_seconds(settings: Any, shape: tuple[int, int, int], samples: int, machine: Machine) -> float:
    rows = samples * settings.siblings
    tried = math.prod(shape) ** 0.5
    return float(settings.trees * rows * math.log2(max(rows, 2)) * tried * SPLITS / machine.cores)


def _patches_seconds(settings: Any, shape: tuple[int, int, int], samples: int, machine: Machine) -> float:
    remembering = REMEMBERING_MAPS if isinstance(settings, MapsSettings) else REMEMBERING
    return (remembering + samples * shape[0] * shape[1] * _describing(settings)) / machine.cores


COSTS: dict[str, Callable[[Any, tuple[int, int, int], int, Machine], float]] = {
    "cnn": _network_seconds,
    "pca_svm": _svm_seconds,
    "forest": _forest_seconds,
    "linear": _linear_seconds,
    "patches": _patches_seconds,
}
"""Time of a fit for the families of this package."""
