"""What is said of shares of classes, and of probabilities that are adjusted to others."""

from __future__ import annotations

from collections.abc import Mapping

from gradewise.evaluation.estimates import Estimate
from gradewise.judgement.shares import Shares
from gradewise.report import numbers


def in_words(mix: Mapping[str, float]) -> str:
    """Shares of classes: '80.0 % A, 15.0 % B and 5.0 % C'."""
    return numbers.listed([f"{numbers.percent(share)} {name}" for name, share in mix.items()])


def adjustment(shares: Shares) -> str:
    """What the adjustment of a model does, and how accurate verdicts are after it."""
    text = (
        f"The model adjusts the probabilities of each image from the mix of classes as weighted in training "
        f"({in_words(shares.training)}) to the one expected in use ({in_words(shares.expected)}), and its verdict "
        "follows from the adjusted ones."
    )
    if shares.accuracy is None:
        return text
    accuracy = numbers.percent_ci(Estimate(shares.accuracy, shares.low, shares.high))
    return f"{text} Under the expected mix, adjusted verdicts on the test images have an accuracy of {accuracy}."
