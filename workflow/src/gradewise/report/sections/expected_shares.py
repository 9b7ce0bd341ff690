"""Section: how good the model to use is where classes are mixed as in use."""

from __future__ import annotations

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Column, Section, Table, Text
from gradewise.report.evidence import Evidence

ORDER = 84

WORDS = {
    "accuracy": "Accuracy",
    "precision": "Precision of {}",
    "negative_predictive_value": "Negative predictive value of {}",
    "cost_per_100": "Cost of 100 verdicts",
}
"""What the metrics of the table are called; with the class."""


def section(evidence: Evidence) -> Section | None:
    """What changes with the mix of classes; None where no other mix is expected or no model can be used."""
    model, shares = evidence.model_to_use, evidence.settings.expected_shares
    if evidence.expected_shares is None or shares is None or model is None:
        return None
    rows = evidence.expected_shares.loc[evidence.expected_shares["model"] == model].reset_index(drop=True)
    if rows.empty:
        return None
    named = [WORDS[row.metric].format(row.name) for row in rows.rename(columns={"class": "name"}).itertuples()]
    written = pd.DataFrame(
        {
            "of": named,
            "tested": [_write(row.metric, numbers.Estimate(row.tested)) for row in rows.itertuples()],
            "in_use": [_write(row.metric, numbers.Estimate(row.value, row.low, row.high)) for row in rows.itertuples()],
        }
    )
    basis = numbers.basis(int(rows["images"].iloc[0]), int(rows["groups"].iloc[0]), "test image")
    table = Table(
        "expected-shares",
        f"{model} under both mixes of classes, on {basis}, with 95 % intervals",
        written,
        (Column.name("", "of"), Column("Mix of the test", "tested"), Column("Mix expected in use", "in_use")),
    )
    tested = evidence.test.loc[evidence.test["model"] == model, "label"].value_counts(normalize=True)
    return Section(
        "expected-shares",
        "Another mix of classes",
        (Text(meaning(shares, {name: float(tested.get(name, 0.0)) for name in evidence.classes})), table),
    )


def meaning(expected: dict[str, float], tested: dict[str, float]) -> str:
    """What the two mixes are, and what is assumed."""
    mixes = (
        numbers.listed([f"{numbers.percent(share)} {name}" for name, share in mix.items()])
        for mix in (tested, expected)
    )
    of_test, in_use = mixes
    return (
        f"The test images are {of_test}; in use, {in_use} are expected (expected_shares). The precision of a class "
        "is the share of verdicts for it that are right. The rarer a class, the more of them are other images "
        "mistaken for it. The negative predictive value is the share of all other verdicts that rule the class out "
        "rightly. The table assumes that images of a class look as they do here, only more or less often. The "
        "model's probabilities and verdicts are not adjusted to the other mix."
    )


def _write(metric: str, value: numbers.Estimate) -> str:
    return numbers.interval(value, numbers.amount if metric == "cost_per_100" else numbers.percent)
