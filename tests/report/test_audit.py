import html
import re

import pandas as pd
import pytest

from gradewise.images.schemas import AUDIT


@pytest.fixture
def told(make_grades):
    """Text of the page, and the page, written with given findings."""

    def write(*findings):
        results = make_grades()
        frame = pd.DataFrame(findings, columns=AUDIT.names)
        results.write(audit=frame.astype(dict.fromkeys(("value", "low", "high", "baseline"), "float64")))
        results.report()
        return " ".join(
            html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", results.html, flags=re.S)).split()
        ), results

    return write


def test_without_copies_the_report_says_so(told):
    text, _ = told({"check": "class balance", "severity": "fact", "subject": "A", "value": 0.3, "text": "-"})
    assert "No exact or edited copies were found" in text


def test_copies_are_shown_side_by_side_and_conflicts_told(told):
    names = {"image_id": "A/photo-000.png", "other_image_id": "B/photo-001.png", "value": 0.999}
    text, results = told(
        {"check": "near duplicate", "severity": "notice", "subject": "rotated by 90°", "text": "-"} | names,
        {"check": "conflicting labels", "severity": "warning", "text": "one must be wrong"} | names,
    )
    assert "the labels differ: one of the two is wrong, or the image shows both classes" in text
    assert "rotated by 90°" in text
    assert (results.assets / "copies.png").is_file()
    assert list(pd.read_csv(results.assets / "audit.csv")["severity"]) == ["warning", "notice"]


def test_look_alikes_are_told_and_shown(told):
    names = {"image_id": "A/photo-000.png", "other_image_id": "B/photo-001.png", "value": 0.97}
    text, results = told(
        {"check": "alike", "severity": "notice", "value": 0.1, "text": "2 of 20 images look much like another"},
        {"check": "alike", "severity": "notice", "subject": "97 % the same", "text": "-"} | names,
    )
    assert "2 of 20 images look much like another." in text
    assert "97 % the same" in text
    assert (results.assets / "alike.png").is_file()


def test_clues_that_gain_half_of_what_the_model_gains_are_told(told):
    clue = {"check": "clue", "severity": "notice", "subject": "brightness", "text": "-", "value": 0.62}
    text, results = told(clue | {"low": 0.6, "high": 0.64, "baseline": 0.36})
    plain = text.replace("\u00a0", " ")
    assert re.search(r"Brightness alone explains half of what \S+ gains\. Such numbers", plain)
    assert (
        "it classifies 62.0 % (95 % CI 60.0 to 64.0 %) of images correctly, always predicting the most frequent"
        in plain
    )
    assert "Such numbers may come from what images show or from how they were taken" in text
    assert 'class="notice"' not in results.html


@pytest.mark.parametrize(("value", "warned"), [(0.95, True), (0.4, False)])
def test_a_clue_that_comes_near_the_model_is_warned_of_in_the_verdict_too(told, value, warned):
    clue = {"check": "clue", "severity": "warning", "subject": "size", "text": "-", "value": value}
    text, _ = told(clue | {"low": value - 0.03, "high": value + 0.03, "baseline": 0.36})
    assert (
        text.count("Image size does not depend on what an image shows, so the classes were photographed or saved")
        == 3 * warned  # in the recommendation, the audit and the checklist
    )


def test_many_look_alikes_put_the_intervals_in_doubt(told):
    text, _ = told({"check": "alike", "severity": "fact", "value": 0.657, "text": "1724 of 2624 images look alike"})
    assert "Intervals and tests take groups as independent, but 65.7" in text
