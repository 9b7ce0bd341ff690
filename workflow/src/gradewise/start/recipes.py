"""Views and models for a dataset: sizes by its images, effort by its number and by the machine."""

from __future__ import annotations

import math
from typing import NamedTuple

from gradewise.config.known_backbones import Known
from gradewise.start.commented import Line, Section, flow
from gradewise.start.machine import Machine
from gradewise.start.pretrained import how_to_get_one, pretrained_models
from gradewise.start.survey import Survey

SIDES = (32, 48, 64, 96, 128, 160, 192, 224)
"""Sides of samples to choose from [px]."""

LARGEST, LARGEST_ON_GPU, LARGEST_FLAT = 128, 224, 64
"""Largest sides for networks without and with a GPU, and for models of flat pixels [px]."""

MEMORY_SHARE = 0.1
"""Share of the memory that the samples of a view may take."""

SAME = 1.05
"""Factor up to which proportions of images count as equal."""

STEPS = 1500
"""Mini-batches that a small network needs to learn, about."""

BATCH = 32
FEWEST_EPOCHS, MOST_EPOCHS = 15, 100
MANY = 3000
"""Training samples from which the effort for each is kept low."""


class Views(NamedTuple):
    """Views with their reasons, and the names of those for networks, models of flat pixels and a backbone."""

    lines: list[Line]
    network: str
    flat: str
    pretrained: str


class Samples(NamedTuple):
    """Samples of a dataset: how many in all and for training, and the side of tiles (None: they are whole images)."""

    total: int
    training: int
    tile: int | None


