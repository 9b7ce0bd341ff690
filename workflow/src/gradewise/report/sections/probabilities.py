"""Section: whether probabilities can be believed, and what is gained when the doubtful ones go to a person."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from gradewise.evaluation.calibration import KEPT
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, bounded, row_estimate
from gradewise.report.figures import curves
from gradewise.report.numbers import Estimate
from gradewise.report.palette import QUIET, Style

ORDER = 80

FOLDED = True

SURE = 0.9
"""Confidence that the sentences speak of, or the nearest that the model reaches."""

LEAST = 5
"""Verdicts in the doubtful part from which something is said of it."""

SCORES = {
    "slope": "calibration_slope",
    "error": "calibration_error",
    "brier": "brier_score",
    "log_loss": "log_loss",
    "accuracy": "accuracy",
    "kept": "accuracy_at_90_coverage",
}
"""Columns of the table and the metrics in them."""

DOUBTFUL = numbers.whole_percent(1 - KEPT)


def section(evidence: Evidence) -> Section | None:
    """Reliability, errors of calibration and accuracy against coverage; None where nothing was measured."""
    if evidence.calibration.empty:
        return None
    models = [model for model in evidence.models_by_rank if model in set(evidence.calibration["model"])]
    drawn = [model for model in evidence.models_in_detail if model in models] or models
    rows = pd.DataFrame([_row(evidence, model) for model in models])
    unit = evidence.deciding_level
    table = Table(
        "probabilities",
        f"Calibration and scores of probabilities on test {unit}s, with 95 % intervals; lower is better for the errors "
        f"and scores",
        rows,
        (
            Column.name("Model", "model"),
            Column("Calibration slope", ("slope", "slope_low", "slope_high"), _slope),
            Column.interval("Calibration error", "error", numbers.percent_interval),
            Column("By chance alone", "by_chance", numbers.percent),
            Column.interval("Brier score", "brier", numbers.score_interval),
            Column.interval("Log loss", "log_loss", numbers.score_interval),
            Column("States: is correct", ("claimed", "right", "right_low", "right_high"), _claim),
            Column.interval(f"Accuracy without the doubtful {DOUBTFUL}", "kept", numbers.percent_interval),
        ),
    )
    return Section(
        "probabilities",
        "Probabilities",
        contents={
            "sentences": findings(evidence),
            "shown": [_reliability(evidence, drawn), _coverage(evidence, drawn), table],
        },
    )


def _slope(*ends: float) -> str:
    if any(pd.isna(end) for end in ends):
        return numbers.NONE
    value, low, high = (f"{end:.2f}" if math.isfinite(end) else "∞" for end in ends)
    return f"{value} ({low} to {high})"


def findings(evidence: Evidence) -> list[str]:
    """What the scores of the recommended model's probabilities mean; empty where nothing was measured."""
    choice = evidence.recommendation.choice
    if choice is None or _part(evidence, choice, "bin").empty:
        return []
    row = next(pd.DataFrame([_row(evidence, choice)]).itertuples(index=False))
    return _sentences(row, evidence.deciding_level)


def _claim(claimed: float, *right: float) -> str:
    return f"{numbers.whole_percent(claimed)}: {numbers.percent_interval(Estimate(*right))}"


