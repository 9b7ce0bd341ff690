"""Section: every pair of models compared on the same test images."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.evaluation import power
from gradewise.report import drawing, metric_names, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.palette import INK, QUIET, Style
from gradewise.report.recommendation import SIGNIFICANT, Measure


def section(evidence: Evidence) -> Section | None:
    """Figure and table of differences; None where no pair was compared."""
    rows = evidence.comparisons
    unit = evidence.deciding_level
    rows = rows.loc[(rows["role"] == "test") & (rows["level"] == unit)]
    if rows.empty:
        return None
    metric, margin = evidence.settings.deciding_metric, evidence.settings.equivalence
    blocks: list[Block] = [
        Text(
            f"Two models are compared on the same test {unit}s, so what counts is where they differ. The p value says "
            f"how often a difference at least this large would come about if the two were equally good"
            f"{'; it is adjusted (Holm) for the number of pairs compared' if len(rows) > 1 else ''}. Where p is not "
            f"below {SIGNIFICANT}, a difference is not shown, which does not make the two equal."
        ),
        Text(
            f"Detectable is the difference that this test by itself would find four times in five"
            f"{_for_few_repeats(rows)}; a dash: it can show none. Only one right counts {unit}s that the first "
            f"alone and the second alone got right"
            f"{'' if metric == 'accuracy' else _otherwise(Measure(metric).words)}. Errors correlate from −1 "
            f"(each errs where the other is right) over 0 (unrelated) to 1 (on the same {unit}s).{_intervals(rows)}",
            "small",
        ),
    ]
    if margin is not None:
        within = Measure(metric, margin).gap(margin)
        blocks.append(
            Text(
                f"Differences within {within} do not matter in practice (equivalence in the configuration). Two models "
                f"are equivalent where the whole interval lies within that, one is better where p is below "
                f"{SIGNIFICANT} and the interval excludes zero; everything else is undecided, which is not the same as "
                f"equal."
            )
        )
    drawn = rows.loc[(rows["metric"] == metric) & rows["difference"].notna()]
    if len(drawn):
        blocks.append(_figure(drawn, Measure(metric, margin, unit)))
    blocks.append(_table(rows, metric, margin))
    return Section("pairs", "Comparison of pairs", tuple(blocks))


def _for_few_repeats(rows: pd.DataFrame) -> str:
    return "; with few repeats that is a large one" if (rows["test"] == "corrected_resampled_t").any() else ""


def _otherwise(words: str) -> str:
    return f"; these counts are of right answers while {words} decides, so they may point the other way"


def _intervals(rows: pd.DataFrame) -> str:
    """Why an interval may leave out zero where p shows nothing."""
    reasons = []
    if len(rows) > 1:
        reasons.append("p is adjusted for the number of pairs")
    if (rows["test"] == "corrected_resampled_t").any():
        reasons.append(
            "the corrected resampled t test knows only the repeats and allows for training sets that overlap"
        )
    if not reasons:
        return ""
    return (
        f" Intervals, by the groups tested, may leave out zero where p shows no difference, since "
        f"{' and '.join(reasons)}; p decides."
    )


def judgement(row: Any, margin: float) -> str:
    """What may be said of a pair, in words: 'equivalent', 'net better', 'undecided'; a dash without an interval."""
    if pd.isna(row.low) or pd.isna(row.high):
        return numbers.NONE
    low, high = (-row.high, -row.low) if metric_names.lower_is_better(row.metric) else (row.low, row.high)
    found = power.judge(low, high, 1.0 if pd.isna(row.p_holm) else row.p_holm, margin)
    return found.replace("first", row.first).replace("second", row.second)


def _table(rows: pd.DataFrame, metric: str, margin: float | None) -> Table:
    several = rows["metric"].nunique() > 1
    tests = [metric_names.test_name(test) for test in dict.fromkeys(rows["test"])]
    what = (Column("Metric", lambda row: metric_names.name(row.metric), kind="name"),) if several else ()
    return Table(
        "comparisons",
        "Differences between models on test, first minus second, "
        + ("in percentage points of " if metric_names.is_share(metric) else "of ")
        + ("each metric" if several else Measure(metric).words)
        + (f" ({tests[0]})" if len(tests) == 1 else ""),
        rows.reset_index(drop=True),
        (
            Column("Pair", lambda row: f"{row.first} − {row.second}", kind="name"),
            *what,
            Column(
                "Difference", lambda row: metric_names.difference_interval(row.metric, row_estimate(row, "difference"))
            ),
            Column("Adjusted p", lambda row: numbers.p_value(row.p_holm)),
            Column(
                "Only one right",
                lambda row: f"{row.first_only_right}{numbers.SPACE}:{numbers.SPACE}{row.second_only_right}",
            ),
            Column("Detectable", lambda row: metric_names.difference(row.metric, row.detectable).removeprefix("+")),
            Column("Errors correlate", lambda row: numbers.score(row.error_correlation)),
            *([Column("Judgement", lambda row: judgement(row, margin), kind="name")] if margin is not None else []),
            *([Column("Test", lambda row: metric_names.test_name(row.test), kind="name")] if len(tests) > 1 else []),
        ),
    )


def _figure(rows: pd.DataFrame, measure: Measure) -> Figure:
    metric, margin = measure.metric, measure.margin
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.62 + 0.34 * len(rows)))
        axes = canvas.subplots()
        told = []
        for place, row in enumerate(rows.itertuples(index=False)):
            estimate = row_estimate(row, "difference")
            apart = pd.notna(row.p_holm) and row.p_holm < SIGNIFICANT
            drawing.interval(axes, estimate, place, Style(INK if apart else QUIET, "o", "-"), hollow=not apart)
            told.append(f"{row.first} minus {row.second} {metric_names.difference_interval(metric, estimate)}")
        if margin is not None:
            axes.axvspan(-margin, margin, color=QUIET, alpha=0.14, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        unit = " [percentage points]" if metric_names.is_share(metric) else ""
        drawing.lines_named(
            axes,
            [f"{row.first} − {row.second}" for row in rows.itertuples(index=False)],
            f"Difference in {measure.unit}-level {measure.words} on test{unit}",
        )
        if metric_names.is_share(metric):
            drawing.percent_axis(axes)
        svg = drawing.to_svg(canvas)
    side = "left" if metric_names.lower_is_better(metric) else "right"
    band = "" if margin is None else " In the grey band differences are too small to matter."
    return Figure(
        "comparisons",
        f"Differences with 95 % intervals. Filled dark marks: adjusted p below {SIGNIFICANT}; hollow grey marks: no "
        f"difference shown. To the {side} of zero the first model is better.{band}",
        f"Differences{' in percentage points' if metric_names.is_share(metric) else ''}: {'; '.join(told)}.",
        svg,
    )
