"""Proposes models that learn what is normal, for images of which all of training are of one class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradewise.config.known_backbones import Known
from gradewise.start.commented import Line, Section
from gradewise.start.design import choose_positive
from gradewise.start.layout import Layout
from gradewise.start.pretrained import how_to_get_one
from gradewise.start.recipes import start_of_views
from gradewise.start.survey import Survey

SIDES = range(96, 257)
"""Sides of the tiles that images are cut into [px]."""

TOO_FEW, LEAST = 4, 10
"""Images of a class from which models may learn from it, and be tested on it; images of the normal class that one-class
models need at least."""

ENOUGH = 0.01
"""Share of an image that a larger tile may show less than the best one."""

DEFECTIVE, OTHER = "defective", "other"
"""Name of the classes that are not normal together, and what they are called if the normal one has that name."""


def normal_class(layout: Layout) -> str | None:
    """The class that models should learn from alone; None where they can learn from several.

    It is that of all training images, where test images are of others, too; or of two classes the one that is not
    looked for, where images of the other, without masks, are too few to learn from.
    """
    files = layout.files
    training = set(files.loc[files["role"] == "train", "label"])
    if training:
        others = set(files.loc[files["role"] == "test", "label"]) - training
        return str(next(iter(training))) if len(training) == 1 and others else None
    counts = files["label"].value_counts()
    positive = choose_positive(counts, None)
    if positive is None or layout.masks is not None:
        return None
    frequent, rare = (str(name) for name in counts.index)
    return frequent if rare == positive.value and counts[rare] < TOO_FEW and counts[frequent] >= LEAST else None


def merged(files: pd.DataFrame, normal: str) -> dict[str, list[str]]:
    """The labels in each of two classes, the normal one first; one other label keeps its name."""
    others = sorted(set(files["label"]) - {normal})
    name = others[0] if len(others) == 1 else OTHER if normal == DEFECTIVE else DEFECTIVE
    return {normal: [normal], name: others}


def one_class_views(found: Survey) -> tuple[list[Line], str]:
    """The view of tiles, with its reasons, and its name."""
    tile = _tile(found)
    start, why = start_of_views(found)
    name = f"tiles-{tile}"
    lines = [
        Line(
            "",
            why=f"{why}; tiles at full resolution, of the size that leaves off least of an image",
        ),
        Line(name, [*start, {"tile": tile, "keep": "all"}]),
    ]
    return lines, name


def _tile(found: Survey) -> int:
    """Side of the tiles that leave off least at the right and bottom of images, a large one of those alike [px]."""
    if found.shortest < SIDES[0]:
        return found.shortest
    heights, widths = found.above_bar.T
    shown = {
        side: float(np.median((heights // side) * (widths // side) * side**2 / (heights * widths)))
        for side in SIDES
        if side <= found.shortest
    }
    return max(side for side, share in shown.items() if share >= max(shown.values()) - ENOUGH)


def one_class_models(view: str, backbone: Known | None) -> list[Line]:
    """Models of the family `patches`, with their reasons."""
    texture = Section((Line("family", "patches"), Line("view", view)))
    models = [
        Line("texture", texture, "describes patches by energies of filters at several scales: needs nothing else")
    ]
    if backbone is None:
        return [*models, *how_to_get_one()]
    pretrained = Section((Line("family", "patches"), Line("view", view), Line("backbone", backbone.name)))
    why = f"describes patches by maps of a network that saw {backbone.trained_on} before: often the best, and slower"
    return [Line(f"patches-{backbone.name}", pretrained, why), *models]
