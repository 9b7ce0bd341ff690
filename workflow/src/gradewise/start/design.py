"""Chooses how images are split and what decides between models, from the numbers of groups and of images per class."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from gradewise.images.audit import IMBALANCED
from gradewise.images.foresight import FOUND, half_width, power
from gradewise.start.commented import Line

RARE = 3
"""If a class has this many times fewer images than another, classes are out of balance, too."""

FOLDS = 5
HOLDOUT = 0.25
EXACT = 0.02
"""Half-width of the interval of an accuracy from which a single holdout is enough."""

FEW_GROUPS = 50
"""Groups below which another division into folds may give another result, so that three are averaged."""

BAD = (
    *("defect", "anomal", "abnormal", "bad", "fault", "fail", "nok", "ng", "reject", "damage", "broken", "crack"),
    *("rotten", "sick", "ill", "disease", "infected", "tumor", "tumour", "malignant", "positive"),
)
"""Beginnings of words in names of classes that are looked for."""


@dataclass(frozen=True)
class Design:
    """How models are tested.

    Attributes
    ----------
    positive : Line or None
    evaluation : Line
    decide_by : Line
    training : float
        Images that a model is trained on.
    is_unbalanced : bool
    """

    positive: Line | None
    evaluation: Line
    decide_by: Line
    training: float
    is_unbalanced: bool


def choose_design(files: pd.DataFrame, groups: pd.Series, masked: str | None) -> Design:
    """How to split images and what to decide by.

    Parameters
    ----------
    files : DataFrame
        label and role.
    groups : Series of str
        Group of each image.
    masked : str or None
        The class whose masks label the tiles of images, if they do.
    """
    counts = files["label"].value_counts()
    largest = counts.iloc[0] / len(files)
    is_unbalanced = masked is not None or bool(
        largest > IMBALANCED / len(counts) or counts.iloc[0] > RARE * counts.iloc[-1]
    )
    if masked is not None:
        why = "masks mark few tiles: the mean of the classes' recalls, so that both count alike"
        decide = Line("decide_by", "balanced_accuracy", why)
    elif is_unbalanced:
        why = f"{counts.index[0]!r} has {100 * largest:.0f} % of the images: the mean of the classes' recalls"
        decide = Line("decide_by", "balanced_accuracy", f"{why}, so that each class counts alike")
    else:
        decide = Line("decide_by", "accuracy", "classes are about equally frequent")
    evaluation, training = _choose_evaluation(files, groups, masked is not None)
    return Design(choose_positive(counts, masked), evaluation, decide, training, is_unbalanced)


def design_one_class(files: pd.DataFrame, groups: pd.Series, normal: str, positive: str) -> Design:
    """How to test models that learn from images of one class.

    Parameters
    ----------
    files : DataFrame
        label and role.
    groups : Series of str
        Group of each image.
    normal, positive : str
        The class that models learn from, and the other one.
    """
    if (files["role"] == "test").any():
        tested = files["role"] == "test"
        evaluation: dict[str, object] = {"predefined": True, "train_only": normal}
        training, why = float((~tested).sum()), f"training images are all {normal}"
    else:
        tested = pd.Series(data=True, index=files.index)
        evaluation = {"train_only": normal, "folds": FOLDS, "repeats": 1}
        few = int((files["label"] == positive).sum())
        training = (1 - 1 / FOLDS) * (len(files) - few)
        why = f"only {few} images are {positive}, too few to learn from and to test on, so all of them test"
    decide = Line("decide_by", "balanced_accuracy", "the mean of the classes' recalls, however many of each are tested")
    return Design(
        Line("positive", positive, "the class that is looked for: anything that is not normal"),
        Line(
            "evaluation",
            evaluation,
            f"{why}: models learn what is normal and set their threshold from {normal} alone. {_shown(groups[tested])}",
        ),
        decide,
        training,
        True,
    )


def choose_positive(counts: pd.Series, masked: str | None) -> Line | None:
    """The class that is looked for, of two with so many images each; None where there are more classes.

    Parameters
    ----------
    counts : Series of int
        Images of each class by its name, the most frequent first.
    masked : str or None
        The class whose masks label the tiles of images, if they do.
    """
    if len(counts) != 2:
        return None
    if masked is not None:
        return Line("positive", masked, "the class whose masks mark something")
    bad = [name for name in counts.index if any(word.startswith(BAD) for word in re.split("[^a-z]+", name.lower()))]
    if len(bad) == 1:
        return Line("positive", bad[0], "the class that is looked for: precision and recall are its")
    why = "the rarer class" if counts.iloc[0] > counts.iloc[1] else "one of two equally frequent ones"
    return Line("positive", str(counts.index[-1]), f"{why}: precision and recall are its")


def _choose_evaluation(files: pd.DataFrame, groups: pd.Series, tiles_have_labels: bool) -> tuple[Line, float]:
    """How to split, and how many images are then trained on."""
    roles = set(files["role"].dropna())
    if {"train", "test"} <= roles:
        tested = files["role"] == "test"
        setting: dict[str, object] = {"predefined": True, "repeats": 3}
        why = f"your tables say what is tested; three trainings each. {_shown(groups[tested])}"
        if "validation" not in roles:
            setting = {"predefined": True, "validation": 0.15, "repeats": 3}
        return Line("evaluation", setting, why), float((~tested).sum())
    whole = groups.nunique()
    if half_width(max(2, round(HOLDOUT * whole)), len(groups) / whole) <= EXACT:
        tested = groups.isin(groups.drop_duplicates().sample(frac=HOLDOUT, random_state=0))
        why = f"so many groups that a quarter of them is enough of a test. {_shown(groups[tested])}"
        return Line("evaluation", {"holdout": HOLDOUT, "repeats": 1}, why), (1 - HOLDOUT) * len(files)
    fewest = whole - 1 if tiles_have_labels else int(groups.groupby(files["label"]).nunique().min())
    folds = max(3, min(FOLDS, fewest))
    repeats = 3 if whole < FEW_GROUPS else 1
    why = "every group is tested once"
    if folds < FOLDS:
        why += f"; {folds} folds, since a class has only {fewest} groups"
    if repeats > 1:
        why = f"few groups, so three divisions into folds are averaged, and in each {why}"
    setting = {"folds": folds, "validation": 0.15, "repeats": repeats}
    return Line("evaluation", setting, f"{why}. {_shown(groups)}"), (1 - 1 / folds) * len(files)


def _shown(groups: pd.Series) -> str:
    """What tested groups can show."""
    count = groups.nunique()
    if count < 2:
        return "One tested group shows nothing"
    per_group = len(groups) / count
    what = "images" if count == len(groups) else "groups"
    return (
        f"{count} tested {what} tell accuracy to ±{100 * half_width(count, per_group):.0f} points, and a difference of "
        f"{100 * FOUND:.0f} points is detected with {100 * power(FOUND, count, per_group):.0f} % power"
    )
