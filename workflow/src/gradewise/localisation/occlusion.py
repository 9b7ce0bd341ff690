"""Which parts of a sample speak for a prediction of any model: how much less sure it is where they are hidden."""

from __future__ import annotations

import numpy as np

from gradewise.families.classifier import Classifier
from gradewise.localisation.frames import window_starts

WINDOWS = 6
"""How many windows fit side by side into the smaller side of a sample; they move by half their side."""

BATCH = 64
"""Samples predicted at once."""

LEAST = 1e-4
"""What a probability of zero counts as."""


def occlude(classifier: Classifier, pixels: np.ndarray, predicted: int) -> np.ndarray:
    """Mean change of the log odds of a class over the windows that hide each pixel (Zeiler & Fergus 2014, ECCV).

    A window takes the mean colour of the sample.

    Parameters
    ----------
    classifier : Classifier
    pixels : ndarray of uint8, shape (height, width, channels)
        A sample.
    predicted : int
        Position of the class.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Positive where a pixel speaks for the class.
    """
    height, width = pixels.shape[:2]
    side = max(2, min(height, width) // WINDOWS)
    step = max(1, side // 2)
    corners = [(top, left) for top in window_starts(height, side, step) for left in window_starts(width, side, step)]
    colour = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    whole = _predict(classifier, pixels[None], predicted)[0]
    total, shown = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(corners), BATCH):
        some = corners[start : start + BATCH]
        hidden = np.repeat(pixels[None], len(some), axis=0)
        for copy, (top, left) in zip(hidden, some, strict=True):
            copy[top : top + side, left : left + side] = colour
        for change, (top, left) in zip(whole - _predict(classifier, hidden, predicted), some, strict=True):
            total[top : top + side, left : left + side] += change
            shown[top : top + side, left : left + side] += 1
    return (total / shown).astype(np.float32)


def log_odds(probabilities: np.ndarray, place: int) -> np.ndarray:
    """Logarithm of the probability of a class over that of all others together, of probabilities (n, classes).

    Others are added up rather than taken from one, where a sure model would lose all digits. Only probabilities of
    exactly zero, which models give that count votes, are replaced, by `LEAST`.
    """
    probabilities = probabilities.astype(np.float64)
    own, others = probabilities[:, place], np.delete(probabilities, place, axis=1).sum(axis=1)
    return np.asarray(np.log(np.where(own > 0, own, LEAST)) - np.log(np.where(others > 0, others, LEAST)))


def _predict(classifier: Classifier, samples: np.ndarray, predicted: int) -> np.ndarray:
    return log_odds(classifier.predict_proba(samples), predicted)
