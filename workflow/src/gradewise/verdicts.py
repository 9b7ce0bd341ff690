"""From probabilities to verdicts: which class is predicted for a sample, and for an image from its samples.

What goes in is a run's `predictions.parquet`, whose column `predicted` is the most probable class of each sample. Where
cost decides, `classify` replaces it by the class of least expected cost. The truth about an image is the manifest's
label, since samples may carry labels of their own (from masks).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from gradewise.command import UserError
from gradewise.config.aggregation import Aggregate

Level = Literal["image", "sample"]

ROUNDING = 1e-9
"""Expected costs whose relative difference is below this are equal."""


def classify(probabilities: np.ndarray, costs: np.ndarray | None = None) -> np.ndarray:
    """Predicted class of each sample or image.

    Without costs it is the most probable class. With costs it is the class of least expected cost (Elkan 2001, IJCAI
    973, Equation 1); of several such classes the most probable. Of equals, the first.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
    costs : ndarray, shape (k, k), optional
        Cost of each prediction, a row per true class.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions of the classes.
    """
    if costs is None:
        return np.asarray(probabilities.argmax(axis=1))
    expected = probabilities @ costs
    least = np.isclose(expected, expected.min(axis=1, keepdims=True), rtol=ROUNDING, atol=0)
    return np.asarray(np.where(least, probabilities, -1.0).argmax(axis=1))


def reclassify(predictions: pd.DataFrame, classes: list[str], costs: np.ndarray | None) -> pd.DataFrame:
    """Predictions of samples with `predicted` as `classify` has it; without costs they stay as they are."""
    if costs is None:
        return predictions
    return predictions.assign(predicted=np.take(classes, classify(_probabilities(predictions, classes), costs)))


def gather(
    predictions: pd.DataFrame,
    labels: pd.Series,
    classes: list[str],
    positive: str | None,
    aggregate: Aggregate,
    costs: np.ndarray | None = None,
) -> pd.DataFrame:
    """Verdicts on images from the probabilities of their samples.

    Parameters
    ----------
    predictions : DataFrame
        Columns image_id, group, role and one ``p_<class>`` a class; one row a sample.
    labels : Series of str
        The manifest's label by image_id.
    classes : list of str
        In the order of the configuration.
    positive : str or None
        The class that `max` and `top` look for.
    aggregate : {"mean", "max", "vote"} or Top
        mean: mean probability of each class. vote: share of samples whose most probable class it is; ties go to the
        higher mean probability. max, top: the highest, or the mean of the k highest, probability of the positive class
        among the samples (all of them where there are fewer); ties go to the positive class, so that without costs an
        image is positive from 0.5 on.
    costs : ndarray, shape (k, k), optional
        Cost of each prediction, a row per true class, where the verdict is the class of least expected cost.

    Returns
    -------
    DataFrame
        image_id, group, role, label, predicted and ``p_<class>``, one row an image in order of first appearance.

    Raises
    ------
    UserError
        Where `max` or `top` lack two classes of which one is positive, or votes meet costs.
    """
    codes, images = pd.factorize(predictions["image_id"])
    gathered, chosen = combine(codes, _probabilities(predictions, classes), classes, positive, aggregate, costs)
    first = np.full(len(images), -1)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    verdicts = predictions[["image_id", "group", "role"]].iloc[first].reset_index(drop=True)
    verdicts["label"] = verdicts["image_id"].map(labels)
    verdicts["predicted"] = np.take(classes, chosen)
    for position, name in enumerate(classes):
        verdicts[f"p_{name}"] = gathered[:, position].astype(np.float32)
    return verdicts


def combine(
    image: np.ndarray,
    probabilities: np.ndarray,
    classes: list[str],
    positive: str | None,
    aggregate: Aggregate,
    costs: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and predicted classes of images from the probabilities of their samples; see `gather`.

    Parameters
    ----------
    image : ndarray of int, shape (n,)
        Position of each sample's image; every one below the highest occurs.
    probabilities : ndarray of float64, shape (n, k)
    classes, positive, aggregate, costs
        As in `gather`.

    Returns
    -------
    gathered : ndarray of float64, shape (images, k)
    chosen : ndarray of int64, shape (images,)
        Positions of the classes.

    Raises
    ------
    UserError
        As `gather`.
    """
    samples = np.bincount(image)
    means = _sums(image, probabilities, len(samples)) / samples[:, None]
    if aggregate == "mean":
        return means, classify(means, costs)
    if aggregate == "vote":
        if costs is not None:
            raise UserError("aggregate: vote gives shares of samples, no probabilities, so expected costs are unknown")
        votes = _sums(image, np.eye(len(classes))[probabilities.argmax(axis=1)], len(samples))
        # Votes differ by whole numbers and means by at most one: half a mean decides ties and nothing else.
        return votes / samples[:, None], (votes + means / 2).argmax(axis=1)
    if positive is None or len(classes) != 2:
        raise UserError("aggregate: max and {top: k} need two classes and positive")
    at = classes.index(positive)
    highest = _mean_of_highest(image, probabilities[:, at], samples, 1 if aggregate == "max" else aggregate.top)
    order = [at, 1 - at]  # ties go to the first
    positive_first = np.stack([highest, 1 - highest], axis=1)
    chosen = np.take(order, classify(positive_first, None if costs is None else costs[np.ix_(order, order)]))
    return positive_first[:, order], chosen


def _probabilities(predictions: pd.DataFrame, classes: list[str]) -> np.ndarray:
    probabilities: np.ndarray = predictions[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float64)
    return probabilities


def _sums(codes: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    return np.stack([np.bincount(codes, weights=column, minlength=length) for column in values.T], axis=1)


def _mean_of_highest(codes: np.ndarray, values: np.ndarray, samples: np.ndarray, count: int) -> np.ndarray:
    order = np.lexsort((-values, codes))
    starts = np.concatenate([[0], np.cumsum(samples)[:-1]])
    rank = np.arange(len(codes)) - starts[codes[order]]
    kept = order[rank < count]
    return np.asarray(np.bincount(codes[kept], weights=values[kept]) / np.minimum(samples, count))


def check_labels(predictions: Path, labels: pd.Series, images: pd.Series, classes: list[str]) -> None:
    """See that every image of a prediction file has a known class in the manifest.

    Raises
    ------
    UserError
        Naming the file and an image at fault.
    """
    found = images.map(labels)
    wrong = ~found.isin(classes)
    if wrong.any():
        raise wrong_label(predictions, images[wrong].iloc[0], found[wrong].iloc[0], classes)


def wrong_label(predictions: Path, image: str, label: object, classes: list[str]) -> UserError:
    """The error of a prediction file with an image that has no known class in the manifest."""
    return UserError(
        f"{predictions}: image {image!r} has the label {label!r} in the manifest, not one of {classes}; "
        "make manifest and predictions from the same configuration"
    )
