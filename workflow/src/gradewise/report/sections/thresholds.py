"""Section: what another threshold would miss, report falsely and cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Figure, InUse, Section, Table, Text
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.figures import curves
from gradewise.report.palette import QUIET, Style

ORDER = 4

SHOWN = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Thresholds in the table, beside those that the sentences speak of."""

MOST_VERDICTS = 10_000
"""Most test verdicts that the slider of the threshold is made from."""


def section(evidence: Evidence) -> Section | None:
    """Misses, false alarms and cost of the model to use; None where no model can be used or classes have no order."""
    model, scale = evidence.model_to_use, evidence.settings.scale
    if evidence.thresholds is None or model is None or scale is None:
        return None
    rows = evidence.thresholds.loc[evidence.thresholds["model"] == model].reset_index(drop=True)
    if rows.empty:
        return None
    costs = evidence.settings.scale_costs
    missed, alarms = names(scale, evidence.settings.ordered)
    blocks: list[Block] = [Text(meaning(model, scale, evidence.settings.ordered))]
    if costs is not None:
        used = expected_cost_threshold(costs) if evidence.settings.verdict_costs is not None else 0.5
        blocks.append(Text(cost_sentence(rows, used)))
    columns = [
        Column("Threshold", "threshold", "{:.2f}".format),
        Column.interval(missed, "missed", numbers.percent_interval),
        Column.interval(alarms, "false_alarms", numbers.percent_interval),
    ]
    if costs is not None:
        columns.append(Column.interval("Cost of 100 verdicts", "cost", _cost))
    shown = rows.loc[np.isclose(rows["threshold"].to_numpy()[:, None], SHOWN).any(axis=1) | rows["least_cost"]]
    basis = numbers.basis(int(rows["images"].iloc[0]), int(rows["groups"].iloc[0]), "test image")
    blocks += [
        _figure(rows, model, (missed, alarms), with_costs=costs is not None),
        Table(
            "thresholds",
            f"What {model} does on {basis} at some thresholds, with 95 % intervals",
            shown,
            tuple(columns),
            folded=True,
        ),
    ]
    blocks[1:1] = _try_out(evidence, model, scale, (missed, alarms))
    return Section("thresholds", "Other thresholds", tuple(blocks))


def _try_out(evidence: Evidence, model: str, scale: Sequence[str], kinds: tuple[str, str]) -> list[Block]:
    """A slider of the threshold; none for more verdicts than a page should carry."""
    test = evidence.test.loc[evidence.test["model"] == model]
    if not 0 < len(test) <= MOST_VERDICTS:
        return []
    probabilities = test[[f"p_{name}" for name in scale]].to_numpy(dtype=np.float64)
    at_least = probabilities[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    costs = evidence.settings.scale_costs
    of_one = (1.0, 1.0) if costs is None or len(costs) > 2 else (costs[1][0], costs[0][1])
    return [
        InUse(
            truth=[int(code) for code in pd.Categorical(test["label"], categories=list(scale)).codes],
            at_least=[[round(float(probability), 12) for probability in row] for row in at_least],
            classes=len(scale),
            names=kinds,
            costs=of_one,
        )
    ]


def names(scale: Sequence[str], ordered: bool) -> tuple[str, str]:
    """What the two kinds of mistakes are called."""
    if ordered:
        return f"Too near {scale[0]}", f"Too near {scale[-1]}"
    return f"Missed {scale[-1]}", f"False alarms among {scale[0]}"


def meaning(model: str, scale: Sequence[str], ordered: bool) -> str:
    """What a threshold does."""
    if ordered:
        return (
            f"With a threshold, {model} assigns the highest grade, in the order {', '.join(scale)}, for which the "
            f"probability of that grade or a later one reaches the threshold: the median grade at 0.5, one nearer "
            f"{scale[-1]} at lower thresholds. Shares are of the images that can be graded wrongly in that direction."
        )
    return (
        f"With a threshold, {model} predicts {scale[-1]} if its probability reaches the threshold. A lower threshold "
        f"misses fewer images of {scale[-1]}, at the price of more false alarms among those of {scale[0]}."
    )


def expected_cost_threshold(costs: Sequence[Sequence[float]]) -> float | None:
    """From which probability of the second of two classes on it has the least expected cost (Elkan 2001, Equation 2).

    None of more classes, whose verdicts of least expected cost follow no single threshold, and where costs give none.
    """
    if len(costs) != 2:
        return None
    alarm, miss = costs[0][1] - costs[0][0], costs[1][0] - costs[1][1]
    return alarm / (alarm + miss) if alarm + miss > 0 else None


def cost_sentence(rows: pd.DataFrame, used: float | None) -> str:
    """The threshold that costs ask for, what it costs, and whether verdicts follow it."""
    chosen = rows.loc[rows["least_cost"]]
    if chosen.empty:
        return "There are no validation images to choose a threshold on."
    row = chosen.iloc[0]
    text = (
        f"On validation, a threshold of {row.threshold:.2f} costs least. On test it costs "
        f"{numbers.with_ci(bounded(row, 'cost'), numbers.amount)} per 100 verdicts"
    )
    if used is None:
        return f"{text}. Verdicts are the classes of least expected cost, which follow no single threshold."
    nearest = rows.iloc[int((rows["threshold"] - used).abs().argmin())]
    text += f", compared with {numbers.with_ci(bounded(nearest, 'cost'), numbers.amount)} at {nearest.threshold:.2f}, "
    if abs(used - 0.5) < 1e-9:
        return f"{text}which verdicts follow. To have verdicts follow the costs, set decide_by: cost."
    return f"{text}which verdicts follow: there both classes have the same expected cost, if probabilities are correct."


def _cost(cost: numbers.Estimate) -> str:
    return numbers.interval(cost, numbers.amount)


def _figure(rows: pd.DataFrame, model: str, kinds: tuple[str, str], with_costs: bool) -> Figure:
    threshold = curves.Axis("Threshold", limits=(0, 1))
    looks = (Style("#0072b2", "o", "-"), Style("#d55e00", "s", "--"))
    drawn = [
        curves.Curve(rows["threshold"], rows[name], look, label, rows[f"{name}_low"], rows[f"{name}_high"])
        for name, label, look in zip(("missed", "false_alarms"), kinds, looks, strict=True)
    ]
    chosen = rows.loc[rows["least_cost"], "threshold"]
    dashed = float(chosen.iloc[0]) if len(chosen) else None
    panels = [curves.Panel(drawn, threshold, curves.Axis("Share [%]", share=True), dashed=dashed, direct=True)]
    if with_costs:
        cost = curves.Curve(
            rows["threshold"], rows["cost"], Style(QUIET, "o", "-"), "", rows["cost_low"], rows["cost_high"]
        )
        panels.append(curves.Panel([cost], threshold, curves.Axis("Cost of 100 verdicts"), dashed=dashed))
    middle = rows.iloc[int((rows["threshold"] - 0.5).abs().argmin())]
    return Figure(
        "thresholds",
        f"Mistakes{' and cost' if with_costs else ''} of {model} on test at each threshold, with 95 % confidence "
        f"bands.{' The dashed line is the threshold of least cost on validation.' if dashed else ''}",
        f"Curves against the threshold; at 0.5: {kinds[0]} {numbers.percent(middle.missed)}, "
        f"{kinds[1]} {numbers.percent(middle.false_alarms)}.",
        curves.draw(panels, height=2.5),
    )