def _row(evidence: Evidence, model: str) -> dict[str, Any]:
    """Scores of a model, and what it claims and reaches in the bin nearest to `SURE`."""
    bins, level = _part(evidence, model, "bin"), evidence.deciding_level
    nearest = bins.iloc[(bins["confidence"] - SURE).abs().to_numpy().argmin()]
    row: dict[str, Any] = {
        "model": model,
        "claimed": nearest["confidence"],
        "verdicts": float(nearest["verdicts"]),
        "all_verdicts": float(bins["verdicts"].sum()),
        "bins": len(bins),
    }
    estimates = {"right": Estimate(nearest["accuracy"], nearest["low"], nearest["high"])}
    estimates |= {name: evidence.estimate(model, metric, level) for name, metric in SCORES.items()}
    for name, score in estimates.items():
        row |= {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
    return row | {"by_chance": evidence.estimate(model, "calibration_error_by_chance", level).value}


def _part(evidence: Evidence, model: str, part: str) -> pd.DataFrame:
    rows = evidence.calibration
    return rows.loc[(rows["model"] == model) & (rows["part"] == part)]


def _sentences(row: Any, unit: str) -> list[str]:
    """What the scores of the recommended model mean."""
    sentences = [claim_sentence(row.model, row.claimed, bounded(row, "right"), int(row.verdicts), row.bins == 1, unit)]
    if pd.notna(row.slope_low) and pd.notna(row.slope_high):
        sentences.append(slope_sentence(row.model, row.slope, row.slope_low, row.slope_high, unit))
    if numbers.known(row.error):
        sentences.append(error_sentence(row.model, bounded(row, "error"), row.by_chance))
    if numbers.known(row.kept) and round((1 - KEPT) * row.all_verdicts) >= LEAST:
        sentences.append(coverage_sentence(row.model, bounded(row, "accuracy"), bounded(row, "kept")))
    return sentences


def claim_sentence(model: str, claimed: float, right: Estimate, verdicts: int, alone: bool, unit: str) -> str:
    """How often the verdicts are right in which a model claims a probability; `alone` if these are all verdicts."""
    stated = numbers.whole_percent(claimed)
    where = (
        f"Over all {verdicts} verdicts, {model} states {stated} on average and is correct in"
        if alone
        else f"In the {verdicts} verdicts for which {model} states about {stated}, it is correct in"
    )
    text = f"{where} {numbers.percent_ci(right)}"
    if right.bounds is None:
        return f"{text}."
    if right.bounds[1] < claimed:
        return f"{text}: it is overconfident."
    if right.bounds[0] > claimed:
        return f"{text}: more often than it states."
    return f"{text}: these {unit}s show no difference between the two."


def slope_sentence(model: str, slope: float, low: float, high: float, unit: str) -> str:
    """Whether probabilities are too extreme or too cautious, or what may still be wrong with them."""
    measured = f"The calibration slope of {model} is {_slope(slope, low, high)}"
    if high <= 0:
        return f"{measured}: its probabilities say nothing about the true class."
    if high < 1:
        return (
            f"{measured}, below 1: its probabilities are too extreme and should not be taken at face value. The "
            f"log-odds it states are at least {1 / high:.1f} times too large."
        )
    if low > 1:
        factor = f"at least {low:.1f} times" if math.isfinite(low) else "any number of times"
        return (
            f"{measured}, above 1: its probabilities are too cautious. The log-odds it states are {factor} too small."
        )
    large = f"up to {1 / low:.1f} times too large" if low > 0 else "too large by any factor"
    small = f"up to {high:.1f} times too small" if math.isfinite(high) else "too small by any factor"
    return (
        f"{measured}: these {unit}s do not show its probabilities to be wrong. Nor would they if the stated log-odds "
        f"were {large}, or {small}."
    )


def error_sentence(model: str, error: Estimate, by_chance: float) -> str:
    """How large the calibration error is compared with what chance alone makes of it."""
    return (
        f"The calibration error of {model} is {numbers.percent_ci(error)}; a calibrated model would show about "
        f"{numbers.percent(by_chance)} here by chance alone."
    )


def coverage_sentence(model: str, everything: Estimate, kept: Estimate) -> str:
    """What sending the doubtful part to a person does to the accuracy of the rest."""
    before, after = numbers.percent(everything.value), numbers.percent_ci(kept)
    sent = f"Sending the doubtful {DOUBTFUL} to a person"
    if (kept.value or 0.0) > (everything.value or 0.0):
        return f"{sent} raises the accuracy of {model} on the rest from {before} to {after}."
    return f"{sent} does not raise the accuracy of {model} on the rest: {before} of all, {after} of the rest."


def _reliability(evidence: Evidence, models: list[str]) -> Figure:
    claimed = evidence.calibration.loc[evidence.calibration["part"] == "bin", "confidence"]
    x = curves.Axis("Stated probability [%]", share=True, limits=(max(0.0, float(claimed.min()) - 0.05), 1.02))
    y = curves.Axis("Correct [%]", share=True, limits=(0, 1.02))
    panels, stated_and_correct = [], []
    for model in models:
        bins = _part(evidence, model, "bin").sort_values("confidence")
        told = [
            f"{numbers.whole_percent(row.confidence)} stated, "
            f"{numbers.percent_interval(row_estimate(row, 'accuracy'))} correct"
            for row in bins.itertuples(index=False)
        ]
        drawn = curves.Curve(
            bins["confidence"],
            bins["accuracy"],
            replace(evidence.styles[model], line="-"),
            "",
            bins["low"],
            bins["high"],
            size=3,
            width=1.0,
            model=model,
            titles=told,
        )
        columns = (bins["confidence"], bins["share"])
        panels.append(curves.Panel([drawn], x, y, model, diagonal=True, columns=columns, model=model))
        pairs = zip(bins["confidence"], bins["accuracy"], strict=True)
        stated_and_correct.append(
            f"{model}: "
            + ", ".join(
                f"{numbers.whole_percent(c)} stated, {numbers.whole_percent(share)} correct" for c, share in pairs
            )
        )
    return Figure(
        "reliability",
        "Reliability: how often verdicts are correct (with 95 % CI) against the stated probability. On the dashed line "
        "a model is correct as often as it states; below it, the model is overconfident. Grey columns are the share of "
        f"verdicts behind each mark.{evidence.left_out_in_words}",
        f"Reliability diagrams. {'; '.join(stated_and_correct)}.",
        curves.draw(panels, height=2.5, width=drawing.THIRD),
    )


def _coverage(evidence: Evidence, models: list[str]) -> Figure:
    unit, parts, accuracies = evidence.deciding_level, {}, []
    for model in models:
        parts[model] = kept = _part(evidence, model, "coverage").sort_values("share")
        least, everything = kept["accuracy"].iloc[0], kept["accuracy"].iloc[-1]
        accuracies.append(
            f"{model} {numbers.percent(everything)} of all, {numbers.percent(least)} of the most confident "
            f"{numbers.whole_percent(kept['share'].iloc[0])}"
        )
    ends = pd.concat(parts.values())[["accuracy", "low", "high"]].to_numpy(dtype=float)
    x = curves.Axis("Sent to a person [%]", share=True)
    y = curves.Axis("Accuracy on the rest [%]", share=True, limits=curves.around(ends))
    panels = []
    for model, kept in parts.items():
        others = [
            curves.Curve(1 - part["share"], part["accuracy"], Style(QUIET, "", "-"), width=0.6, model=other)
            for other, part in parts.items()
            if other != model
        ]
        told = [
            f"{numbers.whole_percent(1 - row.share)} sent to a person: "
            f"{numbers.percent_interval(row_estimate(row, 'accuracy'))}"
            for row in kept.itertuples(index=False)
        ]
        style = replace(evidence.styles[model], line="-")
        own = curves.Curve(
            1 - kept["share"], kept["accuracy"], style, "", kept["low"], kept["high"], size=4, model=model, titles=told
        )
        panels.append(curves.Panel([*others, own], x, y, model, model=model))
    return Figure(
        "coverage",
        f"Accuracy on the remaining {unit}s when the doubtful ones go to a person, with 95 % confidence bands; thin "
        f"grey lines are the other models. The threshold is set on the same test {unit}s, so in use slightly more or "
        f"fewer will pass it.{evidence.left_out_in_words}",
        f"Accuracy against share sent to a person: {'; '.join(accuracies)}.",
        curves.draw(panels, height=2.5, width=drawing.THIRD),
    )
