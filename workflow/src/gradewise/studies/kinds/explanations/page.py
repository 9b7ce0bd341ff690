"""Part: which parts of samples speak for a network's answer, and how much of that falls on what masks mark."""

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
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.studies.arrays import read_arrays
from gradewise.studies.kinds.explanations import Study
from gradewise.studies.kinds.feature_maps.page import show
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.trained import first_run

METHODS = {"lime": "LIME", "grad_cam": "Grad-CAM", "occlusion": "Occlusion"}
REGIONS = {"object": "the object", "masked": "the masked region"}
MAP = "PuOr_r"
"""Purple against, orange for: colour-blind readers can tell them apart."""

_OUTLINES: dict[str, tuple[Literal["-", "--"], float]] = {"object": ("--", 1.0), "masked": ("-", 1.4)}


def blocks(name: str, study: Study, found: StudyEvidence) -> list[Block]:
    """Samples with their explanations side by side, and a table of how much falls on the regions."""
    run, _ = first_run(found, study.model)
    samples = tables.read(found.file(name, "shown.parquet"))
    falls = tables.read(found.file(name, "explanations.parquet"))
    means = tables.read(found.file(name, "weight_on_regions.parquet"))
    arrays = read_arrays(found.file(name, "explanations.npz"))
    figures: list[Block] = []
    for number, (label, of_class) in enumerate(samples.groupby("label", sort=False), start=1):
        first = of_class.index.to_numpy()[:1]
        figures.append(_figure(f"{name}-{number}", study, str(label), samples, arrays, first))
    ways = numbers.listed([METHODS[method] for method in study.methods])
    return [
        Text(
            f"Test images were drawn at random, {study.each} of each class as far as there are so many, and the answer "
            f"of {study.model} (repeat {run.repeat}) to each is explained by {ways}."
            + (" The first of each class is shown; the table speaks of all." if study.each > 1 else "")
        ),
        Text(
            "What is explained are the log odds of the class that the model answers with. LIME fits them by a sum over "
            "superpixels that are shown or hidden; occlusion hides a sliding window; Grad-CAM weighs the maps of the "
            "last convolution by their gradients. What is hidden takes the mean colour of the training samples, and a "
            "patch of it can itself look like something that the network knows, such as a blemish."
        ),
        *figures,
        *_where_weight_falls(name, study, means, falls, samples),
    ]


def _figure(
    name: str,
    study: Study,
    label: str,
    samples: pd.DataFrame,
    arrays: dict[str, np.ndarray],
    rows: np.ndarray,
) -> Figure:
    methods = list(study.methods)
    regions = [region for region in REGIONS if region in arrays]
    panel = drawing.WIDTH / (len(METHODS) + 1)
    height, width = arrays["pixels"].shape[1:3]
    with drawing.style():
        tall = len(rows) * (panel * height / width + 0.42) + 0.75
        canvas = Canvas(figsize=(panel * (len(methods) + 1), tall), dpi=200)
        panels = canvas.subplots(len(rows), len(methods) + 1, squeeze=False)
        marked = set()
        for axes, place in zip(panels, rows, strict=True):
            sample, pixels = samples.iloc[place], arrays["pixels"][place]
            show(axes[0], pixels)
            lines = f"{sample['label']}, called {sample['predicted']}\n({numbers.percent(sample['probability'])})"
            axes[0].set_title(lines, fontsize=8)
            for one, method in zip(axes[1:], methods, strict=True):
                _overlay(one, pixels, arrays[method][place])
                one.set_title(METHODS[method], fontsize=8, fontweight="normal")
            for region in regions:
                inside = arrays[region][place]
                if np.isfinite(inside).all() and inside.max() >= 0.5 > inside.min():
                    marked.add(region)
                    for one in axes:
                        _outline(one, inside, region)
        _legend(canvas, panels, [region for region in regions if region in marked])
        svg = drawing.to_svg(canvas)
    named = "; ".join(
        f"{sample.image_id} ({sample.label}, called {sample.predicted})" for sample in samples.iloc[rows].itertuples()
    )
    outlined = f" Outlined: {numbers.listed([REGIONS[region] for region in sorted(marked)])}." if marked else ""
    return Figure(
        name,
        f"{named}. Orange speaks for the answer, purple against it; each panel is scaled to its own largest weight."
        f"{outlined}",
        f"Samples of class {label} with what "
        f"{numbers.listed([METHODS[method] for method in methods])} say of {study.model}'s answer, side by side: "
        f"{named}. The table of where the weight falls gives the same as numbers.",
        svg,
    )


