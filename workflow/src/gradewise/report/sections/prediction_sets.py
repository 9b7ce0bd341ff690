"""Section: the classes that an image can have, and how many images are then left to a person."""

from __future__ import annotations

import pandas as pd

from gradewise.judgement.prediction_sets import MEASURED
from gradewise.judgement.sets import highest_coverage
from gradewise.report import numbers
from gradewise.report.blocks import LONG, Block, Column, Facts, Section, Table, Text
from gradewise.report.evidence import Evidence, bounded

ORDER = 82

FOLDED = True


def section(evidence: Evidence) -> Section | None:
    """What sets of the model to use achieve; None where no model can be used."""
    model = evidence.model_to_use
    rows = evidence.prediction_sets
    rows = rows.loc[(rows["model"] == model) & rows["covered"].notna()].reset_index(drop=True)
    if model is None or rows.empty:
        return None
    overall = rows.loc[rows["class"].isna()]
    told: list[Block] = [
        Facts(
            tuple(
                (f"For a person at {_coverage(row.coverage)}", numbers.percent(row.several), "of the images")
                for row in overall.itertuples()
            )
        ),
        Text(meaning(model, overall["coverage"].iloc[0], evidence.dataset if evidence.verification else None)),
        Text(promise(int(overall["groups"].iloc[0]))),
        *(Text(sentence) for sentence in class_sentences(rows)),
    ]
    table = Table(
        "prediction-sets",
        "Sets on test images, with thresholds from the other groups. Each group has the same weight; 95 % intervals",
        rows.assign(of=rows["class"].fillna("all")),
        (
            Column.name("Promised", "coverage", _coverage),
            Column.name("Class", "of"),
            Column.interval("Sets that contain the true class", "covered", numbers.percent_interval),
            Column("Classes per set", "size", numbers.amount),
            Column.interval("Several classes: for a person", "several", numbers.percent_interval),
            Column.interval("Correct if a single class", "right_alone", numbers.percent_interval),
            Column("Groups", "groups", numbers.count),
        ),
        folded=len(rows) > LONG,
    )
    return Section("prediction-sets", "Sets of possible classes", (*told, table))


def meaning(model: str, coverage: float, deployed: str | None) -> str:
    """What a set of some coverage is, and how to get it where the model of a dataset is deployed."""
    text = (
        f"Instead of a single class that may be wrong, {model} can predict a set of possible classes. At a coverage of "
        f"{_coverage(coverage)}, that share of the sets contains the true class. If a set has several classes, a "
        "person decides."
    )
    if deployed is None:
        return text
    return (
        f"{text} To write them: gradewise predict results/{deployed}/deployed new-images --coverage {coverage:g} "
        "--output classes.csv"
    )


def promise(groups: int) -> str:
    """What the promise rests on, and how weak it is."""
    highest = 100 * highest_coverage(groups)
    missed = [coverage for coverage in MEASURED if coverage > highest_coverage(groups)]
    text = (
        f"The thresholds come from {numbers.many(groups, 'tested group')}; images of one group count as one. So many "
        f"groups can promise at most {highest:.3g} %"
    )
    if missed:
        needed = round(1 / (1 - missed[0])) - 1
        text += f"; {_coverage(missed[0])} would take {needed} groups"
    return (
        f"{text}. The promise holds on average over new groups of the same kind, not for each class or group. It was "
        "measured with models that had not seen the groups; the model to use is expected to do as well."
    )


def class_sentences(rows: pd.DataFrame) -> list[str]:
    """The classes that sets of some coverage hold clearly less often than promised."""
    by_class = rows.loc[rows["class"].notna()].rename(columns={"class": "name"})
    return [
        f"Sets for images of {row.name} contain the true class less often than the {_coverage(row.coverage)} promised "
        f"over all classes: {numbers.percent_ci(bounded(row, 'covered'))}."
        for row in by_class.itertuples()
        if row.covered_high < row.coverage
    ]


def _coverage(share: float) -> str:
    return f"{100 * share:.4g}{numbers.SPACE}%"
