"""Kind `components`: principal components as images, and the variance that they explain."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.families.pca import Pca, read_pca
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.palette import INK, Style
from gradewise.studies.kinds.components import Study
from gradewise.studies.kinds.feature_maps.page import show
from gradewise.studies.pages.evidence import StudyEvidence

SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Of the variance; the figure says how many components it takes."""


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """Explained variance against the number of components, and the first of them as images."""
    run = evidence.first_run(study.model)
    pca, _ = read_pca(run.folder / "pca.safetensors")
    explained = np.cumsum(pca.explained_variance) / pca.total_variance
    most = len(explained)
    counts = sorted({count for count in (1, 2, 5, 10, 20, 50, 100, 200, 400, 800) if count <= most} | {most})
    columns = (
        Column("Components", "components", numbers.count),
        Column("Variance explained", "explained", numbers.percent),
    )
    table = pd.DataFrame({"components": counts, "explained": [explained[count - 1] for count in counts]})
    caption = "Variance that the first components explain"
    return [
        Text(
            f"{study.model} (repeat {run.repeat}) keeps {numbers.many(most, 'component')} of samples of "
            f"{' × '.join(map(str, pca.shape[:2]))} px, which explain {numbers.percent(explained[-1])} of the variance "
            "between training samples."
        ),
        _variance(name, study, explained, counts, evidence.base.styles[study.model]),
        Table(f"{name}-variance", caption, table, columns),
        _images(name, study, pca),
    ]


def _variance(name: str, study: Study, explained: np.ndarray, counts: list[int], style: Style) -> Figure:
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH * 0.72, 2.9))
        axes = canvas.add_subplot()
        axes.plot(np.arange(1, len(explained) + 1), explained, color=style.colour, label=study.model)
        for share in SHARES:
            reached = np.flatnonzero(explained >= share)
            if len(reached):
                point = reached[0] + 1, explained[reached[0]]
                axes.plot(*point, style.marker, color=style.colour, markersize=4.5)
                label = f"{100 * share:g} %: {point[0]}"
                axes.annotate(label, point, (5, -10), textcoords="offset points", fontsize=7.5)
        axes.set_xlim(0, len(explained) * 1.06 + 1)
        axes.set_ylim(0, 1.03)
        axes.grid()
        axes.set_xlabel("Number of components")
        axes.set_ylabel("Variance explained,\ncumulative [%]")
        drawing.percent_axis(axes, "y")
        svg = drawing.to_svg(canvas)
    shares = ", ".join(
        f"{numbers.percent(explained[count - 1])} by {numbers.many(count, 'component')}" for count in counts
    )
    return Figure(
        f"{name}-variance",
        f"{study.model}: share of the variance between training samples that the first components explain together.",
        f"Rising line of the variance explained: {shares}.",
        svg,
    )


def _images(name: str, study: Study, pca: Pca) -> Figure:
    count = min(study.count, len(pca.components))
    height, width = pca.shape[:2]
    across = min(count + 1, 4 if width > 1.5 * height else 6)
    down = math.ceil((count + 1) / across)
    panel = drawing.WIDTH / (4 if width > 1.5 * height else 6)
    ratio = pca.explained_variance / pca.total_variance
    with drawing.style():
        canvas = Canvas(figsize=(panel * across, down * (panel * height / width + 0.28)), dpi=200)
        panels = canvas.subplots(down, across, squeeze=False).ravel()
        for axes in panels:
            axes.set_axis_off()
        show(panels[0], np.round(pca.mean.reshape(pca.shape)).astype(np.uint8))
        panels[0].set_title("mean", fontsize=7.5, loc="center", pad=3, color=INK)
        for place, (axes, component) in enumerate(zip(panels[1:], pca.components[:count], strict=False), start=1):
            show(axes, component_as_image(component, pca.shape))
            title = f"{place}: {numbers.percent(ratio[place - 1])}"
            axes.set_title(title, fontsize=7.5, fontweight="normal", loc="center", pad=3)
        svg = drawing.to_svg(canvas)
    channels = "grey" if pca.shape[2] == 1 else "colours"
    return Figure(
        f"{name}-images",
        f"{study.model}: the mean training sample and the first {numbers.many(count, 'component')} as images, with the "
        f"share of the variance that each explains. Mid-grey is no weight; brighter {channels} are added, darker ones "
        "taken away as the score grows.",
        f"Mean sample and {numbers.many(count, 'principal component')} as images; they explain "
        f"{', '.join(numbers.percent(share) for share in ratio[:count])} of the variance.",
        svg,
    )


def component_as_image(component: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a component as grey levels, uint8 of the sample's shape: 128 where zero, the largest 1 or 255."""
    scaled = component / np.abs(component).max()
    return np.asarray(np.round(128 + 127 * scaled).astype(np.uint8).reshape(shape))