def _overlay(axes: Axes, pixels: np.ndarray, weights: np.ndarray) -> None:
    """Weights over the sample in pale grey, opaque where they are large."""
    grey = pixels.astype(np.float32).mean(axis=2) / 255
    scaled = weights / max(float(np.abs(weights).max()), np.finfo(np.float32).tiny)
    colours = mpl.colormaps[MAP](0.5 + scaled / 2)[..., :3]
    strength = 0.85 * np.sqrt(np.abs(scaled))[..., None]
    pale = (0.35 + 0.6 * grey)[..., None]
    axes.imshow(strength * colours + (1 - strength) * pale, interpolation="none")
    axes.set_axis_off()


def _outline(axes: Axes, inside: np.ndarray, region: str) -> None:
    line, width = _OUTLINES[region]
    edge = np.pad(inside, 1)
    at = [np.arange(-1, side + 1) for side in inside.shape]
    axes.contour(at[1], at[0], edge, levels=[0.5], colors="white", linewidths=width + 1.2)
    axes.contour(at[1], at[0], edge, levels=[0.5], colors="black", linestyles=line, linewidths=width)
    axes.set_xlim(-0.5, inside.shape[1] - 0.5)
    axes.set_ylim(inside.shape[0] - 0.5, -0.5)


def _legend(canvas: Canvas, panels: np.ndarray, marked: list[str]) -> None:
    scale = ScalarMappable(Normalize(-1, 1), MAP)
    bar = canvas.colorbar(scale, ax=panels, location="bottom", shrink=0.5, aspect=45, pad=0.02)
    bar.set_label("Weight / largest weight of the panel")
    bar.set_ticks([-1, 0, 1], labels=[f"{numbers.MINUS}1 (against)", "0", "1 (for the answer)"])
    bar.outline.set_linewidth(0.5)
    if marked:
        handles = [
            Line2D([], [], color="black", linestyle=_OUTLINES[region][0], label=REGIONS[region]) for region in marked
        ]
        canvas.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _where_weight_falls(
    name: str, study: Study, means: pd.DataFrame, falls: pd.DataFrame, samples: pd.DataFrame
) -> list[Block]:
    seconds = falls.drop_duplicates(["sample_id", "method"]).groupby("method")["seconds"].mean()
    took = ", ".join(f"{METHODS[method]} {numbers.time(seconds[method])}" for method in study.methods)
    time = Text(f"Time to explain one sample: {took}.", tone="small")
    if means.empty:
        unknown = Text("No mask marks anything in these samples, so nothing can be said of where the weight should be.")
        return [unknown, time]
    regions = [region for region in REGIONS if region in set(means["region"])]
    named = numbers.listed([REGIONS[one] for one in regions])
    explained = Text(
        f"Of the weight that speaks for the answer, this share falls on {named}, beside the share of the area, which "
        "weight without aim would give. Only samples in which the mask marks something count. "
        + (
            "The masked region is what the dataset's masks mark, such as defects; where the model answers with a class "
            "that has none, weight away from them is to be expected."
            if "masked" in regions
            else ""
        )
    )
    return [explained, _means_table(name, means), _samples_table(name, falls, samples), time]


def _means_table(name: str, means: pd.DataFrame) -> Table:
    return Table(
        f"{name}-regions",
        "Where the weight falls, in the mean over samples, with the 95 % interval by groups",
        means,
        (
            Column.name("Method", "method", METHODS.__getitem__),
            Column.name("Region", "region", lambda region: REGIONS[region].removeprefix("the ")),
            Column.name("Predicted", "predicted", lambda label: "all" if pd.isna(label) else label),
            Column("Share of the weight", "share", numbers.percent),
            Column("Share of the area", "area", numbers.percent),
            Column.interval("Difference in points", "difference", numbers.points_interval, ("low", "high")),
            Column("Images", ("images", "groups"), _images),
        ),
    )


def _images(images: int, groups: int) -> str:
    return f"{numbers.count(images)} ({numbers.many(groups, 'group')})"


def _samples_table(name: str, falls: pd.DataFrame, samples: pd.DataFrame) -> Table:
    named = falls.merge(samples[["sample_id", "image_id", "label", "predicted"]], on="sample_id", sort=False)
    named = named.dropna(subset=["share"]).reset_index(drop=True)
    return Table(
        f"{name}-samples",
        "Where the weight falls in each sample",
        named,
        (
            Column.text("Sample", "sample_id"),
            Column.name("True class", "label"),
            Column.name("Predicted", "predicted"),
            Column.name("Method", "method", METHODS.__getitem__),
            Column.name("Region", "region", lambda region: REGIONS[region].removeprefix("the ")),
            Column("Share of the weight", "share", numbers.percent),
            Column("Share of the area", "area", numbers.percent),
        ),
        folded=True,
    )
