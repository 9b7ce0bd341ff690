"""Kind `embedding`: t-SNE of principal component scores, and how well classes separate in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
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
_MEASURES = {"neighbours": "Vote of 15 neighbours", "silhouette": "Silhouette coefficient"}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """A scatter for each number of dimensions, and a table of how well classes separate."""
    run = evidence.first_run(study.model)
    points = tables.read(evidence.file(name, "embedding.parquet"))
    separation = tables.read(evidence.file(name, "separation.parquet"))
    styles = class_styles(evidence.base.classes)
    components = int(separation.loc[~separation["embedded"], "dimensions"].iloc[0])
    first = points.loc[points["dimensions"] == points["dimensions"].iloc[0]]
    return [
        Text(
            f"t-SNE of {numbers.many(len(first), 'training sample')} of "
            f"{numbers.many(first['group'].nunique(), 'group')}, by their scores along "
            f"{numbers.many(components, 'component')} of {study.model} (repeat {run.repeat}), with a perplexity of at "
            f"most {study.perplexity:g}. The axes have no unit: only which samples are close together has a meaning."
        ),
        *(_figure(name, study, count, part, styles, separation) for count, part in points.groupby("dimensions")),
        Table(
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
        ),
        Text(
            "The vote takes, for each sample, its 15 nearest neighbours outside its own group; the silhouette "
            f"coefficient compares distances within and between classes. {_finding(separation)} The divergence is what "
            "t-SNE could not preserve of neighbourhoods: the smaller, the more the picture can be trusted."
        ),
    ]


def _figure(
    name: str, study: Study, count: Any, points: pd.DataFrame, styles: dict[str, Style], separation: pd.DataFrame
) -> Figure:
    many = len(points) > MANY
    with drawing.style():
        canvas = Canvas(figsize=(5.4 if count == 3 else 5.6, 4.4), dpi=220)
        if count == 3:
            axes = canvas.add_subplot(projection="3d")
            axes.set_zlabel("t-SNE 3")
            axes.tick_params(labelsize=7)
            axes.set_box_aspect(None, zoom=0.93)
        else:
            axes = canvas.add_subplot()
            axes.set_aspect("equal", adjustable="datalim")
        for label, style in styles.items():
            of_class = points.loc[points["label"] == label]
            look: dict[str, Any] = {"s": 12 if many else 26, "marker": style.marker, "color": style.colour}
            edge: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.3, "alpha": 0.9}
            places = (of_class[axis] for axis in "xyz"[:count])
            axes.scatter(*places, label=label, rasterized=many, **look, **edge)
        axes.set_xlabel("t-SNE 1")
        axes.set_ylabel("t-SNE 2")
        canvas.legend(loc="outside right upper", title="Class", markerscale=1.4)
        svg = drawing.to_svg(canvas)
    counts = ", ".join(f"{numbers.count((points['label'] == label).sum())} {label}" for label in styles)
    rows = separation.loc[separation["embedded"] & (separation["dimensions"] == count)]
    measured = " ".join(
        f"{_MEASURES[row.measure]}: {_value(row.measure, row.value, row.low, row.high)}." for row in rows.itertuples()
    )
    return Figure(
        f"{name}-{count}",
        f"{study.model}: training samples in {_IN_WORDS[count]} dimensions, by class.",
        f"Scatter of t-SNE in {_IN_WORDS[count]} dimensions: {counts}. {measured}",
        svg,
    )


def _value(measure: str, *ends: float) -> str:
    write = numbers.percent_interval if measure == "neighbours" else numbers.score_interval
    return write(Estimate(*ends))


def _space(embedded: bool, dimensions: int) -> str:
    if embedded:
        return f"t-SNE in {_IN_WORDS[dimensions]} dimensions"
    return numbers.many(dimensions, "component")


def _finding(separation: pd.DataFrame) -> str:
    """Where the vote is surely better than guessing, in words."""
    votes = separation.loc[separation["measure"] == "neighbours"]
    spaces: dict[bool, list[str]] = {True: [], False: []}
    for row in votes.itertuples():
        spaces[row.low > row.baseline].append(_space(row.embedded, row.dimensions))
    sentences = []
    if spaces[True]:
        points = numbers.listed(spaces[True])
        sentences.append(f"Among points of {points} neighbours predict the class better than guessing does.")
    if spaces[False]:
        points = numbers.listed(spaces[False])
        sentences.append(
            f"Among points of {points} the interval reaches down to guessing, so that no separation is shown."
        )
    return " ".join(sentences)