def choose_tile(found: Survey) -> int:
    """Side of the tiles that images are cut into [px]."""
    return next((side for side in (128, 64) if found.shortest >= 2 * side), max(16, found.shortest // 2))


def choose_views(found: Survey, samples: Samples, machine: Machine, backbone: Known | None) -> Views:
    """Views by the sizes of the images and by what models are made of."""
    start, why = start_of_views(found)
    channels = 1 if found.is_grey else 3
    limit = samples.tile or found.shortest
    large = _side(min(limit, LARGEST_ON_GPU if machine.has_gpu else LARGEST), samples.total * channels, machine)
    small = min(large, LARGEST_FLAT)
    if samples.tile is not None:
        tile = {"tile": samples.tile, "keep": "all"}
        whole = [Line("", why=f"{why}; tiles at full resolution, which masks label")]
        views = {f"tiles-{samples.tile}": [*start, tile]}
        if small < samples.tile:
            views[f"tiles-{small}"] = [*start, tile, {"resize": small}]
            whole.append(
                Line("", why=f"models of flat pixels see tiles reduced to {small} px: fewer numbers, less noise")
            )
    else:
        whole = [Line("", why=f"{why}; {_size_reason(found, large)}")]
        views = {f"images-{side}": [*start, {"resize": _resize(found, side)}] for side in dict.fromkeys((large, small))}
        if large != small:
            whole.append(Line("", why=f"models of flat pixels see {small} px: fewer numbers, less noise"))
    names = list(views)
    pretrained = names[0]
    if samples.tile is None and backbone is not None:
        side = _side(min(limit, backbone.side), samples.total * channels, machine)
        pretrained = f"images-{side}"
        if pretrained not in views:
            views[pretrained] = [*start, {"resize": _resize(found, side)}]
            whole.append(Line("", why=f"{backbone.name} sees {side} px: it was trained with {backbone.side} px"))
    lines = [*whole, *(Line(name, operations) for name, operations in views.items())]
    if samples.tile is None and found.shortest >= 4 * large:
        lines.append(
            Line(
                "", why="If classes differ in fine detail, which reducing blurs, add a view of tiles and a model of it:"
            )
        )
        lines.append(Line("", why=f"tiles-128: {flow([*start, {'tile': 128, 'keep': 'random', 'count': 16}])}"))
    return Views(lines, names[0], names[-1], pretrained)


def start_of_views(found: Survey) -> tuple[list[object], str]:
    """The operations that every view begins with, and why."""
    start: list[object] = ["grey" if found.is_grey else "rgb"]
    why = "all images looked at are grey" if found.is_grey else "images have colours"
    if found.bits > 8:
        why += f" ({found.bits} bits, reduced to 8)"
    if found.bar_rows.any():
        start.append({"crop": {"below_data_bar": True}})
        why += "; the data bar below is cut off, for models must not read its text"
    return start, why


def _side(limit: int, values: int, machine: Machine) -> int:
    """The largest side within a limit at which `values` squares of it fit into memory."""
    affordable = math.sqrt(MEMORY_SHARE * machine.memory_mb * 1e6 / values)
    return max((side for side in SIDES if side <= min(limit, affordable)), default=SIDES[0])


def _resize(found: Survey, side: int) -> object:
    return {"side": side, "keep_aspect": "pad"} if _varies(found) else side


def _varies(found: Survey) -> bool:
    ratios = found.ratios
    return bool(max(ratios) > SAME * min(ratios))


def _size_reason(found: Survey, side: int) -> str:
    heights, widths = found.above_bar.T
    if (found.above_bar == found.above_bar[0]).all():
        size = f"all are {widths[0]} x {heights[0]} px"
    else:
        size = f"sizes are {widths.min()} x {heights.min()} to {widths.max()} x {heights.max()} px"
    if _varies(found):
        return f"{size} of different proportions, which stay as they are (pad; crop shows the middle square)"
    if max(found.ratios[0], 1 / found.ratios[0]) > SAME:
        return f"{size}, squeezed into a square of {side} px, all alike"
    return f"{size}, reduced to {side} px" if found.shortest > side else size


def choose_models(
    found: Survey,
    samples: Samples,
    classes: int,
    is_unbalanced: bool,
    views: Views,
    machine: Machine,
    backbone: Known | None,
) -> list[Line]:
    """A model of each family, a blend of them, and models on features of a backbone, with their reasons."""
    side = int(views.network.rpartition("-")[2])
    why = "rare classes count as much as frequent ones"
    weight = [Line("class_weight", "balanced", why)] if is_unbalanced else []
    turns_freely = found.is_grey and found.shortest >= LARGEST
    is_small = samples.training <= MANY
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(STEPS * BATCH / max(samples.training, 1) / 5) * 5))
    widths = [32, 64, 128, 256, 256, 256] if machine.has_gpu else [16, 32, 64, 96, 128, 128]
    # each block halves the side; the last maps keep at least 4 x 4 positions
    blocks = max(2, min(len(widths), int(math.log2(side / 4))))
    augment: list[object] = ["d4"] if turns_freely else ["horizontal_flip"]
    if not found.is_grey:
        augment += [{"rotate": 15}, {"colour_jitter": [0.8, 1.2]}]
    turned = "turned and flipped copies count as images; remove them where up and down matter"
    flipped = "mirrored copies count as images; remove them where left and right matter"
    copies = turned if turns_freely else flipped
    cnn = [
        Line("family", "cnn"),
        Line("view", views.network),
        Line("channels", widths[:blocks], f"a block for each halving of {side} px; a network for {_effort(machine)}"),
        Line("dense", [128 if classes > 10 else 40], "neurons between its features and the classes"),
        Line("dropout", 0.3, "against learning images by heart"),
        Line("augment", augment, copies),
        Line("epochs", epochs, f"passes over about {samples.training} samples; fewer are faster"),
        Line("optimiser", {"name": "adam", "lr": 0.002, "schedule": "cosine"}, "rarely needs tuning"),
        *weight,
    ]
    components = max(10, min(100, samples.training // 2 // 10 * 10))
    svm = [
        Line("family", "pca_svm"),
        Line("view", views.flat),
        Line("components", components, "principal components, fewer than half the training samples"),
        Line("C", {"choose": [1, 10]}, "validation chooses") if is_small else Line("C", 10, "choosing would take long"),
        *weight,
    ]
    forest = [
        Line("family", "forest"),
        Line("view", views.flat),
        Line("trees", 300 if is_small else 200, "more trees cost time and hardly change the result"),
        *([Line("augment", "d4" if turns_freely else "flip", copies)] if is_small else []),
        *weight,
    ]
    blend = {"family": "blend", "members": ["cnn", "svm", "forest"], "by": "probability"}
    return [
        Line("cnn", Section(tuple(cnn)), "learns its own features, which takes some hundred images"),
        Line("svm", Section(tuple(svm)), "gets on with few images"),
        Line("forest", Section(tuple(forest)), "needs hardly any tuning"),
        Line("blend", blend, "the mean of their probabilities: costs nothing, and is often the best of these"),
        *(
            how_to_get_one()
            if backbone is None
            else pretrained_models(backbone, views.pretrained, samples.training, weight)
        ),
    ]


def _effort(machine: Machine) -> str:
    return "a GPU" if machine.has_gpu else f"{machine.cores} processor cores without a GPU"
