from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gradewise.report import evidence, page
from gradewise.report.sections import learning_curve

NO_BREAK = "\u00a0"
GROWS = {
    "finding": "grows",
    "slope": (0.03, 0.02, 0.04),
    "doubled": (0.02, 0.011, 0.03),
    "groups_for_a_point": (41.3, 15, 300),
}
FLAT = {
    "finding": "flat",
    "slope": (0.0, -0.002, 0.002),
    "doubled": (0.001, 0.0, 0.006),
    "groups_for_a_point": (np.inf, 420, np.inf),
}
OPEN = {
    "finding": "undetermined",
    "slope": (0.02, -0.01, 0.05),
    "doubled": (0.01, 0.0, 0.05),
    "groups_for_a_point": (60, 9, np.inf),
}
UNFITTED = {"finding": "grows", "slope": (0.03, 0.02, 0.04)}
UNKNOWN = {"finding": "undetermined", "slope": (0.02, None, None)}


@pytest.fixture(scope="module")
def known(fibres):
    return evidence.read(**fibres.known)


def outlook(case, repeats=3):
    row = {"dataset": "fibres", "model": "forest-d4", "groups": 48.0, "images": 144.0, "repeats": repeats}
    row |= {"asymptote": 0.2, "scale": 0.9, "exponent": 0.5, "finding": case["finding"]}
    for name in ("slope", "doubled", "groups_for_a_point"):
        ends = case.get(name, (None, None, None))
        row |= {f"{name}{end}": value for end, value in zip(("", "_low", "_high"), ends, strict=True)}
    return pd.DataFrame([row])


def curve():
    rows = []
    for share in (0.25, 0.5, 1.0, 2.0, 4.0):
        measured = share <= 1
        fitted = 0.8 - 0.13 * share**-0.5
        row = {"dataset": "fibres", "model": "forest-d4", "share": share, "groups": 48 * share, "images": 144 * share}
        row |= {"fitted": fitted, "fitted_low": fitted - 0.05, "fitted_high": fitted + 0.05}
        row["accuracy"] = fitted if measured else np.nan
        row |= {f"accuracy_{end}": fitted + by if measured else np.nan for end, by in (("low", -0.1), ("high", 0.1))}
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (GROWS, "more images would help. Accuracy rises by +3.0 points (95 % CI +2.0 to +4.0) per doubling"),
        (
            GROWS,
            "doubling the present 48 would gain 2.0 points (95 % CI 1.1 to 3.0); one more point needs between 15 and",
        ),
        (UNFITTED, "more images would help. Accuracy rises by +3.0 points (95 % CI +2.0 to +4.0) per doubling"),
        (UNFITTED, "there are too few sizes to fit a curve"),
        (FLAT, "flat within its intervals; more images of the same kind are unlikely to help"),
        (OPEN, "these data cannot tell whether more images would help"),
        (OPEN, "Accuracy changes by +2.0 points (95 % CI −1.0 to +5.0) per doubling of the training groups"),
        (OPEN, "a gain of less than 3.0 points would not show"),
        (OPEN, "one more point needs between 9 and more than can be said more"),
        (UNKNOWN, "too few sizes or test groups"),
    ],
)
def test_the_words_follow_the_finding(known, case, words):
    section = learning_curve.section(replace(known, learning_curve=curve(), extrapolations=outlook(case)))
    assert words in page.fill(section).replace(NO_BREAK, " ")


def test_a_single_repeat_is_said_to_hide_luck(known):
    for repeats, said in ((1, True), (3, False)):
        known_now = replace(known, learning_curve=curve(), extrapolations=outlook(GROWS, repeats))
        assert ("too narrow" in page.fill(learning_curve.section(known_now))) == said


def test_without_a_learning_curve_there_is_no_section(known):
    assert learning_curve.section(known) is None


def test_the_page_holds_the_curve_and_its_tables(make_fibres):
    results = make_fibres(models=("forest-d4",))
    results.change(learning_curve=True)
    results.write(learning_curve=curve(), extrapolations=outlook(GROWS))
    results.report()
    assert "Would more images help?" in results.html
    assert list(pd.read_csv(results.assets / "learning-curve.csv")["share"]) == [0.25, 0.5, 1.0, 2.0]
    assert (results.assets / "learning-curve.svg").exists()
    assert (results.assets / "extrapolations.csv").exists()
    assert "inverse power law" in results.html
    bare = curve().assign(fitted=np.nan, fitted_low=np.nan, fitted_high=np.nan)
    results.write(learning_curve=bare, extrapolations=outlook(UNFITTED))
    results.report()
    assert list(pd.read_csv(results.assets / "learning-curve.csv")["share"]) == [0.25, 0.5, 1.0]
    assert "inverse power law" not in results.html
    assert "fitted curve with its" not in results.html
