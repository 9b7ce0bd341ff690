"""How well facts independent of image content (size, scale, file, camera, border, brightness) predict the class.

A forest learns the class from such facts alone and is tested on groups that it did not see. If it does well, a model
trained on the images may learn the same shortcut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from gradewise.provenance import derive_seed

FOLDS = 5
LEAST_GROUPS = 5
"""Minimum number of groups per class; nothing can be learnt from fewer."""

TREES = 50
LEAF = 3
"""Minimum number of images in a leaf."""

CLUES = {
    "size": ("width", "height", "aspect"),
    "pixel size": ("pixel_size_nm",),
    "data bar": ("bar_rows",),
    "file": ("file_format", "mode", "bits"),
    "camera": ("camera_make", "camera_model", "software", "taken"),
    "file size": ("file_bytes", "bytes_per_pixel"),
    "border colour": ("border_red", "border_green", "border_blue"),
    "brightness": ("brightness", "contrast", "black_share", "saturated_share"),
}
"""Facts by clue."""

TOGETHER = "all together"
"""Name of all clues at once."""

WITHOUT_CONTENT = ("size", "pixel size", "data bar", "file", "camera")
"""Clues that image content cannot cause."""


@dataclass(frozen=True)
class Guess:
    """Accuracy of predicting the class from facts alone, under cross-validation over groups.

    Attributes
    ----------
    accuracy, low, high : float
        Share predicted correctly and its 95 % interval.
    baseline : float
        Share predicted correctly by always predicting the most frequent class of the training part.
    p_value : float
        Probability of a gain over the baseline at least this large by chance (one-sided).
    predicted : ndarray of str, shape (n,)
        Class predicted for each image.
    """

    accuracy: float
    low: float
    high: float
    baseline: float
    p_value: float
    predicted: np.ndarray

    @property
    def gain(self) -> float:
        """Accuracy above the baseline."""
        return self.accuracy - self.baseline


def clues(images: pd.DataFrame, prints: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Facts of each image by clue, as numbers, and all of them under `TOGETHER`.

    Parameters
    ----------
    images : DataFrame
        The manifest.
    prints : DataFrame
        The fingerprints without the small pictures, in the same order.

    Returns
    -------
    dict of str to DataFrame
        Clues whose facts differ between images.
    """
    known = images[["width", "height", "mode", "bits", "pixel_size_nm", "bar_rows"]]
    facts = known.join(prints.drop(columns="image_id"))
    facts["aspect"] = facts["width"] / facts["height"]
    facts["bytes_per_pixel"] = facts["file_bytes"] / (facts["width"] * facts["height"])
    parts = {name: as_numbers(facts[list(columns)]) for name, columns in CLUES.items()}
    varying = {name: part for name, part in parts.items() if part.nunique().max() > 1}
    if len(varying) > 1:
        varying[TOGETHER] = pd.concat(varying.values(), axis=1)
    return varying


def as_numbers(facts: pd.DataFrame) -> pd.DataFrame:
    """Words as integers in alphabetical order; -1 for missing ones."""
    return facts.apply(
        lambda column: (
            column.fillna(-1.0).astype(float)
            if pd.api.types.is_numeric_dtype(column)
            else column.astype("category").cat.codes.astype(float)
        )
    )


def guess(facts: pd.DataFrame, labels: pd.Series, groups: pd.Series, seed: int) -> Guess | None:
    """How well facts alone predict the class of images of unseen groups.

    The interval and the test are those of a mean over groups of unequal size: the linearised variance of a ratio with
    groups as units (Cochran 1977, Sampling Techniques, 3rd edition, section 6.3), and Student's t with one degree of
    freedom less than groups.

    Parameters
    ----------
    facts : DataFrame of numbers
    labels, groups : Series
        Class and group of each image.
    seed : int

    Returns
    -------
    Guess or None
        None if a class has fewer than `LEAST_GROUPS` groups or is the only one.
    """
    # imported here, since the report needs only the names above, and scikit-learn takes a second
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    per_class = groups.groupby(labels).nunique()
    if per_class.min() < LEAST_GROUPS or len(per_class) < 2:
        return None
    predicted, most_frequent = np.empty(len(labels), dtype=object), np.empty(len(labels), dtype=object)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "clue folds"))
    truth = labels.to_numpy()
    for train, test in splitter.split(facts, truth, groups):
        forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=derive_seed(seed, "clue forest"))
        predicted[test] = forest.fit(facts.iloc[train], truth[train]).predict(facts.iloc[test])
        most_frequent[test] = pd.Series(truth[train]).mode().iloc[0]
    right, baseline = (predicted == truth).astype(float), (most_frequent == truth).astype(float)
    accuracy, error, count = _mean_over_groups(right, groups)
    gain, gain_error, _ = _mean_over_groups(right - baseline, groups)
    half = float(stdtrit(count - 1, 0.975)) * error
    p = float(stdtr(count - 1, -gain / gain_error)) if gain_error > 0 else float(gain <= 0)
    low, high = max(0.0, accuracy - half), min(1.0, accuracy + half)
    return Guess(accuracy, low, high, float(baseline.mean()), p, predicted.astype(str))


def _mean_over_groups(values: np.ndarray, groups: pd.Series) -> tuple[float, float, int]:
    """Mean, its standard error and the number of groups."""
    mean = float(values.mean())
    residuals = pd.Series(values - mean, index=groups.index).groupby(groups).sum()
    count = len(residuals)
    return mean, float(np.sqrt(count / (count - 1) * (residuals**2).sum())) / len(values), count
