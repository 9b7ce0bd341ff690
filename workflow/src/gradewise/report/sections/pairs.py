"""Section: models compared with each other and with guessing, on the same test images."""

from __future__ import annotations

from functools import partial

import pandas as pd

from gradewise.evaluation.compare import CLUES
from gradewise.evaluation.inference import SIGNIFICANT, groups_for_equivalence, judge
from gradewise.evaluation.recommendation import Criterion
from gradewise.images.foresight import LEVEL, POWER
from gradewise.report import metric_names, numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate

ORDER = 50

FOLDED = True

MOST_ROWS = 100
"""Most pairs of the table on the page; of more, those with the leader come first."""


def section(evidence: Evidence) -> Section | None:
    """Figure and table of differences; None where nothing was compared."""
    rows = evidence.comparisons.sort_values("baseline", kind="stable").reset_index(drop=True)
    if rows.empty:
        return None
    criterion, margin = evidence.recommendation.criterion, evidence.recommendation.criterion.margin
    drawn = rows.loc[rows["difference"].notna()]
    leader = evidence.models_by_rank[0]
    left_out = ""
    if len(evidence.models) > len(evidence.models_in_detail):
        left_out = f" Shown are the pairs with {leader}."
        of_leader = (rows["first"] == leader) | (rows["second"] == leader)
        rows = rows.assign(leads=of_leader).sort_values("leads", ascending=False, kind="stable", ignore_index=True)
        rows, drawn = rows.drop(columns="leads"), drawn.loc[of_leader.reindex(drawn.index)]
    return Section(
        "pairs",
        "Comparison of pairs",
        contents={
            "unit": evidence.deciding_level,
            "level": numbers.whole_percent(LEVEL),
            "significant": f"{SIGNIFICANT:.2f}",
            "power": numbers.whole_percent(POWER),
            "compared": bool(rows["p_adjusted"].notna().any()),
            "clues": bool((rows["second"] == CLUES).any()),
            "collapsed": bool(rows["collapsed"].any()),
            "other_metric": "" if criterion.metric == "accuracy" else metric_names.in_words(criterion.metric),
            "margin": "" if margin is None else metric_names.gap(criterion.metric, margin),
            "least": "" if margin is None else numbers.count(groups_for_equivalence(margin, rows["scale"].max())),
            "shown": [_figure(drawn, criterion, left_out) if len(drawn) else None, _table(rows, criterion)],
        },
    )


def judgement(
    metric: str, first: str, second: str, low: float, high: float, groups: int, scale: float, *, margin: float | None
) -> str:
    """What may be said of a pair, in words: 'equivalent', 'net better', 'undecided'; a dash without an interval."""
    if pd.isna(low) or pd.isna(high):
        return numbers.NONE
    low, high = (-high, -low) if metric_names.lower_is_better(metric) else (low, high)
    return judge(low, high, margin, groups, scale).replace("first", first).replace("second", second)


def _table(rows: pd.DataFrame, criterion: Criterion) -> Table:
    metric = criterion.metric
    judged = ("metric", "first", "second", "low", "high", "groups", "scale")
    return Table(
        "comparisons",
        "Differences on test, first minus second, with simultaneous intervals, "
        + ("in percentage points of " if metric_names.is_share(metric) else "of ")
        + metric_names.in_words(metric),
        rows,
        (
            Column("Pair", ("first", "second"), "{} − {}".format, "name"),
            Column(
                "Difference",
                ("difference", "low", "high"),
                lambda *ends: metric_names.difference_interval(metric, Estimate(*ends)),
            ),
            Column("Adjusted p", "p_adjusted", numbers.p_value),
            Column("Judgement", judged, partial(judgement, margin=criterion.margin), "name"),
            Column(
                "Only one correct",
                ("first_only_right", "second_only_right"),
                f"{{}}{numbers.SPACE}:{numbers.SPACE}{{}}".format,
            ),
            Column(
                "Detectable",
                "detectable",
                lambda detectable: metric_names.difference(metric, detectable).removeprefix("+"),
            ),
            Column("Errors correlate", "error_correlation", numbers.score),
        ),
        limit=MOST_ROWS,
    )


def _figure(rows: pd.DataFrame, criterion: Criterion, left_out: str) -> Figure:
    metric, margin, share = criterion.metric, criterion.margin, metric_names.is_share(criterion.metric)
    lines: list[dots.Line] = []
    pairs = int((~rows["baseline"]).sum())
    for place, row in enumerate(rows.itertuples(index=False)):
        mark = dots.tested_mark(row_estimate(row, "difference"), row.p_adjusted)
        gap = 1.6 if 0 < place == pairs else 1.0
        lines.append(dots.Line(f"{row.first} − {row.second}", (mark,), gap=gap))
    panels = [dots.Panel(lines, solid=0.0, band=None if margin is None else (-margin, margin))]
    side = "left" if metric_names.lower_is_better(metric) else "right"
    band = "" if margin is None else " In the grey band, differences are too small to matter."
    label = f"Difference in {metric_names.in_words(metric)}{' [percentage points]' if share else ''}"
    differences = dots.in_words(panels, partial(metric_names.difference_interval, metric))
    return Figure(
        "comparisons",
        f"Differences with simultaneous {numbers.whole_percent(LEVEL)} intervals. Filled dark marks: adjusted p below "
        f"{SIGNIFICANT:.2f}; hollow grey marks: no difference shown. The first is better to the {side} of zero.{band}"
        f"{left_out}",
        f"Differences{' in percentage points' if share else ''}: {differences}.",
        dots.draw(panels, label, share=share, write=partial(metric_names.difference_interval, metric)),
    )
