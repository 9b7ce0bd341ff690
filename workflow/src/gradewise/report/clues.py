"""What the clues of the data audit say about a model: how much of its accuracy needs no look at the content."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gradewise.images.clues import TOGETHER, WITHOUT_CONTENT
from gradewise.report import numbers
from gradewise.report.evidence import Evidence

NOTABLE = 0.05
"""Gain over the most frequent class from which a clue may explain a model's accuracy."""


@dataclass(frozen=True)
class Caution:
    """A sentence on clues; `near` where they do nearly as well as the model."""

    text: str
    near: bool


def warning(evidence: Evidence, model: str) -> Caution | None:
    """Where clues do nearly as well as a model on images, or gain half of what it gains; None elsewhere."""
    accuracy = evidence.estimate(model, "accuracy")
    if accuracy.value is None or accuracy.low is None:
        return None
    guessed = evidence.audit.loc[evidence.audit["check"] == "clue"]
    rows = guessed.loc[guessed["low"] - guessed["baseline"] > 0]
    rows = rows.loc[rows["value"] - rows["baseline"] >= NOTABLE]
    if rows.empty:
        return None
    known = numbers.listed([name for name in guessed["subject"] if name != TOGETHER])
    near = rows.loc[rows["high"] >= accuracy.low]
    if len(near):
        return Caution(f"{_reached(near, known)}; {_model(model, accuracy)}. {_meaning(near)}", near=True)
    most = rows.loc[rows["value"] == rows["value"].max()]
    gain, baseline = float((most["value"] - most["baseline"]).iloc[0]), float(most["baseline"].iloc[0])
    if gain < (accuracy.value - baseline) / 2:
        return None
    always = f"always predicting the most frequent class {numbers.percent(baseline)}"
    return Caution(f"{_reached(most, known)}, {always}; {_model(model, accuracy)}. {_meaning(most)}", near=False)


def _model(model: str, accuracy: numbers.Estimate) -> str:
    return f"{model} gets {numbers.percent_interval(accuracy)} of test images right"


def _reached(rows: pd.DataFrame, known: str) -> str:
    """What the best of some clues gets; `known` names all single ones."""
    best = rows.loc[rows["value"].idxmax()]
    named = list(rows.loc[rows["subject"] != TOGETHER, "subject"])
    what = known if best["subject"] == TOGETHER else best["subject"]
    others = [name for name in named if name != best["subject"]]
    also = f" ({numbers.listed(others)} alone nearly as much)" if others else ""
    return (
        f"A classifier that knows only {what}, a few numbers per image, gets "
        f"{numbers.percent_interval(numbers.Estimate(best['value'], best['low'], best['high']))} of images right{also}"
    )


def _meaning(rows: pd.DataFrame) -> str:
    named = set(rows["subject"])
    outside = sorted(named & set(WITHOUT_CONTENT))
    text = ""
    if outside:
        text = (
            f"What an image shows cannot bring about {numbers.listed(outside)}: the classes were taken or saved "
            f"differently. "
        )
    if named - set(outside):
        text += (
            "Such numbers may come from what images show or from how they were taken; in the latter case, expect less "
            "of the model on images taken differently."
        )
    return text.rstrip()
