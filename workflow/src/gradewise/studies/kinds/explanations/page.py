"""Kind `explanations`: which parts of samples speak for a network's prediction, and how much on masked regions."""

from __future__ import annotations

from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from gradewise import tables
from gradewise.report import drawing, numbers, palette
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.studies.arrays import read_arrays
from gradewise.studies.kinds.explanations import Study
from gradewise.studies.kinds.feature_maps.page import show
from gradewise.studies.pages.evidence import StudyEvidence

METHODS = {"lime": "LIME", "grad_cam": "Grad-CAM", "occlusion": "Occlusion"}
REGIONS = {"object": "the object", "masked": "the masked region"}
REGION_COLUMNS = (
    Column.name("Method", "method", METHODS.__getitem__),
    Column.name("Region", "region", lambda region: REGIONS[region].removeprefix("the ")),
)
SHARES = (
    Column("Share of the weight", "share", numbers.percent),
    Column("Share of the area", "area", numbers.percent),
)
_OUTLINES: dict[str, tuple[Literal["-", "--"], float]] = {"object": ("--", 1.0), "masked": ("-", 1.4)}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """Samples with their explanations side by side, and a table of how much falls on the regions."""
    run = evidence.first_run(study.model)
    samples = tables.read(evidence.file(name, "shown.parquet"))
    arrays = read_arrays(evidence.file(name, "explanations.npz"))
    first_of_classes = [int(part.index[0]) for _, part in samples.groupby("label", sort=False)]
    methods = numbers.listed([METHODS[method] for method in study.methods])
    return [
        Text(
            f"Test images were drawn at random, {study.each} of each class as far as there are so many, and the "
            f"prediction of {study.model} (repeat {run.repeat}) for each is explained by {methods}."
            + (" The first of each class is shown; the table covers all." if study.each > 1 else "")
        ),
        Text(
            "What is explained are the log odds of the class that the model predicts. LIME fits them by a sum over "
            "superpixels that are shown or hidden; occlusion hides a sliding window; Grad-CAM weights the maps of the "
            "last convolution by their gradients. What is hidden takes the mean colour of the training samples, and a "
            "patch of it can itself look like something that the network knows, such as a blemish."
        ),
        *(
            _figure(f"{name}-{number}", study, samples.iloc[place], {key: part[place] for key, part in arrays.items()})
            for number, place in enumerate(first_of_classes, start=1)
        ),
        *_where_weight_falls(name, study, evidence, samples),
    ]


def _figure(name: str, study: Study, sample: pd.Series, arrays: dict[str, np.ndarray]) -> Figure:
    """A sample, and what each method says of the prediction for it."""
    pixels, methods = arrays["pixels"], list(study.methods)
    panel = drawing.WIDTH / (len(METHODS) + 1)
    height, width = pixels.shape[:2]
    marked = [region for region in REGIONS if region in arrays and _has_edge(arrays[region])]
    with drawing.style():
        size = panel * (len(methods) + 1), panel * height / width + 1.17
        canvas = Canvas(figsize=size, dpi=200)
        panels = canvas.subplots(1, len(methods) + 1)
        show(panels[0], pixels)
        title = f"{sample['label']}, predicted {sample['predicted']}\n({numbers.percent(sample['probability'])})"
        panels[0].set_title(title, fontsize=8)
        for axes, method in zip(panels[1:], methods, strict=True):
            _overlay(axes, pixels, arrays[method])
            axes.set_title(METHODS[method], fontsize=8, fontweight="normal")
        for region in marked:
            for axes in panels:
                _outline(axes, arrays[region], region)
        _legend(canvas, panels, marked)
        svg = drawing.to_svg(canvas)
    image = f"{sample['image_id']} ({sample['label']}, predicted {sample['predicted']})"
    outlined = f" Outlined: {numbers.listed([REGIONS[region] for region in sorted(marked)])}." if marked else ""
    return Figure(
        name,
        f"{image}. Orange supports the prediction, purple opposes it; each panel is scaled to its own largest weight."
        f"{outlined}",
        f"Samples of class {sample['label']} with what "
        f"{numbers.listed([METHODS[method] for method in methods])} say of {study.model}'s prediction, side by side: "
        f"{image}. The table of where the weight falls gives the same as numbers.",
        svg,
    )


def _has_edge(inside: np.ndarray) -> bool:
    return bool(np.isfinite(inside).all() and inside.max() >= 0.5 > inside.min())


