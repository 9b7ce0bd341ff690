"""Kind `feature_maps`: the maps that layers of a network make of an image of each class."""

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
"""Most classes side by side."""

SHEET = 720
"""Most pixels across a sheet of maps; maps of more are averaged down, since print shows no more."""

_ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "prelu": "PReLU"}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """A figure for each layer, with the sample of each class and all maps of it, and a table of the samples."""
    run = evidence.first_run(study.model)
    samples = tables.read(evidence.file(name, "maps.parquet"))
    arrays = read_arrays(evidence.file(name, "maps.npz"))
    activation = _ACTIVATIONS[run.record["settings"]["activation"]]
    orders = {"before": f"batch norm and {activation}", "after": f"{activation} and batch norm", "none": activation}
    columns = [
        Column.text("Image", "image_id"),
        Column.name("True class", "label"),
        Column.name("Predicted", "predicted"),
        Column("Probability", "probability", numbers.percent),
    ]
    if (samples["sample_id"] != samples["image_id"]).any():
        columns.append(Column("Row of the tile", "row", lambda row: numbers.count(row + 1)))
        columns.append(Column("Column of the tile", "column", lambda column: numbers.count(column + 1)))
    return [
        Text(
            f"What convolutions of {study.model} (repeat {run.repeat}) make of one test sample of each class: the one "
            f"that it classifies correctly with the highest probability. Maps are shown after "
            f"{orders[run.record['settings']['norm']]}, before pooling, each in grey from its lowest value (black) to "
            "its highest (white)."
        ),
        *(_figure(name, study, layer, samples, arrays["pixels"], arrays[layer]) for layer in study.layers),
        Table(f"{name}-samples", "The samples shown", samples, tuple(columns), folded=True),
    ]


def _figure(name: str, study: Study, layer: str, samples: pd.DataFrame, pixels: np.ndarray, maps: np.ndarray) -> Figure:
    across = min(ACROSS, len(samples))
    down = -(-len(samples) // across)
    panel = min(3.6, drawing.WIDTH / across)
    count, height, width = maps.shape[1:]
    with drawing.style():
        canvas = Canvas(figsize=(panel * across, down * panel * (1.5 + 0.12)), dpi=200)
        grid = canvas.add_gridspec(2 * down, across, height_ratios=[0.5, 1.0] * down)
        for place, (row, sample, maps_of_sample) in enumerate(zip(samples.itertuples(), pixels, maps, strict=True)):
            line, column = 2 * (place // across), place % across
            top = canvas.add_subplot(grid[line, column])
            show(top, sample)
            title = f"{row.label}, predicted {row.predicted} ({numbers.percent(row.probability)})"
            top.set_title(title, loc="center")
            show(canvas.add_subplot(grid[line + 1, column]), sheet(maps_of_sample))
        svg = drawing.to_svg(canvas)
    rows = -(-count // math.ceil(math.sqrt(count)))
    size = f"{numbers.many(count, 'map')} of {height} × {width} px"
    images = "; ".join(f"{row.label}: {row.image_id}" for row in samples.itertuples())
    flat = (maps.max(axis=(2, 3)) == maps.min(axis=(2, 3))).sum(axis=1)
    without_contrast = ", ".join(f"{label} {number}" for label, number in zip(samples["label"], flat, strict=True))
    return Figure(
        f"{name}-{layer}",
        f"{study.model}, {layer}: the sample (above) and {size} (below, from left to right and row by row). {images}.",
        f"Grey maps that {layer} of {study.model} makes of a sample of each class, {size} in {rows} rows. Maps without "
        f"any contrast: {without_contrast}.",
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
