"""Section: every pair of models compared on the same test images."""

from __future__ import annotations

from functools import partial

import pandas as pd

from gradewise.evaluation import power
from gradewise.evaluation.recommendation import SIGNIFICANT, Criterion
from gradewise.report import metric_names, numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 50

COUNTS = f"{{}}{numbers.SPACE}:{numbers.SPACE}{{}}"


def section(evidence: Evidence) -> Section | None:
    """Figure and table of differences; None where no pair was compared."""
    rows, unit = evidence.comparisons, evidence.deciding_level
    rows = rows.loc[(rows["role"] == "test") & (rows["level"] == unit)]
    if rows.empty:
        return None
    criterion = evidence.recommendation.criterion
    drawn = rows.loc[(rows["metric"] == criterion.metric) & rows["difference"].notna()]
    return Section(
        "pairs",
        "Comparison of pairs",
        contents={
            "unit": unit,
            "several": len(rows) > 1,
            "significant": SIGNIFICANT,
            "power": numbers.whole_percent(power.POWER),
            "over_repeats": bool((rows["test"] == "corrected_resampled_t").any()),
            "other_metric": "" if criterion.metric == "accuracy" else metric_names.in_words(criterion.metric),
            "margin": "" if criterion.margin is None else metric_names.gap(criterion.metric, criterion.margin),
            "shown": [_figure(drawn, criterion) if len(drawn) else None, _table(rows, criterion)],
        },
    )


def judgement(metric: str, first: str, second: str, low: float, high: float, p_holm: float, margin: float) -> str:
    """What may be said of a pair, in words: 'equivalent', 'net better', 'undecided'; a dash without an interval."""
    if pd.isna(low) or pd.isna(high):
        return numbers.NONE
    low, high = (-high, -low) if metric_names.lower_is_better(metric) else (low, high)
    judged = power.judge(low, high, 1.0 if pd.isna(p_holm) else p_holm, margin)
    return judged.replace("first", first).replace("second", second)


def _table(rows: pd.DataFrame, criterion: Criterion) -> Table:
    several, tests = rows["metric"].nunique() > 1, list(dict.fromkeys(rows["test"]))
    columns = [Column("Pair", ("first", "second"), "{} − {}".format, "name")]
    if several:
        columns.append(Column.name("Metric", "metric", metric_names.name))
    columns += [
        Column("Difference", ("metric", "difference", "low", "high"), _difference),
        Column("Adjusted p", "p_holm", numbers.p_value),
        Column("Only one right", ("first_only_right", "second_only_right"), COUNTS.format),
        Column("Detectable", ("metric", "detectable"), _detectable),
        Column("Errors correlate", "error_correlation", numbers.score),
    ]
    if criterion.margin is not None:
        keys = ("metric", "first", "second", "low", "high", "p_holm")
        columns.append(Column("Judgement", keys, partial(judgement, margin=criterion.margin), "name"))
    if len(tests) > 1:
        columns.append(Column.name("Test", "test", metric_names.test_name))
    return Table(
        "comparisons",
        "Differences between models on test, first minus second, "
        + ("in percentage points of " if metric_names.is_share(criterion.metric) else "of ")
        + ("each metric" if several else metric_names.in_words(criterion.metric))
        + (f" ({metric_names.test_name(tests[0])})" if len(tests) == 1 else ""),
        rows.reset_index(drop=True),
        tuple(columns),
    )


def _difference(metric: str, *ends: float) -> str:
    return metric_names.difference_interval(metric, Estimate(*ends))


def _detectable(metric: str, difference: float) -> str:
    return metric_names.difference(metric, difference).removeprefix("+")


def _figure(rows: pd.DataFrame, criterion: Criterion) -> Figure:
    metric, margin, share = criterion.metric, criterion.margin, metric_names.is_share(criterion.metric)
    lines = []
    for row in rows.itertuples(index=False):
        mark = dots.tested_mark(row_estimate(row, "difference"), row.p_holm)
        lines.append(dots.Line(f"{row.first} − {row.second}", (mark,)))
    panels = [dots.Panel(lines, solid=0.0, band=None if margin is None else (-margin, margin))]
    side = "left" if metric_names.lower_is_better(metric) else "right"
    band = "" if margin is None else " In the grey band differences are too small to matter."
    what = f"{criterion.level}-level {metric_names.in_words(metric)}"
    label = f"Difference in {what} on test{' [percentage points]' if share else ''}"
    differences = dots.in_words(panels, partial(metric_names.difference_interval, metric))
    return Figure(
        "comparisons",
        f"Differences with 95 % intervals. Filled dark marks: adjusted p below {SIGNIFICANT}; hollow grey marks: no "
        f"difference shown. To the {side} of zero the first model is better.{band}",
        f"Differences{' in percentage points' if share else ''}: {differences}.",
        dots.draw(panels, label, share=share),
    )