def _overlay(axes: Axes, pixels: np.ndarray, weights: np.ndarray) -> None:
    """Weights over the sample in pale grey, opaque where they are large."""
    grey = pixels.astype(np.float32).mean(axis=2) / 255
    scaled = weights / max(float(np.abs(weights).max()), np.finfo(np.float32).tiny)
    colours = mpl.colormaps[palette.FOR_AND_AGAINST](0.5 + scaled / 2)[..., :3]
    strength = 0.85 * np.sqrt(np.abs(scaled))[..., None]
    pale = (0.35 + 0.6 * grey)[..., None]
    axes.imshow(strength * colours + (1 - strength) * pale, interpolation="none")
    axes.set_axis_off()


def _outline(axes: Axes, inside: np.ndarray, region: str) -> None:
    line, width = _OUTLINES[region]
    edge = np.pad(inside, 1)
    y, x = (np.arange(-1, side + 1) for side in inside.shape)
    axes.contour(x, y, edge, levels=[0.5], colors="white", linewidths=width + 1.2)
    axes.contour(x, y, edge, levels=[0.5], colors="black", linestyles=line, linewidths=width)
    axes.set_xlim(-0.5, inside.shape[1] - 0.5)
    axes.set_ylim(inside.shape[0] - 0.5, -0.5)


def _legend(canvas: Canvas, panels: np.ndarray, marked: list[str]) -> None:
    scale = ScalarMappable(Normalize(-1, 1), palette.FOR_AND_AGAINST)
    bar = canvas.colorbar(scale, ax=panels, location="bottom", shrink=0.5, aspect=45, pad=0.02)
    bar.set_label("Weight / largest weight of the panel")
    bar.set_ticks([-1, 0, 1], labels=[f"{numbers.MINUS}1 (against)", "0", "1 (for the prediction)"])
    bar.outline.set_linewidth(0.5)
    if marked:
        handles = [
            Line2D([], [], color="black", linestyle=_OUTLINES[region][0], label=REGIONS[region]) for region in marked
        ]
        canvas.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _where_weight_falls(name: str, study: Study, evidence: StudyEvidence, samples: pd.DataFrame) -> list[Block]:
    falls = tables.read(evidence.file(name, "explanations.parquet"))
    means = tables.read(evidence.file(name, "weight_on_regions.parquet"))
    seconds = falls.drop_duplicates(["sample_id", "method"]).groupby("method")["seconds"].mean()
    times = ", ".join(f"{METHODS[method]} {numbers.time(seconds[method])}" for method in study.methods)
    time = Text(f"Time to explain one sample: {times}.", "small")
    if means.empty:
        unknown = "No mask marks anything in these samples, so it is unknown where the weight should be."
        return [Text(unknown), time]
    regions = [region for region in REGIONS if region in set(means["region"])]
    described = falls.merge(samples[["sample_id", "image_id", "label", "predicted"]], on="sample_id", sort=False)
    return [
        Text(
            "Of the weight that supports the prediction, this share falls on "
            f"{numbers.listed([REGIONS[region] for region in regions])}, next to the share of the area, which randomly "
            "spread weight would give. Only samples in which the mask marks something count. "
            + (
                "The masked region is what the dataset's masks mark, such as defects; where the model predicts a class "
                "that has none, expect weight away from them."
                if "masked" in regions
                else ""
            )
        ),
        Table(
            f"{name}-regions",
            "Where the weight falls, mean over samples, with 95 % CI by groups",
            means,
            (
                *REGION_COLUMNS,
                Column.name("Predicted", "predicted", lambda label: "all" if pd.isna(label) else label),
                *SHARES,
                Column.interval("Difference in points", "difference", numbers.points_interval, ("low", "high")),
                Column(
                    "Images",
                    ("images", "groups"),
                    lambda images, groups: f"{numbers.count(images)} ({numbers.many(groups, 'group')})",
                ),
            ),
        ),
        Table(
            f"{name}-samples",
            "Where the weight falls in each sample",
            described.dropna(subset=["share"]).reset_index(drop=True),
            (
                Column.text("Sample", "sample_id"),
                Column.name("True class", "label"),
                Column.name("Predicted", "predicted"),
                *REGION_COLUMNS,
                *SHARES,
            ),
            folded=True,
        ),
        time,
    ]
