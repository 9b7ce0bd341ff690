"""Section: accuracy against the number of training groups, and whether more images would help."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from gradewise.evaluation.learning_curve import DRAWS
from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.figures import curves

ORDER = 70

FOLDED = True


def section(evidence: Evidence) -> Section | None:
    """The finding in words, the curve and its numbers; None where no learning curve was made."""
    curve, outlook = evidence.learning_curve, evidence.extrapolations
    if curve is None or outlook is None or outlook.empty:
        return None
    curve_table = Table(
        "learning-curve",
        "Image-level accuracy on test by size of the training set, with 95 % intervals",
        curve.loc[curve["accuracy"].notna() | ((curve["share"] == 2) & curve["fitted"].notna())].reset_index(drop=True),
        (
            Column.name("Model", "model"),
            Column("Share", "share", numbers.whole_percent),
            Column("Training groups", "groups", numbers.count),
            Column("Images", "images", numbers.count),
            Column.interval("Measured", "accuracy", numbers.percent_interval),
            Column.interval("Fitted curve", "fitted", numbers.percent_interval),
        ),
    )
    needed = ("groups_for_a_point", "groups_for_a_point_low", "groups_for_a_point_high")
    outlook_table = Table(
        "extrapolations",
        "What the curves say; gains in percentage points, with 95 % intervals",
        outlook.reset_index(drop=True),
        (
            Column.name("Model", "model"),
            Column.interval("Gain per doubling so far", "slope", numbers.points_interval),
            Column.interval("Gain of doubling from here", "doubled", numbers.points_interval),
            Column("Groups for one more point", needed, _needed),
            Column("Highest accuracy, fitted", "asymptote", lambda error: numbers.percent(1 - error)),
        ),
        folded=True,
    )
    return Section(
        "learning-curve",
        "Would more images help?",
        contents={
            "findings": [_finding(row) for row in outlook.itertuples(index=False)],
            "fitted": bool(curve["fitted"].notna().any()),
            "draws": DRAWS,
            "single": bool((outlook["repeats"] == 1).all()),
            "shown": [_figure(evidence, curve), curve_table, outlook_table],
        },
    )


def _finding(row: Any) -> str:
    doubled, slope = bounded(row, "doubled"), bounded(row, "slope")
    if not slope.bounds:
        return f"{row.model}: these data cannot tell, because there are too few sizes or test groups."
    each_doubling = f"{numbers.points_ci(slope)} per doubling of the training groups"
    gain, least, most = map(numbers.unsigned_points, (doubled.value, doubled.low, doubled.high))
    if row.finding == "flat":
        return (
            f"{row.model}: the curve is flat within its intervals; more images of the same kind are unlikely to help. "
            f"Doubling the training groups would gain {most} points at most."
        )
    further = (
        f"By the fitted curve, doubling the present {_rough(row.groups)} would gain {gain} points (95 % CI {least} to "
        f"{most}); one more point needs between {_rough(row.groups_for_a_point_low)} and "
        f"{_rough(row.groups_for_a_point_high)} more groups."
        if doubled.value is not None
        else "How far this continues is unknown, because there are too few sizes to fit a curve."
    )
    if row.finding == "grows":
        return f"{row.model}: more images would help. Accuracy rises by {each_doubling}. {further}"
    half_width = numbers.unsigned_points((slope.bounds[1] - slope.bounds[0]) / 2)
    return (
        f"{row.model}: these data cannot tell whether more images would help. Accuracy changes by {each_doubling}, so "
        f"a gain of less than {half_width} points would not show. {further}"
    )


def _rough(number: float) -> str:
    return numbers.count(_rounded(number)) if math.isfinite(number) else "more than can be said"


def _rounded(number: float) -> float:
    """To two digits, at least one: a guess should not look exact."""
    number = max(1.0, math.ceil(number - 1e-9))
    digits = max(0, math.floor(math.log10(number)) - 1)
    return round(number, -digits)


def _needed(*ends: float) -> str:
    if pd.isna(ends[0]):
        return numbers.NONE
    middle, low, high = (numbers.count(_rounded(end)) if math.isfinite(end) else "∞" for end in ends)
    return f"{middle} ({low} to {high})"


def _figure(evidence: Evidence, curve: pd.DataFrame) -> Figure:
    panels: list[curves.Panel] = []
    accuracies = []
    ends = curve[["accuracy", "accuracy_low", "accuracy_high", "fitted_low", "fitted_high"]].to_numpy(dtype=float)
    y = curves.Axis("Image-level accuracy on test [%]", share=True, limits=curves.around(ends))
    for model in dict.fromkeys(curve["model"]):
        style = evidence.styles[model]
        rows = curve.loc[curve["model"] == model].sort_values("groups")
        measured = rows.loc[rows["accuracy"].notna()]
        inside, beyond = rows.loc[rows["share"] <= 1], rows.loc[rows["share"] >= 1]
        most = float(measured["groups"].max())
        bounds = measured["accuracy_low"], measured["accuracy_high"]
        drawn = [
            curves.Curve(rows["groups"], rows["fitted"], style, "", rows["fitted_low"], rows["fitted_high"], width=0.0),
            curves.Curve(inside["groups"], inside["fitted"], replace(style, line="-")),
            curves.Curve(beyond["groups"], beyond["fitted"], replace(style, line=(0, (4, 3)))),
            curves.marks(measured["groups"], measured["accuracy"], *bounds, style, size=7),
        ]
        fitted = bool(rows["fitted"].notna().any())
        x = curves.Axis("Training groups", ticks=[*measured["groups"], *([2 * most] if fitted else [])])
        panels.append(curves.Panel(drawn, x, y, model, dashed=most if fitted else None, model=model))
        points = (f"{row.groups:.0f} groups {numbers.percent(row.accuracy)}" for row in measured.itertuples())
        accuracies.append(f"{model}: {', '.join(points)}")
    caption = "Measured accuracy with 95 % intervals"
    if curve["fitted"].notna().any():
        caption += (
            ", and the fitted curve with its 95 % band; dashed beyond the training groups at hand (vertical line)"
        )
    return Figure(
        "learning-curve",
        f"{caption}.",
        f"Learning curves. {'; '.join(accuracies)}.",
        curves.draw(panels, height=2.8),
    )
