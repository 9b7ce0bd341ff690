"""Sentences about calibration and about handing doubtful images over."""

from gradewise.report import numbers
from gradewise.report.numbers import Estimate
from gradewise.report.sections.probabilities import claim_sentence, coverage_sentence, error_sentence


def plain(text: str) -> str:
    return text.replace(numbers.SPACE, " ")


def test_a_model_that_claims_too_much():
    assert plain(claim_sentence("net", 0.9, Estimate(0.84, 0.78, 0.88), 40, False, "image")) == (
        "In the 40 verdicts in which net claims about 90 %, it is right 84.0 % (78.0 to 88.0) of the time: it is too "
        "sure of itself."
    )


def test_a_model_that_claims_too_little():
    assert plain(claim_sentence("net", 0.6, Estimate(0.84, 0.78, 0.88), 40, True, "image")).endswith(
        ": more often than it claims."
    )


def test_a_claim_that_the_interval_holds_is_no_gap():
    assert plain(claim_sentence("net", 0.8, Estimate(0.84, 0.78, 0.88), 40, False, "sample")).endswith(
        ": these samples show no gap between the two."
    )


def test_an_error_beyond_chance_is_told_from_one_that_chance_makes():
    beyond = plain(error_sentence("net", Estimate(0.12, 0.08, 0.18), 0.05, "image"))
    assert beyond == (
        "The calibration error of net is 12.0 % (8.0 to 18.0); a calibrated model would show about 5.0 % here by "
        "chance alone, so its probabilities should not be taken at face value."
    )
    within = plain(error_sentence("net", Estimate(0.07, 0.03, 0.18), 0.05, "image"))
    assert within.endswith("so these images do not show its probabilities to be wrong.")


def test_what_handing_over_gains():
    assert plain(coverage_sentence("net", Estimate(0.8), Estimate(0.85, 0.8, 0.9))) == (
        "Sending the doubtful 10 % to a person raises the accuracy of net on the rest from 80.0 % to "
        "85.0 % (80.0 to 90.0)."
    )
    assert "does not raise" in coverage_sentence("net", Estimate(0.8), Estimate(0.8))
