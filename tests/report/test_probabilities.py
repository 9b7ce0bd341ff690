"""Sentences about calibration and about handing doubtful images over."""

import numpy as np

from gradewise.report import numbers
from gradewise.report.numbers import Estimate
from gradewise.report.sections.probabilities import claim_sentence, coverage_sentence, error_sentence, slope_sentence


def plain(text: str) -> str:
    return text.replace(numbers.SPACE, " ")


def test_a_model_that_claims_too_much():
    assert plain(claim_sentence("net", 0.9, Estimate(0.84, 0.78, 0.88), 40, False, "image")) == (
        "In the 40 verdicts for which net states about 90 %, it is correct in 84.0 % (95 % CI 78.0 to 88.0 %): it is "
        "overconfident."
    )


def test_a_model_that_claims_too_little():
    assert plain(claim_sentence("net", 0.6, Estimate(0.84, 0.78, 0.88), 40, True, "image")).endswith(
        ": more often than it states."
    )


def test_a_claim_that_the_interval_holds_is_no_gap():
    assert plain(claim_sentence("net", 0.8, Estimate(0.84, 0.78, 0.88), 40, False, "sample")).endswith(
        ": these samples show no difference between the two."
    )


def test_the_calibration_error_is_next_to_that_of_chance():
    assert plain(error_sentence("net", Estimate(0.12, 0.08, 0.18), 0.05)) == (
        "The calibration error of net is 12.0 % (95 % CI 8.0 to 18.0 %); a calibrated model would show about 5.0 % "
        "here by chance alone."
    )


def test_probabilities_that_are_too_extreme_or_too_cautious_are_called_so():
    assert slope_sentence("net", 0.5, 0.4, 0.625, "image") == (
        "The calibration slope of net is 0.50 (0.40 to 0.62), below 1: its probabilities are too extreme and should "
        "not be taken at face value. The log-odds it states are at least 1.6 times too large."
    )
    assert "above 1: its probabilities are too cautious" in slope_sentence("net", 2.0, 1.5, np.inf, "image")
    assert slope_sentence("net", 0.0, 0.0, 0.0, "image").endswith("say nothing about the true class.")
    assert "any number of times too small" in slope_sentence("net", np.inf, np.inf, np.inf, "image")


def test_what_is_not_shown_wrong_is_told_with_what_would_not_have_shown():
    text = slope_sentence("net", 0.9, 0.5, 1.6, "sample")
    assert "(0.50 to 1.60): these samples do not show its probabilities to be wrong" in text
    assert text.endswith("if the stated log-odds were up to 2.0 times too large, or up to 1.6 times too small.")
    assert slope_sentence("net", 1.0, 0.0, np.inf, "image").endswith(
        "too large by any factor, or too small by any factor."
    )


def test_what_handing_over_gains():
    assert plain(coverage_sentence("net", Estimate(0.8), Estimate(0.85, 0.8, 0.9))) == (
        "Sending the doubtful 10 % to a person raises the accuracy of net on the rest from 80.0 % to "
        "85.0 % (95 % CI 80.0 to 90.0 %)."
    )
    assert "does not raise" in coverage_sentence("net", Estimate(0.8), Estimate(0.8))
