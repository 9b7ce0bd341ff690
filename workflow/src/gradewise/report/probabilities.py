"""Section: whether probabilities can be believed, and what is gained when the doubtful ones go to a person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gradewise.evaluation.calibration import KEPT
from gradewise.report import drawing, numbers
from gradewise.report.answer import answer
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.numbers import Estimate
from gradewise.report.palette import QUIET

SURE = 0.9
"""Confidence that the sentences speak of, or the nearest that the model reaches."""

LEAST = 5
"""Verdicts in the doubtful tenth from which something is said of it."""

ACROSS = 4
"""Reliability diagrams side by side."""


def section(evidence: Evidence) -> Section | None:
    """Reliability, errors of calibration and accuracy against coverage; None where nothing was measured."""
    if evidence.calibration.empty:
        return None
    models = [model for model in evidence.models if model in set(evidence.calibration["model"])]
    rows = pd.DataFrame([_row(evidence, model) for model in models])
    blocks: list[Block] = [
        Text(
            "A model is calibrated where of all verdicts given with a probability of 90 % nine in ten are right. The "
            "calibration error is the mean gap between what a model claims and how often it is right. Chance alone "
            "makes it positive; what chance would make of it stands beside it."
        ),
        *(Text(sentence) for sentence in _of_the_choice(evidence, rows)),
        _reliability(evidence, models),
        _coverage(evidence, models),
        _table(rows, evidence.deciding_level),
    ]
    return Section("probabilities", "Probabilities", tuple(blocks))


def claim_sentence(model: str, claimed: float, right: Estimate, verdicts: int, alone: bool, unit: str) -> str:
    """How often a model is right where it claims a probability.

    Parameters
    ----------
    model : str
    claimed : float
        Mean probability claimed by the verdicts in question.
    right : Estimate
        How often they are right.
    verdicts : int
        How many they are.
    alone : bool
        Whether they are all verdicts there are.
    unit : str
        What is judged.
    """
    where = (
        f"Over all {verdicts} verdicts {model} claims {_whole(claimed)} on average and is right"
        if alone
        else f"In the {verdicts} verdicts in which {model} claims about {_whole(claimed)}, it is right"
    )
    said = f"{where} {numbers.percent_interval(right)} of the time"
    if right.bounds is None:
        return f"{said}."
    if right.bounds[1] < claimed:
        return f"{said}: it is too sure of itself."
    if right.bounds[0] > claimed:
        return f"{said}: more often than it claims."
    return f"{said}: no gap that these {unit}s could show."


def error_sentence(model: str, error: Estimate, by_chance: float, unit: str) -> str:
    """How large the calibration error is beside what chance alone makes it."""
    found = f"The calibration error of {model} is {numbers.percent_interval(error)}"
    chance = f"a calibrated model would show about {numbers.percent(by_chance)} here by chance alone"
    if error.low is not None and error.low > by_chance:
        return f"{found}; {chance}, so its probabilities should not be taken at their word."
    return f"{found}; {chance}, so these {unit}s do not show its probabilities to be wrong."


def coverage_sentence(model: str, everything: Estimate, kept: Estimate) -> str:
    """What sending the doubtful tenth to a person does to the accuracy of the rest."""
    before, after = numbers.percent(everything.value), numbers.percent_interval(kept)
    if (kept.value or 0.0) > (everything.value or 0.0):
        return (
            f"Sending the doubtful 10 % to a person raises the accuracy of {model} on the rest from {before} to "
            f"{after}."
        )
    return (
        f"Sending the doubtful 10 % to a person does not raise the accuracy of {model} on the rest: {before} of all, "
        f"{after} of the rest."
    )


def _of_the_choice(evidence: Evidence, rows: pd.DataFrame) -> list[str]:
    found = answer(evidence).recommendation
    mine = rows.loc[rows["model"] == found.choice.model] if found is not None else rows[:0]
    if mine.empty:
        return []
    row = next(mine.itertuples(index=False))
    unit = evidence.deciding_level
    sentences = [claim_sentence(row.model, row.claimed, bounded(row, "right"), int(row.verdicts), row.bins == 1, unit)]
    if numbers.known(row.error):
        sentences.append(error_sentence(row.model, bounded(row, "error"), row.by_chance, unit))
    if numbers.known(row.kept) and round((1 - KEPT) * row.all_verdicts) >= LEAST:
        sentences.append(coverage_sentence(row.model, bounded(row, "accuracy"), bounded(row, "kept")))
    return sentences


def _row(evidence: Evidence, model: str) -> dict[str, Any]:
    bins = _part(evidence, model, "bin")
    nearest = bins.iloc[(bins["confidence"] - SURE).abs().to_numpy().argmin()]
    level = evidence.deciding_level
    row: dict[str, Any] = {
        "model": model,
        "claimed": float(nearest["confidence"]),
        "verdicts": float(nearest["verdicts"]),
        "all_verdicts": float(bins["verdicts"].sum()),
        "bins": len(bins),
    }
    measured = {
        "right": Estimate(*(float(nearest[name]) for name in ("accuracy", "low", "high"))),
        "error": evidence.estimate(model, "calibration_error", level),
        "brier": evidence.estimate(model, "brier_score", level),
        "log_loss": evidence.estimate(model, "log_loss", level),
        "accuracy": evidence.estimate(model, "accuracy", level),
        "kept": evidence.estimate(model, "accuracy_at_90_coverage", level),
    }
    for name, estimate in measured.items():
        for part, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
            row[f"{name}{part}"] = np.nan if value is None else value
    by_chance = evidence.estimate(model, "calibration_error_by_chance", level).value
    return row | {"by_chance": np.nan if by_chance is None else by_chance}


def _part(evidence: Evidence, model: str, part: str) -> pd.DataFrame:
    rows = evidence.calibration
    return rows.loc[(rows["model"] == model) & (rows["part"] == part)]


def _table(rows: pd.DataFrame, unit: str) -> Table:
    return Table(
        "probabilities",
        f"Calibration and scores of probabilities on test {unit}s, with 95 % intervals; lower is better for the errors "
        f"and scores",
        rows,
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Calibration error", lambda row: numbers.percent_interval(bounded(row, "error"))),
            Column("By chance alone", lambda row: numbers.percent(row.by_chance)),
            Column("Brier score", lambda row: numbers.score_interval(bounded(row, "brier"))),
            Column("Log loss", lambda row: numbers.score_interval(bounded(row, "log_loss"))),
            Column(
                "Claims: is right",
                lambda row: f"{_whole(row.claimed)}: {numbers.percent_interval(bounded(row, 'right'))}",
            ),
            Column("Accuracy without the doubtful 10 %", lambda row: numbers.percent_interval(bounded(row, "kept"))),
        ),
    )


def _reliability(evidence: Evidence, models: list[str]) -> Figure:
    deep = -(-len(models) // ACROSS)
    wide = min(ACROSS, len(models))
    least = float(evidence.calibration.loc[evidence.calibration["part"] == "bin", "confidence"].min())
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH * max(wide, 2) / ACROSS, 2.3 * deep + 0.2))
        panels = canvas.subplots(deep, wide, sharex=True, sharey=True, squeeze=False).ravel()
        told = []
        for axes, model in zip(panels, models, strict=False):
            told.append(_diagram(axes, evidence, model))
        for axes in panels[len(models) :]:
            axes.set_axis_off()
        panels[0].set_xlim(max(0.0, least - 0.05), 1.02)
        panels[0].set_ylim(0, 1.02)
        drawing.percent_axis(panels[0])
        drawing.percent_axis(panels[0], "y")
        canvas.supxlabel("Probability claimed [%]", fontsize=8.5)
        canvas.supylabel("Right [%]", fontsize=8.5)
        svg = drawing.to_svg(canvas)
    return Figure(
        "reliability",
        "Reliability: how often verdicts are right (with 95 % intervals) against the probability claimed. On the "
        "dashed line a model keeps its word; below it, it claims too much. The grey columns are the share of verdicts "
        "that each mark stands for.",
        f"Reliability diagrams. {'; '.join(told)}.",
        svg,
    )


def _diagram(axes: Axes, evidence: Evidence, model: str) -> str:
    style, bins = evidence.styles[model], _part(evidence, model, "bin")
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
    axes.bar(bins["confidence"], bins["share"], width=0.012, color=QUIET, alpha=0.4, linewidth=0)
    bounded = bins.loc[bins["low"].notna()]
    axes.vlines(bounded["confidence"], bounded["low"], bounded["high"], color=style.colour, linewidth=1.3, alpha=0.6)
    axes.plot(
        bins["confidence"], bins["accuracy"], style.marker, color=style.colour, markersize=5, markeredgecolor="white"
    )
    axes.set_title(model)
    axes.grid()
    pairs = [f"{_whole(row.confidence)} claimed, {_whole(row.accuracy)} right" for row in bins.itertuples()]
    return f"{model}: {', '.join(pairs)}"


def _coverage(evidence: Evidence, models: list[str]) -> Figure:
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH * 0.85, 2.7))
        axes = canvas.subplots()
        told = []
        for model in models:
            style, kept = evidence.styles[model], _part(evidence, model, "coverage")
            axes.plot(
                1 - kept["share"],
                kept["accuracy"],
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                markersize=4,
                label=model,
            )
            ends = kept.sort_values("share")
            least, everything = ends["accuracy"].iloc[0], ends["accuracy"].iloc[-1]
            told.append(
                f"{model} {numbers.percent(everything)} of all, {numbers.percent(least)} of the most confident "
                f"{_whole(ends['share'].iloc[0])}"
            )
        drawing.percent_axis(axes)
        drawing.percent_axis(axes, "y")
        axes.grid()
        axes.set_xlabel(f"Share of {evidence.deciding_level}s sent to a person, least confident first [%]")
        axes.set_ylabel("Accuracy on the rest [%]")
        canvas.legend(loc="outside right upper")
        svg = drawing.to_svg(canvas)
    return Figure(
        "coverage",
        f"Accuracy on the {evidence.deciding_level}s that the model keeps when it hands the doubtful ones to a person. "
        f"The threshold is drawn on the same test {evidence.deciding_level}s, so in use it will pass slightly more or "
        f"fewer.",
        f"Accuracy against share handed over: {'; '.join(told)}.",
        svg,
    )


def _whole(share: float) -> str:
    return f"{100 * share:.0f}{numbers.SPACE}%" if numbers.known(share) else numbers.NONE
