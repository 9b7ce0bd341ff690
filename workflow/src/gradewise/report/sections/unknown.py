"""Section: images that are unlike those of training, and how many of them the model in use notices."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gradewise.judgement.schemas import HELD_OUT
from gradewise.judgement.spoil import BLUR, LIGHT
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.evidence import Evidence, bounded
from gradewise.results import holds_features

ORDER = 85

FOLDED = True

IN_WORDS = {
    "blurred": f"blurred, by {numbers.whole_percent(BLUR)} of the smaller side",
    "dark": f"darkened to {numbers.whole_percent(LIGHT)} of the brightness",
    "cropped": "cropped to the middle half",
    "turned": "rotated by 90 degrees",
}
"""How the test images of each kind were altered."""


def section(evidence: Evidence) -> Section | None:
    """False alarms and what is noticed, for the model to use; None where no image is flagged."""
    rows = evidence.unknown
    if rows is None or rows.empty:
        return None
    model = _model(evidence, rows)
    mine = rows.loc[rows["model"] == model]
    (held_out,) = mine.loc[mine["kind"] == HELD_OUT].itertuples()
    asked = evidence.settings.unknown
    assert asked, "there is a table only where images are flagged"
    blocks: list[Block] = [Text(_finding(held_out, asked.false_alarms))]
    made = mine.loc[mine["kind"] != HELD_OUT]
    if not made.empty:
        blocks.append(_table(model, made))
    return Section("unknown", "Images unlike those of training", tuple(blocks))


def _model(evidence: Evidence, rows: pd.DataFrame) -> str:
    """The model that is handed over, or else the recommended one, or else the first."""
    handed_over = None if evidence.verification is None else evidence.verification.model
    known = [name for name in (handed_over, evidence.recommendation.choice) if name in set(rows["model"])]
    return str(known[0] if known else rows["model"].iloc[0])


def _finding(held_out: Any, asked: float) -> str:
    flagged = numbers.percent_ci(bounded(held_out, "flagged"))
    aim, groups = float(held_out.false_alarms), int(held_out.groups)
    features = " and by the features of its backbone" if any(map(holds_features, held_out.views)) else ""
    few = (
        f" That is more than the {numbers.percent(asked)} asked for, since {numbers.many(groups, 'tested group')} "
        "cannot support a lower rate."
        if aim > asked
        else ""
    )
    return (
        "Each new image is compared with the training samples of the model by simple statistics of its pixels "
        f"(brightness, contrast, colour, sharpness at several scales){features}. If it differs from them more than "
        "nearly all tested images do, it counts as unknown, and gradewise predict flags it. The threshold aims at "
        f"{numbers.percent(aim)} false alarms on images of the same kind. With thresholds from the other groups, "
        f"{flagged} of the test images were flagged ({numbers.basis(int(held_out.images), groups, 'test image')})."
        f"{few} Images of a class that was missing in training may look like those of the other classes, and then go "
        "unnoticed."
    )


def _table(model: str, made: pd.DataFrame) -> Table:
    data = made.assign(altered=[IN_WORDS.get(kind, kind) for kind in made["kind"]])
    return Table(
        "unknown",
        f"Altered test images of the first repeat, for {model}: share flagged, and how well the measure of strangeness "
        "separates them from unaltered ones (AUROC; 0.5 is chance), with 95 % intervals",
        data.reset_index(drop=True),
        (
            Column.text("Test images", "altered"),
            Column.interval("Flagged", "flagged", numbers.percent_interval),
            Column.interval("AUROC", "auroc", lambda value: numbers.interval(value, numbers.score)),
            Column("Images", "images", numbers.count),
            Column("Groups", "groups", numbers.count),
        ),
    )
