"""Drawing `marks`: a line of marks with intervals for each row of a study."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.lines import Line2D

from gradewise.evaluation.recommend import baseline_of
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, Style
from gradewise.studies.kinds.settings import Study, varied
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence

LOOK = {
    "test": ("o", False),
    "validation": ("o", True),
    "oob_groups": ("s", False),
    "oob_rows": ("s", True),
    "train": ("v", True),
}
"""Marker of an accuracy, and whether it is hollow."""

PUBLISHED = Style(INK, "D", "-")
"""Look of a published value, which is drawn hollow."""

LINE, MARK = 0.2, 0.13
"""Height of a line, and more for each mark in it [inch]."""


def blocks(name: str, study: Study, evidence: StudyEvidence, read: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    shown = varied.accuracies(study, read.rows)
    # accuracy on training images would stretch the axis until no other difference is visible
    shown = [measure for measure in shown if measure != "train"] or shown
    if not shown:
        return []
    colour = read.colour
    rows = [*read.rows, *read.only_published]
    guess = baseline_of(evidence.base, evidence.base.tested(evidence.base.models[0], "image")["label"])
    lines, told, there = [], [], False
    for row in rows:
        marks = []
        for slot, measure in enumerate(shown):
            marker, hollow = LOOK[measure]
            marks.append(dots.Mark(row.estimate(measure), Style(colour, marker, "-"), hollow, slot))
            share = published.as_share(row.published.get(measure))
            if share is not None:
                there = True
                marks.append(dots.Mark(Estimate(share), PUBLISHED, hollow=True, slot=slot))
            told.append(f"{row.name} {wording.written(measure, row.measured.get(measure))} ({measure})")
        lines.append(dots.Line(textwrap.fill(row.name, 44), tuple(marks)))
    svg = dots.draw(
        [dots.Panel(lines, dashed=guess.value)],
        "Image-level accuracy [%]",
        height=LINE + MARK * len(shown),
        legend=_legend(shown, colour, there) if len(shown) > 1 or there else (),
    )
    caption = "95 % intervals over all repeats. " + (
        f"Diamonds: {published.NOT_COMPARABLE}. " if there and not study.comparable else ""
    )
    return [
        Figure(
            f"{name}-marks",
            f"{wording.listed(shown)}; {caption}The dashed line is what always "
            f"predicting {guess.predicted} would reach on test.",
            f"Dot plot: {'; '.join(told)}.",
            svg,
        )
    ]


def _legend(shown: list[str], colour: str, there: bool) -> list[Line2D]:
    looks = {wording.name(measure): LOOK[measure] for measure in shown}
    handles = [dots.handle(name, Style(colour, marker, "-"), hollow=hollow) for name, (marker, hollow) in looks.items()]
    return [*handles, dots.handle("Published", PUBLISHED, hollow=True)] if there else handles


def columns(labels: Sequence[str]) -> int:
    """Columns of a legend below a figure in which the longest label fits."""
    return max(1, min(4, int(95 / (max(map(len, labels)) + 10))))
