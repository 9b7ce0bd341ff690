from dataclasses import replace

import pandas as pd
import pytest

from gradewise.report import evidence, page
from gradewise.report.sections import leak

NO_BREAK = "\u00a0"


@pytest.fixture(scope="module")
def known(fibres):
    return evidence.read(**fibres.known)


def rows(gap, low, high, model="forest-d4", grouped=0.623):
    careless = grouped + gap
    return pd.DataFrame(
        [
            {
                "dataset": "fibres",
                "model": model,
                "metric": "accuracy",
                "grouped": grouped,
                "grouped_low": grouped - 0.1,
                "grouped_high": grouped + 0.1,
                "careless": careless,
                "careless_low": careless - 0.05,
                "careless_high": careless + 0.05,
                "gap": gap,
                "gap_low": low,
                "gap_high": high,
                "siblings": 0.93,
                "grouped_trained": 17.0,
                "careless_trained": 23.7,
                "images": 48,
                "groups": 24,
                "repeats": 3,
            }
        ]
    )


@pytest.mark.parametrize(
    ("gap", "low", "high", "words"),
    [
        (0.218, 0.15, 0.28, "21.8 points (95 % CI 15.0 to 28.0) of the claim do not hold there"),
        (leak.LEAK, 0.001, 0.02, "1.0 points (95 % CI 0.1 to 2.0) of the claim do not hold there"),
        (leak.LEAK - 1e-9, 0.001, 0.02, "a real but small difference of 1.0 points (95 % CI 0.1 to 2.0)"),
        (0.005, 0.001, 0.009, "a real but small difference of 0.5 points (95 % CI 0.1 to 0.9)"),
        (0.002, -0.004, leak.LEAK - 1e-9, "The gap is known to ±0.7 points, and its 95 % CI ends at +1.0"),
        (0.002, -0.004, leak.LEAK, "the gap is known only to ±0.7 points"),
        (0.02, 0.0, 0.04, "48 images in 24 groups cannot tell whether"),
        (
            0.002,
            -0.004,
            0.008,
            "no leak worth mentioning. The gap is known to ±0.6 points, and its 95 % CI ends at +0.8",
        ),
        (0.03, -0.05, 0.11, "48 images in 24 groups cannot tell whether"),
        (-0.1, -0.15, -0.05, "which memorised groups cannot explain"),
        (0.03, None, None, "too few groups for an interval"),
    ],
)
def test_the_words_follow_the_interval_of_the_gap(known, gap, low, high, words):
    text = page.fill(leak.section(replace(known, leaks=rows(gap, low, high)))).replace(NO_BREAK, " ")
    assert (
        f"With images split at random, forest-d4 would have claimed an accuracy of {100 * (0.623 + gap):.1f} %; on new"
        in text
    )
    assert words in text


def outlook(slope, low, high):
    row = {"model": "forest-d4", "slope": slope, "slope_low": low, "slope_high": high}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("trained", "extrapolations", "words"),
    [
        (17.0, None, "They come from recognising the same experiment, not from skill."),
        (34.0, None, "trained on images of 34 groups instead of 17, so part of the gap may be skill"),
        (
            34.0,
            outlook(0.02, 0.01, 0.03),
            "+2.0 points (95 % CI +1.0 to +3.0) are skill from more groups, and the rest comes from recognising",
        ),
        (34.0, outlook(None, None, None), "a learning curve (learning_curve in the configuration) shows how much"),
    ],
)
def test_what_the_additional_groups_taught_is_not_called_memory(known, trained, extrapolations, words):
    leaks = rows(0.218, 0.15, 0.28).assign(careless_trained=trained)
    section = leak.section(replace(known, leaks=leaks, extrapolations=extrapolations))
    assert words in page.fill(section).replace(NO_BREAK, " ")


def test_without_groups_there_is_nothing_to_find_and_no_table_that_suggests_it(known):
    alone = known.manifest.assign(group=known.manifest["image_id"])
    section = leak.section(replace(known, manifest=alone, leaks=rows(0.1, 0.05, 0.15)))
    assert section.walk() == []
    assert "Each image is its own group" in page.fill(section)


def test_without_a_leak_test_there_is_no_section(known):
    assert leak.section(known) is None


def test_the_page_and_its_table_hold_the_leak_test(make_fibres):
    results = make_fibres(models=("forest-d4",))
    results.change(leak_test=True)
    results.write(leaks=rows(0.218, 0.15, 0.28))
    results.report()
    assert "What a careless split would have claimed" in results.html
    assert pd.read_csv(results.assets / "leak.csv")["gap"].tolist() == [0.218]
    assert (results.assets / "leak.svg").exists()
