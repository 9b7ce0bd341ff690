"""Part: t-SNE of principal component scores, and how well classes separate in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.numbers import Estimate
from gradewise.report.palette import Style, class_styles
from gradewise.studies.kinds.embedding import Study
from gradewise.studies.pages.evidence import StudyEvidence

MANY = 600
"""Points above which they are drawn as pixels, not as shapes: a page need not hold the outline of each."""

_IN_WORDS = {2: "two", 3: "three"}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """A scatter for each number of dimensions, and a table of how well classes separate."""
    run = evidence.first_run(study.model)
    points = tables.read(evidence.file(name, "embedding.parquet"))
    separation = tables.read(evidence.file(name, "separation.parquet"))
    styles = class_styles(evidence.base.classes)
    components = int(separation.loc[~separation["embedded"], "dimensions"].iloc[0])
    first = points.loc[points["dimensions"] == points["dimensions"].iloc[0]]
    opening = Text(
        f"t-SNE of {numbers.many(len(first), 'training sample')} of {numbers.many(first['group'].nunique(), 'group')}, "
        f"by their scores along {numbers.many(components, 'component')} of {study.model} (repeat {run.repeat}), with "
        f"a perplexity of at most {study.perplexity:g}. Its axes have no unit: only who is near whom has a meaning."
    )
    figures = [
        _figure(f"{name}-{count}", study, count, part, styles, separation)
        for count, part in points.groupby("dimensions")
    ]
    return [opening, *figures, _table(name, separation), _finding(separation)]


def _figure(
    name: str, study: Study, count: Any, points: pd.DataFrame, styles: dict[str, Style], separation: pd.DataFrame
) -> Figure:
    with drawing.style():
        if count == 3:
            canvas = Canvas(figsize=(5.4, 4.4), dpi=220)
            axes = canvas.add_subplot(projection="3d")
            axes.set_zlabel("t-SNE 3")
            axes.tick_params(labelsize=7)
            axes.set_box_aspect(None, zoom=0.93)
        else:
            canvas = Canvas(figsize=(5.6, 4.4), dpi=220)
            axes = canvas.add_subplot()
            axes.set_aspect("equal", adjustable="datalim")
        _scatter(axes, points, "xyz"[:count], styles)
        axes.set_xlabel("t-SNE 1")
        axes.set_ylabel("t-SNE 2")
        canvas.legend(loc="outside right upper", title="Class", markerscale=1.4)
        svg = drawing.to_svg(canvas)
    counts = ", ".join(f"{numbers.count((points['label'] == label).sum())} {label}" for label in styles)
    rows = separation.loc[separation["embedded"] & (separation["dimensions"] == count)]
    told = " ".join(
        f"{_MEASURES[row.measure]}: {_value(row.measure, row.value, row.low, row.high)}." for row in rows.itertuples()
    )
    return Figure(
        name,
        f"{study.model}: training samples in {_IN_WORDS[count]} dimensions, by class.",
        f"Scatter of t-SNE in {_IN_WORDS[count]} dimensions: {counts}. {told}",
        svg,
    )


def _scatter(axes: Axes, points: pd.DataFrame, along: str, styles: dict[str, Style]) -> None:
    size = 26 if len(points) <= MANY else 12
    for label, style in styles.items():
        mine = points.loc[points["label"] == label]
        look: dict[str, Any] = {
            "s": size,
            "marker": style.marker,
            "color": style.colour,
            "edgecolors": "white",
            "linewidths": 0.3,
        }
        places = (mine[axis] for axis in along)
        axes.scatter(*places, alpha=0.9, label=label, rasterized=len(points) > MANY, **look)


_MEASURES = {"neighbours": "Vote of 15 neighbours", "silhouette": "Silhouette coefficient"}


def _value(measure: str, *ends: float) -> str:
    write = numbers.percent_interval if measure == "neighbours" else numbers.score_interval
    return write(Estimate(*ends))


def _space(embedded: bool, dimensions: int) -> str:
    if embedded:
        return f"t-SNE in {_IN_WORDS[dimensions]} dimensions"
    return numbers.many(dimensions, "component")


def _table(name: str, separation: pd.DataFrame) -> Table:
    return Table(
        f"{name}-separation",
        "How well classes separate, with 95 % intervals by groups",
        separation,
        (
            Column("Among points of", ("embedded", "dimensions"), _space, "name"),
            Column.name("Measure", "measure", _MEASURES.__getitem__),
            Column("Value", ("measure", "value", "low", "high"), _value),
            Column("Without separation", ("measure", "baseline"), _value),
            Column("Divergence of t-SNE", "divergence", numbers.score),
            Column("Its time", "seconds", numbers.time),
        ),
    )


def _finding(separation: pd.DataFrame) -> Text:
    """Where the vote is surely better than guessing, in words."""
    votes = separation.loc[separation["measure"] == "neighbours"]
    clear: list[str] = []
    rest: list[str] = []
    for row in votes.itertuples():
        (clear if row.low > row.baseline else rest).append(_space(row.embedded, row.dimensions))
    said = []
    if clear:
        said.append(f"Among points of {numbers.listed(clear)} neighbours tell more of the class than guessing does.")
    if rest:
        points = f"points of {numbers.listed(rest)}"
        said.append(f"Among {points} the interval reaches down to guessing, so that no separation is shown.")
    return Text(
        "The vote asks, for each sample, its 15 nearest neighbours outside its own group; the silhouette coefficient "
        f"compares distances within and between classes. {' '.join(said)} The divergence is what t-SNE could not keep "
        "of neighbourhoods: the smaller, the more the picture can be trusted."
    )
