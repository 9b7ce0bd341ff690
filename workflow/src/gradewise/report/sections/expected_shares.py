"""Section: how good the model to use is where classes are mixed as in use."""

from __future__ import annotations

import pandas as pd

from gradewise.report import mixes, numbers
from gradewise.report.blocks import Column, Section, Table, Text
from gradewise.report.evidence import Evidence

ORDER = 84

FOLDED = True

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
            "adjusted": [
                _write(row.metric, numbers.Estimate(row.adjusted, row.adjusted_low, row.adjusted_high))
                for row in rows.itertuples()
            ],
        }
    )
    adjustable = bool(rows["adjusted"].notna().any())
    columns = [Column.name("", "of"), Column("Mix of the test", "tested"), Column("Mix expected in use", "in_use")]
    columns += [Column("In use, adjusted", "adjusted")] if adjustable else []
    basis = numbers.basis(int(rows["images"].iloc[0]), int(rows["groups"].iloc[0]), "test image")
    table = Table(
        "expected-shares",
        f"{model} under both mixes of classes, on {basis}, with 95 % intervals",
        written,
        tuple(columns),
    )
    tested = evidence.test.loc[evidence.test["model"] == model, "label"].value_counts(normalize=True)
    return Section(
        "expected-shares",
        "Another mix of classes",
        (
            Text(meaning(shares, {name: float(tested.get(name, 0.0)) for name in evidence.classes})),
            Text(adjustment(rows, evidence)),
            table,
        ),
    )


def meaning(expected: dict[str, float], tested: dict[str, float]) -> str:
    """What the two mixes are, and what is assumed."""
    return (
        f"The test images are {mixes.in_words(tested)}; in use, {mixes.in_words(expected)} are expected "
        "(expected_shares). The precision of a class is the share of predictions of it that are correct: the rarer "
        "the class, the more of them are wrong. The negative predictive value is the share of the other predictions "
        "that rule the class out correctly. The table assumes that only the mix of classes changes, not what images "
        "of a class look like."
    )


def adjustment(rows: pd.DataFrame, evidence: Evidence) -> str:
    """Whether the model that is handed over adjusts its probabilities to the expected mix, and what that changes."""
    settings, verification = evidence.settings, evidence.verification
    accuracy = rows.loc[rows["metric"] == "accuracy"].iloc[0]
    if settings.unadjustable is not None or pd.isna(accuracy["adjusted"]):
        why = settings.unadjustable or "shares of votes cannot be adjusted (the model blends by: vote)"
        return f"Probabilities and verdicts are not adjusted to the expected mix, since {why}."
    unadjusted, adjusted = (
        numbers.percent_ci(numbers.Estimate(*accuracy[[value, low, high]]))
        for value, low, high in (("value", "low", "high"), ("adjusted", "adjusted_low", "adjusted_high"))
    )
    if not settings.adjusts:
        return (
            "Verdicts in the table follow from unadjusted probabilities. Adjusted to the expected mix, they have an "
            f"accuracy of {adjusted} in use, compared with {unadjusted}. To hand over a model that adjusts them, set "
            "deploy: {adjust_probabilities: true}."
        )
    before = ""
    if verification is not None and verification.adjusted is not None:
        training = mixes.in_words(verification.adjusted.shares.training)
        before = f" from the mix of classes as weighted in training ({training})"
    return (
        f"The model that is handed over adjusts the probabilities of each image{before} to the expected one: each is "
        "multiplied by the expected share of its class divided by the share in training, and all are divided by their "
        f"sum. Verdicts follow from these. In use, they have an accuracy of {adjusted}, compared with {unadjusted} "
        "without the adjustment. All other sections of this report, and the promise of sets of classes (--coverage), "
        "are about probabilities before the adjustment."
    )


def _write(metric: str, value: numbers.Estimate) -> str:
    return numbers.interval(value, numbers.amount if metric == "cost_per_100" else numbers.percent)
