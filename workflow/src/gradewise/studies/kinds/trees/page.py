"""Kind `trees`: what a forest looks at: the importance of each pixel as an image, and the top of its first tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas

from gradewise.families.forest.classifier import ForestClassifier, read_forest
from gradewise.families.forest.reduction import SelectedPixels
from gradewise.families.pca import Pca
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.palette import QUIET, SEQUENTIAL, Style, class_styles
from gradewise.studies.kinds.trees import Study
from gradewise.studies.pages.evidence import StudyEvidence

DEPTH = 3
"""Levels of the tree that are drawn below its root; deeper ones cannot be read in print."""

_CHANNELS = {1: ["grey"], 3: ["red", "green", "blue"]}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """Importance as an image, by channel as a table, and a tree."""
    run = evidence.first_run(study.model)
    forest = read_forest(run.folder)
    tree = _tree(name, study, forest)
    importance = pixel_importance(forest)
    if importance is None:
        return [
            Text(
                f"{study.model} (repeat {run.repeat}) grows on principal component scores instead of pixels, so that "
                "its importances are of components and make no image."
            ),
            tree,
        ]
    selected = ""
    if isinstance(forest.features, SelectedPixels):
        counts = f"{numbers.count(len(forest.features.kept))} selected values of {numbers.count(importance.size)}"
        selected = f" It was given {counts}; the others are white."
    parts: list[Block] = [
        Text(
            f"Importance is the share of the impurity that splits on a pixel remove, in the mean over the "
            f"{numbers.many(len(forest.forest.estimators_), 'tree')} of {study.model} (repeat {run.repeat}); all "
            f"pixels together have 100 %. Impurity is that of training samples, so that pixels without meaning have "
            f"some importance too.{selected}"
        ),
        _image(name, study, importance),
    ]
    if importance.shape[2] > 1:
        data = pd.DataFrame({"channel": _CHANNELS[importance.shape[2]], "importance": importance.sum(axis=(0, 1))})
        columns = Column.name("Channel", "channel"), Column("Share of the importance", "importance", numbers.percent)
        parts.append(Table(f"{name}-channels", "Importance by colour", data, columns))
    return [*parts, tree]


def pixel_importance(forest: ForestClassifier) -> np.ndarray | None:
    """Impurity importance of each value of a sample; None where the forest does not grow on pixels.

    Float64 of shape (height, width, channels), with sum 1 (0 where no tree splits); 0 where a pixel was not selected.
    """
    if isinstance(forest.features, Pca):
        return None
    importance = forest.forest.feature_importances_
    if isinstance(forest.features, SelectedPixels):
        everything = np.zeros(int(np.prod(forest.shape)))
        everything[forest.features.kept] = importance
        importance = everything
    return np.asarray(importance.reshape(forest.shape))


def _image(name: str, study: Study, importance: np.ndarray) -> Figure:
    of_pixel = importance.sum(axis=2)
    height, width = of_pixel.shape
    across = min(4.6, 3.6 * width / height)
    # An even share is what each pixel had if none were better than another.
    times_even = of_pixel * of_pixel.size
    with drawing.style():
        canvas = Canvas(figsize=(across + 1.4, across * height / width + 0.6), dpi=200)
        axes = canvas.add_subplot()
        image = axes.imshow(times_even, cmap=SEQUENTIAL, vmin=0, interpolation="none")
        axes.set_xlabel("Column [px]")
        axes.set_ylabel("Row [px]")
        for side in axes.spines.values():
            side.set_visible(True)
        bar = canvas.colorbar(image, ax=axes, shrink=0.9, pad=0.03)
        bar.set_label("Importance / even share")
        bar.outline.set_linewidth(0.5)
        svg = drawing.to_svg(canvas)
    ordered = np.sort(of_pixel.ravel())[::-1]
    tenth = max(1, ordered.size // 10)
    row, column = np.unravel_index(int(of_pixel.argmax()), of_pixel.shape)
    return Figure(
        f"{name}-importance",
        f"{study.model}: impurity importance of each pixel of a sample, summed over channels, as a multiple of the "
        f"1/{numbers.count(of_pixel.size)} that an even share would be.",
        f"Image of pixel importance. The most important pixel, in row {row} and column {column}, has "
        f"{times_even.max():.1f} times an even share; the most important tenth of the pixels has "
        f"{numbers.percent(ordered[:tenth].sum())} of the importance.",
        svg,
    )


@dataclass(frozen=True)
class _DrawnTree:
    """A tree on axes: the names of its features, and the colour of each class in the order of the forest."""

    axes: Axes
    tree: Any
    features: list[str]
    styles: dict[str, Style]

    def question(self, node: int) -> str:
        """What a node asks; nothing for a leaf."""
        feature = int(self.tree.feature[node])
        threshold = f"{self.tree.threshold[node]:.4g}".replace("-", numbers.MINUS)
        return f"{self.features[feature]} ≤ {threshold}" if feature >= 0 else ""

    def draw(self, node: int, depth: int, place: float) -> None:
        """Draw a node at (place, -depth) and what is below it to `DEPTH`; every level has room for a full tree."""
        tree, axes = self.tree, self.axes
        children = [int(tree.children_left[node]), int(tree.children_right[node])]
        splits = children[0] >= 0
        for child, side, answer in zip(children if splits else [], (-1, 1), ("yes", "no"), strict=False):
            below = place + side / 2 ** (depth + 2)
            if depth < DEPTH:
                axes.plot([place, below], [-depth, -depth - 1], color=QUIET, linewidth=0.9, zorder=1)
                if depth == 0:
                    align = "right" if side < 0 else "left"
                    axes.text((place + 2 * below) / 3, -0.6, f"{answer} ", ha=align, fontsize=7)
                self.draw(child, depth + 1, below)
            else:
                axes.plot([place, below], [-depth, -depth - 0.58], color=QUIET, linewidth=0.9, zorder=1)
                axes.text(below, -depth - 0.64, "…", ha="center", va="center", color=QUIET, fontsize=8)
        shares = tree.value[node][0] / tree.value[node][0].sum()
        label, style = list(self.styles.items())[int(shares.argmax())]
        rows = float(tree.weighted_n_node_samples[node] / tree.weighted_n_node_samples[0])
        lines = [f"{numbers.percent(rows)} of rows", f"{label}: {numbers.percent(float(shares.max()))}"]
        text = "\n".join([self.question(node), *lines] if splits else lines)
        colours = {"facecolor": shade(style.colour), "edgecolor": style.colour}
        box: dict[str, Any] = {"boxstyle": "round,pad=0.35", "linewidth": 1.2, **colours}
        axes.text(place, -depth, text, ha="center", va="center", fontsize=6.2, linespacing=1.25, zorder=2, bbox=box)


def _tree(name: str, study: Study, forest: ForestClassifier) -> Figure:
    tree = forest.forest.estimators_[0].tree_
    unit = "scores" if isinstance(forest.features, Pca) else "grey levels"
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 4.3))
        axes = canvas.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(-DEPTH - 0.72, 0.42)
        drawn = _DrawnTree(axes, tree, feature_names(forest), class_styles(forest.classes))
        drawn.draw(0, 0, 0.5)
        svg = drawing.to_svg(canvas)
    root = drawn.question(0).replace("\n", ", ")
    return Figure(
        f"{name}-tree",
        f"{study.model}: the first of its trees, down to depth {min(DEPTH, tree.max_depth)} of "
        f"{numbers.count(tree.max_depth)}. A node shows its test ({unit}; to the left where it holds), the share "
        "of training rows that reach it, and the most frequent class among them with its share; frames have the "
        "colour of that class. Dots stand for branches that are not drawn. Rows and columns count from 0.",
        f"Top of a decision tree with {numbers.count(int(tree.n_leaves))} leaves. "
        + ("It tests nothing." if tree.node_count == 1 else f"The test of its root: {root}."),
        svg,
    )


def shade(colour: str) -> tuple[float, float, float]:
    """A colour thinned with white until text can be read on it."""
    red, green, blue = to_rgb(colour)
    return 1 - 0.13 * (1 - red), 1 - 0.13 * (1 - green), 1 - 0.13 * (1 - blue)


def feature_names(forest: ForestClassifier) -> list[str]:
    """What each feature of a forest is: a component, or a pixel by row, column and channel, counted from 0."""
    if isinstance(forest.features, Pca):
        return [f"component {place + 1}" for place in range(len(forest.features.components))]
    channels = _CHANNELS[forest.shape[2]]
    count = int(np.prod(forest.shape))
    kept = forest.features.kept if isinstance(forest.features, SelectedPixels) else np.arange(count)
    rows, columns, depths = np.unravel_index(kept, forest.shape)
    return [
        f"row {row}, col. {column}\n{channels[depth]}" for row, column, depth in zip(rows, columns, depths, strict=True)
    ]
