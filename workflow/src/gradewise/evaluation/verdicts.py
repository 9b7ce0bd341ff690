"""Gathers the samples of each image (its tiles, say) to one verdict on the image.

What goes in is a run's `predictions.parquet`; what comes out has one row an image. The truth about an image is the
manifest's label, since samples may carry labels of their own (from masks).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from gradewise.command import UserError
from gradewise.config.aggregation import Top

Level = Literal["image", "sample"]
Aggregate = Literal["mean", "max", "vote"] | Top


def gather(
    predictions: pd.DataFrame, labels: pd.Series, classes: list[str], positive: str | None, aggregate: Aggregate
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
        among the samples (all of them where there are fewer); an image is positive from 0.5 on.

    Returns
    -------
    DataFrame
        image_id, group, role, label, predicted and ``p_<class>``, one row an image in order of first appearance.

    Raises
    ------
    UserError
        Where `max` or `top` lack two classes of which one is positive.
    """
    codes, images = pd.factorize(predictions["image_id"])
    probabilities = predictions[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float64)
    samples = np.bincount(codes)
    means = _sums(codes, probabilities, len(images)) / samples[:, None]
    if aggregate == "mean":
        gathered, chosen = means, means.argmax(axis=1)
    elif aggregate == "vote":
        votes = _sums(codes, np.eye(len(classes))[probabilities.argmax(axis=1)], len(images))
        # Votes differ by whole numbers and means by at most one: half a mean decides ties and nothing else.
        gathered, chosen = votes / samples[:, None], (votes + means / 2).argmax(axis=1)
    else:
        if positive is None or len(classes) != 2:
            raise UserError("aggregate: max and {top: k} need two classes and positive")
        at = classes.index(positive)
        highest = _mean_of_highest(codes, probabilities[:, at], samples, 1 if aggregate == "max" else aggregate.top)
        gathered = np.empty((len(images), 2))
        gathered[:, at], gathered[:, 1 - at] = highest, 1 - highest
        chosen = np.where(highest >= 0.5, at, 1 - at)
    first = np.full(len(images), -1)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    verdicts = predictions[["image_id", "group", "role"]].iloc[first].reset_index(drop=True)
    verdicts["label"] = verdicts["image_id"].map(labels)
    verdicts["predicted"] = np.take(classes, chosen)
    for position, name in enumerate(classes):
        verdicts[f"p_{name}"] = gathered[:, position].astype(np.float32)
    return verdicts


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
        image, label = images[wrong].iloc[0], found[wrong].iloc[0]
        raise UserError(
            f"{predictions}: image {image!r} has the label {label!r} in the manifest, not one of {classes}; "
            "make manifest and predictions from the same configuration"
        )
