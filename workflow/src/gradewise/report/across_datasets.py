"""Families of models compared over all datasets: the section of the index that says what holds beyond one dataset."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import pandas as pd

from gradewise.evaluation.across_datasets import (
    LEAST_DATASETS,
    LEAST_TO_EXPECT,
    Combined,
    FamiliesOnDataset,
    FamilyPair,
    compare_families,
)
from gradewise.evaluation.inference import SIGNIFICANT
from gradewise.families import registry
from gradewise.images.foresight import LEVEL
from gradewise.report import metric_names, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

_points_interval = partial(numbers.interval, write=numbers.points)


def section(datasets: Sequence[FamiliesOnDataset], simulated: Collection[str] = ()) -> Section:
    """What holds for families over all datasets, or a sentence that says why nothing is said.

    Parameters
    ----------
    datasets : sequence of FamiliesOnDataset
        In the order of the page.
    simulated : collection of str
        Those of them whose images are simulated.
    """
    pairs = compare_families(datasets)
    combined = [pair for pair in pairs if pair.combined is not None]
    blocks: list[Block] = []
    if combined:
        made_up = [families.dataset for families in datasets if families.dataset in simulated]
        if made_up:
            blocks.append(
                Text(f"With simulated images, which say nothing about real ones: {', '.join(made_up)}.", "notice")
            )
        blocks += [Text(sentence(pair, len(combined))) for pair in combined]
        blocks += [
            _figure(combined),
            _table(combined),
            _datasets(combined, datasets),
            Text(_method(datasets, combined), "small"),
        ]
    else:
        blocks.append(Text(_nothing(pairs), "small"))
    blocks += [Text(left_out, "small") for left_out in (_other_metrics(datasets), _unknown(pairs)) if left_out]
    return Section("families", "Families over all datasets", tuple(blocks))


def sentence(pair: FamilyPair, pairs: int = 1) -> str:
    """What was found for two families that are combined.

    Parameters
    ----------
    pair : FamilyPair
    pairs : int
        How many are combined; their p values are adjusted for it.
    """
    assert pair.combined is not None, "pairs that are not combined have no sentence"
    combined, ahead, behind = pair.combined, pair.first, pair.second
    mean, expected = combined.mean, combined.expected
    if mean.value is not None and mean.value < 0:
        mean, expected, ahead, behind = mean.turned(), expected.turned(), behind, ahead
    low, high = map(numbers.points, mean.bounds or ())
    gap = numbers.unsigned_points(mean.value)
    p_value = f"{'adjusted p' if pairs > 1 else 'p'} {numbers.p_value(pair.p_adjusted)}"
    judged = f"({numbers.whole_percent(LEVEL)} interval {low} to {high}, {p_value})"
    over = f"Over {numbers.many(len(pair.differences), 'dataset')}"
    if pair.p_adjusted < SIGNIFICANT:
        lead = f"{over} {ahead} is {gap} points ahead of {behind} {judged}"
    else:
        lead = f"{over} neither {ahead} nor {behind} is shown to be better: {ahead} is {gap} points ahead {judged}"
    if expected.bounds is None:
        return f"{lead}; {LEAST_DATASETS} datasets do not tell what to expect on a new one."
    below, above = expected.bounds
    least = numbers.unsigned_points(abs(below)) + (f"{numbers.SPACE}points behind" if below < 0 else "")
    return (
        f"{lead}; on a new dataset of this kind expect {ahead} between {least} and {numbers.unsigned_points(above)} "
        "points ahead."
    )


def _nothing(pairs: Sequence[FamilyPair]) -> str:
    most = max((len(pair.differences) for pair in pairs), default=0)
    counted = f"at most {most} do" if most > 1 else "only one does" if most else "none does"
    return (
        f"Families of models are compared over datasets once {LEAST_DATASETS} datasets compare the same two families "
        f"by a share, such as accuracy: fewer do not tell how much datasets differ. Here {counted}."
    )


def _other_metrics(datasets: Sequence[FamiliesOnDataset]) -> str:
    others = [
        f"{families.dataset} ({metric_names.in_words(families.metric)})"
        for families in datasets
        if families.differences and not families.in_points
    ]
    return f"Left out, since they are not decided by a share: {numbers.listed(others)}." if others else ""


def _unknown(pairs: Sequence[FamilyPair]) -> str:
    missing = [
        f"{dataset} for {pair.first} and {pair.second}" for pair in pairs for dataset in dict.fromkeys(pair.unknown)
    ]
    return f"Left out, since the difference has no standard error: {numbers.listed(missing)}." if missing else ""


def _method(datasets: Sequence[FamiliesOnDataset], pairs: Sequence[FamilyPair]) -> str:
    used = {dataset for pair in pairs for dataset in pair.differences}
    measured = {(families.level, families.metric) for families in datasets if families.dataset in used}
    ((level, metric), *others) = sorted(measured)
    points = "what decides on each dataset" if others else f"{level}-level {metric_names.in_words(metric)}"
    names = dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second))
    labels = [f"{name} ({registry.family(name).label})" if name in registry.names() else name for name in names]
    return (
        f"Families: {'; '.join(labels)}. Points are percentage points of {points}. On each dataset a family is "
        "represented by the first of its models in the configuration: the best one on test would flatter a family with "
        "many models. Means are those of a random-effects model (Paule & Mandel 1982) with intervals by Hartung & "
        "Knapp (2001); these and p values allow for the number of pairs (Bonferroni). What "
        f"to expect on a new dataset is a {numbers.whole_percent(LEVEL)} interval of the true difference there, told "
        f"from {LEAST_TO_EXPECT} datasets on; in simulations it held in 87 to 100 % of cases. Datasets are taken as "
        "independent and of one kind: two that share images count as more than they are."
    )


def _figure(pairs: Sequence[FamilyPair]) -> Figure:
    names = list(dict.fromkeys(dataset for pair in pairs for dataset in pair.differences))
    panels = []
    for pair in pairs:
        assert pair.combined is not None, "only pairs that are combined are drawn"
        estimates = [
            pair.differences[dataset].estimate if dataset in pair.differences else Estimate(None) for dataset in names
        ]
        lines = [
            dots.Line(dataset, (dots.tested_mark(estimate, float("nan")),))
            for dataset, estimate in zip(names, estimates, strict=True)
        ]
        mean = dots.tested_mark(pair.combined.mean, pair.p_adjusted)
        panels.append(dots.Panel([*lines, dots.Line("mean", (mean,), gap=1.6)], _title(pair), solid=0.0))
    return Figure(
        "families",
        f"Differences between families on each dataset and their mean, with {numbers.whole_percent(LEVEL)} intervals. "
        f"A filled dark mean: adjusted p below {SIGNIFICANT:.2f}. To the right of zero the first family is better.",
        f"Differences in percentage points: {dots.in_words(panels, _points_interval)}.",
        dots.draw(panels, "Percentage points", write=_points_interval),
    )


def _title(pair: FamilyPair) -> str:
    return f"{pair.first} {numbers.MINUS} {pair.second}"


def _table(pairs: Sequence[FamilyPair]) -> Table:
    rows = [
        {
            "first": pair.first,
            "second": pair.second,
            "datasets": len(pair.differences),
            "spread": pair.combined.spread,
            "p_adjusted": pair.p_adjusted,
            **_ends("mean", pair.combined.mean),
            **_ends("expected", pair.combined.expected),
        }
        for pair in pairs
        if isinstance(pair.combined, Combined)
    ]
    return Table(
        "families",
        "Mean difference between families over datasets, first minus second [percentage points]",
        pd.DataFrame(rows),
        (
            Column("Families", ("first", "second"), f"{{}} {numbers.MINUS} {{}}".format, "name"),
            Column("Datasets", "datasets"),
            Column.interval("Mean", "mean", _points_interval),
            Column("Adjusted p", "p_adjusted", numbers.p_value),
            Column("Spread between datasets", "spread", numbers.unsigned_points),
            Column("On a new dataset", ("expected_low", "expected_high"), _range),
        ),
    )


def _ends(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _range(low: float, high: float) -> str:
    return f"{numbers.points(low)} to {numbers.points(high)}" if numbers.known(low) else numbers.NONE


def _datasets(pairs: Sequence[FamilyPair], datasets: Sequence[FamiliesOnDataset]) -> Table:
    by_name = {families.dataset: families for families in datasets}
    rows = []
    for pair in pairs:
        for dataset, difference in pair.differences.items():
            families = by_name[dataset]
            rows.append(
                {
                    "dataset": dataset,
                    "first": families.models[pair.first],
                    "second": families.models[pair.second],
                    "level": families.level,
                    "metric": families.metric,
                    **_ends("difference", difference.estimate),
                    "error": difference.error,
                    "freedom": difference.freedom,
                }
            )
    return Table(
        "families-datasets",
        "Differences on each dataset, first model minus second [percentage points]",
        pd.DataFrame(rows),
        (
            Column.name("Dataset", "dataset"),
            Column("Models", ("first", "second"), f"{{}} {numbers.MINUS} {{}}".format, "name"),
            Column("Measured by", ("level", "metric"), _measured, "text"),
            Column.interval("Difference", "difference", _points_interval),
            Column("Standard error", "error", numbers.unsigned_points),
        ),
        folded=True,
    )


def _measured(level: str, metric: str) -> str:
    return f"{level}-level {metric_names.in_words(metric)}"
