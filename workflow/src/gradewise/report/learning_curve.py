"""Section: accuracy against the number of training groups, and whether more images would help."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.palette import QUIET


def section(evidence: Evidence) -> Section | None:
    """The answer in words, the curve and its numbers; None where no learning curve was made."""
    curve, outlook = evidence.learning_curve, evidence.extrapolations
    if curve is None or outlook is None or outlook.empty:
        return None
    blocks: list[Block] = [Text(_finding(row), "lead") for row in outlook.itertuples(index=False)]
    blocks += [_explanation(outlook), _figure(evidence, curve), _curve_table(curve), _outlook_table(outlook)]
    return Section("learning-curve", "Would more images help?", tuple(blocks))


def _finding(row: Any) -> str:
    doubled = bounded(row, "doubled")
    if doubled.value is None:
        return f"{row.model}: cannot be told from these data; there are too few sizes or groups to fit a curve to."
    if row.finding == "flat":
        return (
            f"{row.model}: the curve is flat within its intervals; more images of the same kind are unlikely to help. "
            f"Twice as many training groups would gain {_plain(doubled.high)} points at most."
        )
    needed, low, high = row.groups_for_a_point, row.groups_for_a_point_low, row.groups_for_a_point_high
    if row.finding == "grows":
        return (
            f"{row.model}: more images would help. About {_groups(needed)} more for training (now "
            f"{_groups(row.groups)}) would gain one point, anywhere between {_rough(low)} and {_rough(high)}; twice as "
            f"many as now would gain {_plain(doubled.value)} points ({_plain(doubled.low)} to {_plain(doubled.high)})."
        )
    slope = bounded(row, "slope")
    within = "rises" if slope.bounds and slope.bounds[0] > 0 else "shows no sure rise"
    least = f" One more point needs at least {_groups(low)} more." if math.isfinite(low) else ""
    return (
        f"{row.model}: whether more images would help cannot be told from these data. Within them accuracy {within} "
        f"({numbers.points_interval(slope)} points for each doubling); twice as many training groups as the "
        f"{_rough(row.groups)} now would gain anything from {_plain(doubled.low)} to {_plain(doubled.high)} points."
        f"{least}"
    )


def _groups(number: float) -> str:
    return numbers.many(int(_rounded(number)), "group")


def _rough(number: float) -> str:
    return numbers.count(_rounded(number)) if math.isfinite(number) else "more than can be told"


def _rounded(number: float) -> float:
    """To two digits, at least one: a guess should not look exact."""
    number = max(1.0, math.ceil(number - 1e-9))
    digits = max(0, math.floor(math.log10(number)) - 1)
    return round(number, -digits)


def _plain(share: float | None) -> str:
    return numbers.points(share).removeprefix("+")


def _explanation(outlook: pd.DataFrame) -> Text:
    single = (
        " With a single repeat the luck of drawing the training groups cannot be seen, so that all intervals here are "
        "too narrow."
        if (outlook["repeats"] == 1).all()
        else ""
    )
    return Text(
        "Each model was fitted again on nested parts of the training groups and tested on the same images every time. "
        "The curve is an inverse power law, error = asymptote + scale × groups to the power of −exponent, fitted with "
        "weights to the measured errors; its band comes from fits to 2000 draws from the errors' own intervals. "
        "Beyond the training groups at hand it assumes more of the same kind of images and the same settings."
        f"{single}",
        "small",
    )


def _curve_table(curve: pd.DataFrame) -> Table:
    shown = curve.loc[curve["accuracy"].notna() | (curve["share"] == 2)].reset_index(drop=True)
    return Table(
        "learning-curve",
        "Image-level accuracy on test by size of the training set, with 95 % intervals",
        shown,
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Share", lambda row: f"{100 * row.share:.0f}{numbers.SPACE}%"),
            Column("Training groups", lambda row: numbers.count(row.groups)),
            Column("Images", lambda row: numbers.count(row.images)),
            Column("Measured", lambda row: numbers.percent_interval(bounded(row, "accuracy"))),
            Column("Fitted curve", lambda row: numbers.percent_interval(bounded(row, "fitted"))),
        ),
    )


def _outlook_table(outlook: pd.DataFrame) -> Table:
    return Table(
        "extrapolations",
        "What the fitted curves say; gains in percentage points, with 95 % intervals",
        outlook.reset_index(drop=True),
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Gain for each doubling so far", lambda row: numbers.points_interval(bounded(row, "slope"))),
            Column("Gain of twice the groups", lambda row: numbers.points_interval(bounded(row, "doubled"))),
            Column("Groups for one more point", _needed),
            Column("Highest accuracy, fitted", lambda row: numbers.percent(1 - row.asymptote)),
        ),
        folded=True,
    )


def _needed(row: Any) -> str:
    if pd.isna(row.groups_for_a_point):
        return numbers.NONE
    ends = row.groups_for_a_point, row.groups_for_a_point_low, row.groups_for_a_point_high
    middle, low, high = (numbers.count(_rounded(end)) if math.isfinite(end) else "∞" for end in ends)
    return f"{middle} ({low} to {high})"


def _figure(evidence: Evidence, curve: pd.DataFrame) -> Figure:
    models = list(dict.fromkeys(curve["model"]))
    told = []
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 3.0))
        panels = canvas.subplots(1, len(models), sharey=True, squeeze=False)[0]
        for axes, model in zip(panels, models, strict=True):
            style = evidence.styles[model]
            rows = curve.loc[curve["model"] == model].sort_values("groups")
            measured, inside = rows.loc[rows["accuracy"].notna()], rows["share"] <= 1
            axes.fill_between(
                rows["groups"], rows["fitted_low"], rows["fitted_high"], color=style.colour, alpha=0.13, linewidth=0
            )
            axes.plot(rows.loc[inside, "groups"], rows.loc[inside, "fitted"], color=style.colour)
            axes.plot(
                rows.loc[rows["share"] >= 1, "groups"],
                rows.loc[rows["share"] >= 1, "fitted"],
                color=style.colour,
                linestyle=(0, (4, 3)),
            )
            axes.vlines(
                measured["groups"], measured["accuracy_low"], measured["accuracy_high"], color=style.colour, linewidth=2
            )
            axes.plot(
                measured["groups"],
                measured["accuracy"],
                linestyle="none",
                marker=style.marker,
                markersize=7,
                color=style.colour,
                markeredgecolor="white",
                markeredgewidth=0.8,
            )
            axes.axvline(measured["groups"].max(), color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator([*measured["groups"], 2 * measured["groups"].max()]))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda groups, _: f"{groups:.0f}"))
            axes.set_title(model)
            axes.set_xlabel("Training groups")
            axes.grid(axis="y")
            drawing.percent_axis(axes, "y")
            points = ", ".join(
                f"{row.groups:.0f} groups {numbers.percent(row.accuracy)}" for row in measured.itertuples()
            )
            told.append(f"{model}: {points}")
        panels[0].set_ylabel("Image-level accuracy on test [%]")
        svg = drawing.to_svg(canvas)
    return Figure(
        "learning-curve",
        "Measured accuracy with 95 % intervals, and the fitted curve with its 95 % band; dashed beyond the training "
        "groups at hand (dotted line).",
        f"Learning curves. {'; '.join(told)}.",
        svg,
    )
