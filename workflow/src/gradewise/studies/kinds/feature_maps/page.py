"""Part: the maps that layers of a network make of an image of each class."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.studies.arrays import read_arrays
from gradewise.studies.kinds.feature_maps import Study
from gradewise.studies.pages.evidence import StudyEvidence

ACROSS = 3
"""Most classes that stand side by side."""

SHEET = 720
"""Most pixels across a sheet of maps; maps of more are averaged down, since print shows no more."""

_ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "prelu": "PReLU"}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """A figure for each layer: the sample of each class, and all maps of it."""
    run = evidence.first_run(study.model)
    samples = tables.read(evidence.file(name, "maps.parquet"))
    arrays = read_arrays(evidence.file(name, "maps.npz"))
    activation = _ACTIVATIONS[run.record["settings"]["activation"]]
    after = {"before": f"batch norm and {activation}", "after": f"{activation} and batch norm", "none": activation}
    opening = Text(
        f"What convolutions of {study.model} (repeat {run.repeat}) make of one test sample of each class: the one that "
        f"it gets right with the highest probability. Maps are shown after "
        f"{after[run.record['settings']['norm']]}, before pooling, each in grey from its lowest value (black) to its "
        "highest (white)."
    )
    figures = [_figure(name, study, layer, samples, arrays["pixels"], arrays[layer]) for layer in study.layers]
    return [opening, *figures, _table(name, samples)]


def _figure(name: str, study: Study, layer: str, samples: pd.DataFrame, pixels: np.ndarray, maps: np.ndarray) -> Figure:
    across = min(ACROSS, len(samples))
    down = -(-len(samples) // across)
    panel = min(3.6, drawing.WIDTH / across)
    count, height, width = maps.shape[1:]
    with drawing.style():
        canvas = Canvas(figsize=(panel * across, down * panel * (1.5 + 0.12)), dpi=200)
        grid = canvas.add_gridspec(2 * down, across, height_ratios=[0.5, 1.0] * down)
        for place, (row, sample, of_sample) in enumerate(zip(samples.itertuples(), pixels, maps, strict=True)):
            line, column = 2 * (place // across), place % across
            top = canvas.add_subplot(grid[line, column])
            show(top, sample)
            top.set_title(f"{row.label}, called {row.predicted} ({numbers.percent(row.probability)})", loc="center")
            show(canvas.add_subplot(grid[line + 1, column]), sheet(of_sample))
        svg = drawing.to_svg(canvas)
    rows = -(-count // math.ceil(math.sqrt(count)))
    size = f"{numbers.many(count, 'map')} of {height} × {width} px"
    shown = "; ".join(f"{row.label}: {row.image_id}" for row in samples.itertuples())
    dark = [f"{label} {share}" for label, share in zip(samples["label"], _silent(maps), strict=True)]
    return Figure(
        f"{name}-{layer}",
        f"{study.model}, {layer}: the sample (above) and {size} (below, from left to right and row by row). {shown}.",
        f"Grey maps that {layer} of {study.model} makes of a sample of each class, {size} in {rows} rows. Maps without "
        f"any contrast: {', '.join(dark)}.",
        svg,
    )


def sheet(maps: np.ndarray) -> np.ndarray:
    """Maps (n, height, width) side by side in a grid that is about square, white between them, as uint8 (.., .., 1).

    Each map goes from its own lowest (0) to its own highest value (255); one without contrast is black.
    """
    across = math.ceil(math.sqrt(len(maps)))
    down = -(-len(maps) // across)
    height, width = maps.shape[1:]
    scale = min(1.0, SHEET / (across * width))
    size = max(1, round(scale * height)), max(1, round(scale * width))
    gap = max(1, size[1] // 16)
    canvas = np.full((down * (size[0] + gap) - gap, across * (size[1] + gap) - gap), 255, dtype=np.uint8)
    for place, pixels in enumerate(maps.astype(np.float32)):
        low, high = float(pixels.min()), float(pixels.max())
        grey = (pixels - low) / (high - low) if high > low else np.zeros_like(pixels)
        small = grey if scale == 1 else cv2.resize(grey, size[::-1], interpolation=cv2.INTER_AREA)
        top, left = place // across * (size[0] + gap), place % across * (size[1] + gap)
        canvas[top : top + size[0], left : left + size[1]] = np.round(255 * small)
    return canvas[..., None]


def show(axes: Axes, pixels: np.ndarray) -> None:
    """A sample or sheet, uint8 (height, width, channels), without axes and without smoothing."""
    axes.imshow(pixels[..., 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=255, interpolation="none")
    axes.set_axis_off()


def _silent(maps: np.ndarray) -> list[int]:
    """Number of maps of each sample that are the same everywhere."""
    return [int(count) for count in (maps.max(axis=(2, 3)) == maps.min(axis=(2, 3))).sum(axis=1)]


def _table(name: str, samples: pd.DataFrame) -> Table:
    places = (
        Column("Row of the tile", "row", lambda row: numbers.count(row + 1)),
        Column("Column of the tile", "column", lambda column: numbers.count(column + 1)),
    )
    tiled = bool((samples["sample_id"] != samples["image_id"]).any())
    return Table(
        f"{name}-samples",
        "The samples shown",
        samples,
        (
            Column.text("Image", "image_id"),
            Column.name("True class", "label"),
            Column.name("Predicted", "predicted"),
            Column("Probability", "probability", numbers.percent),
            *(places if tiled else ()),
        ),
        folded=True,
    )
