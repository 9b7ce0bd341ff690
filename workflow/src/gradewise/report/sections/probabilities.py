"""Section: whether probabilities can be believed, and what is gained when the doubtful ones go to a person."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gradewise.evaluation.calibration import KEPT
from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.figures import curves
from gradewise.report.numbers import Estimate

ORDER = 80

FOLDED = True

SURE = 0.9
"""Confidence that the sentences speak of, or the nearest that the model reaches."""

LEAST = 5
"""Verdicts in the doubtful part from which something is said of it."""

ACROSS = 4
"""Reliability diagrams side by side."""

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
    models = [model for model in evidence.models if model in set(evidence.calibration["model"])]
    drawn = [model for model in models if model in evidence.models_in_detail] or models
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
    x = curves.Axis(share=True, limits=(max(0.0, float(claimed.min()) - 0.05), 1.02))
    y = curves.Axis(share=True, limits=(0, 1.02))
    across = min(ACROSS, len(models))
    panels, claimed_and_right = [], []
    for model in models:
        bins = _part(evidence, model, "bin")
        claims, right = bins["confidence"], bins["accuracy"]
        marks = curves.marks(claims, right, bins["low"], bins["high"], evidence.styles[model], size=5)
        panels.append(curves.Panel([marks], x, y, model, diagonal=True, columns=(claims, bins["share"])))
        pairs = zip(claims.map(numbers.whole_percent), right.map(numbers.whole_percent), strict=True)
        claimed_and_right.append(f"{model}: {', '.join(f'{claim} claimed, {share} right' for claim, share in pairs)}")
    return Figure(
        "reliability",
        "Reliability: how often verdicts are correct (with 95 % CI) against the stated probability. On the dashed line "
        "a model is correct as often as it states; below it, the model is overconfident. Grey columns are the share of "
        f"verdicts behind each mark.{evidence.left_out_in_words}",
        f"Reliability diagrams. {'; '.join(claimed_and_right)}.",
        curves.draw(
            panels,
            across=across,
            height=2.3,
            width=max(across, 2) / ACROSS,
            shared=True,
            labels=("Probability claimed [%]", "Right [%]"),
        ),
    )


def _coverage(evidence: Evidence, models: list[str]) -> Figure:
    unit, drawn, accuracies = evidence.deciding_level, [], []
    for model in models:
        kept = _part(evidence, model, "coverage").sort_values("share")
        drawn.append(curves.Curve(1 - kept["share"], kept["accuracy"], evidence.styles[model], model, size=4))
        least, everything = kept["accuracy"].iloc[0], kept["accuracy"].iloc[-1]
        accuracies.append(
            f"{model} {numbers.percent(everything)} of all, {numbers.percent(least)} of the most confident "
            f"{numbers.whole_percent(kept['share'].iloc[0])}"
        )
    panel = curves.Panel(
        drawn,
        curves.Axis(f"Share of {unit}s sent to a person, least confident first [%]", share=True),
        curves.Axis("Accuracy on the rest [%]", share=True),
    )
    return Figure(
        "coverage",
        f"Accuracy on the remaining {unit}s when the doubtful ones go to a person. The threshold is set on the same "
        f"test {unit}s, so in use slightly more or fewer will pass it.",
        f"Accuracy against share sent to a person: {'; '.join(accuracies)}.",
        curves.draw([panel], across=1, height=2.5, width=0.85, legend=True),
    )
