"""Drawing `marks`: a line of marks with intervals for each row of a study."""

from __future__ import annotations

import textwrap

from gradewise.evaluation.recommend import baseline_of
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, Style
from gradewise.studies.kinds.settings import Study
from gradewise.studies.kinds.settings.varied import Varied, accuracies
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


def blocks(name: str, study: Study, evidence: StudyEvidence, varied: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    measures = accuracies(study, varied.rows)
    # accuracy on training images would stretch the axis until no other difference is visible
    measures = [measure for measure in measures if measure != "train"] or measures
    if not measures:
        return []
    base = evidence.base
    baseline = baseline_of(base, base.tested(base.models[0], "image")["label"])
    styles = {measure: Style(varied.colour, LOOK[measure][0], "-") for measure in measures}
    lines, described, any_published = [], [], False
    for row in (*varied.rows, *varied.only_published):
        marks = []
        for slot, (measure, style) in enumerate(styles.items()):
            marks.append(dots.Mark(row.estimate(measure), style, LOOK[measure][1], slot))
            share = row.published_share(measure)
            if share is not None:
                any_published = True
                marks.append(dots.Mark(Estimate(share), PUBLISHED, hollow=True, slot=slot))
            described.append(f"{row.name} {row.written(measure)} ({measure})")
        lines.append(dots.Line(textwrap.fill(row.name, 44), tuple(marks)))
    legend = [dots.handle(wording.name(measure), style, hollow=LOOK[measure][1]) for measure, style in styles.items()]
    legend += [dots.handle("Published", PUBLISHED, hollow=True)] if any_published else []
    diamonds = f" Diamonds: {published.NOT_COMPARABLE}." if any_published and not study.comparable else ""
    return [
        Figure(
            f"{name}-marks",
            f"{wording.listed(measures)}; 95 % CI over all repeats.{diamonds} Dashed: always predicting "
            f"{baseline.predicted} on test.",
            f"Dot plot: {'; '.join(described)}.",
            dots.draw(
                [dots.Panel(lines, dashed=baseline.value)],
                "Image-level accuracy [%]",
                height=LINE + MARK * len(measures),
                legend=legend if len(legend) > 1 else (),
            ),
        )
    ]
