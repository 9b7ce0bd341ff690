"""Drawing `agreement`: whether the rows of a study err on the same images, so whether blending them could help."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Figure, Text
from gradewise.report.figures import grid
from gradewise.report.palette import ramp
from gradewise.studies.kinds.settings import Study
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.pages.evidence import StudyEvidence

MOST, NUMBERED = 40, 12
"""Most rows that a matrix shows, and most with the numbers in it."""


def blocks(name: str, study: Study, evidence: StudyEvidence, varied: Varied) -> list[Block]:
    """The finding in words and the rule that it follows, then the matrix."""
    table = tables.read(evidence.file(name, "agreements.parquet"))
    if table.empty:
        return [Text("Agreement of errors needs at least two rows with test images.")]
    findings = [finding for finding in (_same_images(table), _gain(varied)) if finding]
    sentences: list[Block] = [
        Text(" ".join(findings)),
        Text(
            "The rule: blending helps if the 95 % CI of the vote lies above the test accuracy of the row that "
            "validation would choose, and harms if it lies below; otherwise these images cannot separate the two. "
            "Correlations of errors run from 0 (unrelated) to 1 (on the same images).",
            "small",
        ),
    ]
    names = [row.name for row in varied.rows]
    return sentences if len(names) > MOST else [*sentences, _figure(name, names, table, varied.colour)]


def _same_images(table: pd.DataFrame) -> str | None:
    known = table["error_correlation"].dropna()
    if known.empty:
        return None
    low, high = known.min(), known.max()
    between = numbers.score(low) if low == high else f"{numbers.score(low)} to {numbers.score(high)}"
    one = (table["first_only_wrong"] + table["second_only_wrong"]).mean()
    return (
        f"Errors of {numbers.many(len(table), 'pair')} of rows have a median correlation of "
        f"{numbers.score(known.median())} ({between}); {numbers.percent(table['both_wrong'].mean())} of test verdicts "
        f"are wrong in both rows of a pair, {numbers.percent(one)} in one of them."
    )


def _gain(varied: Varied) -> str | None:
    best, together = varied.best("test"), varied.together
    if best is None or together is None:
        return None
    alone, vote, any_right = best.estimate("test"), together.estimate("vote"), together.estimate("any_right")
    if alone.value is None or vote.value is None:
        return None
    if vote.bounds is None:
        verdict = "whether blending helps is not known without an interval"
    elif vote.bounds[0] > alone.value:
        verdict = "blending helps"
    else:
        verdict = "blending harms" if vote.bounds[1] < alone.value else "no gain from blending is shown"
    reached = (
        f"A majority vote of all rows reaches {numbers.percent_ci(vote)} on test, the best row on validation "
        f"({best.name}) {numbers.percent_ci(alone)}: {verdict}"
    )
    if any_right.value is None:
        return f"{reached}."
    possible = numbers.points(any_right.value - alone.value).removeprefix("+")
    return (
        f"{reached}. At least one row is right on {numbers.percent(any_right.value)} of the images, so even a perfect "
        f"choice among the rows for each image could gain {possible} points at most."
    )


def _figure(name: str, names: list[str], table: pd.DataFrame, colour: str) -> Figure:
    matrix = pd.DataFrame(np.nan, index=names, columns=names)
    for row in table.itertuples(index=False):
        if row.first in matrix.index and row.second in matrix.index:
            matrix.loc[row.first, row.second] = matrix.loc[row.second, row.first] = row.error_correlation
    few = len(names) <= NUMBERED
    values = matrix.to_numpy(dtype=float)
    written = np.char.replace(np.char.mod("%.2f", values), "-", numbers.MINUS)
    texts = np.where(np.isnan(values) | (not few), "", written).tolist()
    places = [str(place + 1) for place in range(len(names))]
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, min(5.6, 1.2 + 0.36 * len(names)) if few else 5.2))
        axes = canvas.subplots()
        labels = [f"{cell}  {place}" for cell, place in zip(names, places, strict=True)]
        grid.draw(axes, values, texts, columns=places, rows=labels, colours=ramp(colour), fontsize=7)
        axes.tick_params(labelsize=8 if len(names) <= 20 else 6)
        bar = canvas.colorbar(axes.images[0], ax=axes, shrink=0.8, pad=0.02)
        bar.set_label("Correlation of errors")
        bar.outline.set_visible(False)
        svg = drawing.to_svg(canvas)
    return Figure(
        f"{name}-agreement",
        "Correlation of errors on test images between rows, numbered alike down and across.",
        f"Matrix of error correlations between {len(names)} rows. Median "
        f"{numbers.score(table['error_correlation'].median())}.",
        svg,
    )
