"""Whether a dataset has enough groups for its splits, told from counts alone, and how many of them will be tested.

Imports nothing heavy beyond pandas, because the workflow calls it before it starts.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from gradewise.command import UserError
from gradewise.config.evaluation import Evaluation


class Tested(NamedTuple):
    """Groups that will be tested, over all repeats, and their images."""

    groups: int
    images: int


def check_counts(images: pd.DataFrame, evaluation: Evaluation, classes: list[str], training_groups: int = 1) -> None:
    """Check that each class has enough groups for every role.

    Parameters
    ----------
    images : DataFrame
        label and group, and role if roles are predefined.
    evaluation : Evaluation
    classes : list of str
        Classes that must be present in every role; empty where tiles have their own labels.
    training_groups : int
        Groups of each class that models need for training.

    Raises
    ------
    UserError
        If groups are too few; the message says how many are needed.
    """
    if evaluation.train_only is not None:
        _check_train_only(images, evaluation, evaluation.train_only)
        return
    if images["group"].nunique() < (needed := (evaluation.folds or 2) + 1):
        raise UserError(f"the split needs at least {needed} groups, found {images['group'].nunique()}")
    for name in classes:
        of_class = images.loc[images["label"] == name]
        if evaluation.predefined:
            _check_predefined(of_class, name, training_groups)
            continue
        needed = max(training_groups + 2, evaluation.folds or 0)
        groups = of_class["group"].nunique()
        if groups < needed:
            is_fewest = needed == training_groups + 2
            remedy = "take the class out" if is_fewest else "use fewer folds"
            how = f"{evaluation.folds} folds" if evaluation.folds else "training, validation and test"
            raise UserError(
                f"class {name} has {len(of_class)} usable images in {groups} groups; {how} need at least {needed} "
                f"groups. Add images, merge classes (merge:), or {remedy}"
            )


def _check_train_only(images: pd.DataFrame, evaluation: Evaluation, normal: str) -> None:
    """Check that there are normal groups to train on, and images of the other class to test."""
    others = images.loc[images["label"] != normal, "group"]
    alone = images.loc[~images["group"].isin(others)]
    if evaluation.predefined:
        alone = alone.loc[(alone["role"] != "test") & ~alone["group"].isin(alone.loc[alone["role"] == "test", "group"])]
        others = images.loc[(images["label"] != normal) & (images["role"] == "test"), "group"]
    # two to train on, of which one is left out to set a threshold
    needed = 2 if evaluation.predefined or evaluation.one_split else max(3, evaluation.folds or 0)
    if (groups := alone["group"].nunique()) < needed:
        raise UserError(
            f"evaluation.train_only: class {normal} has {groups} groups without images of the other class; at least "
            f"{needed} are needed to train and test. Add images of it"
            + (", or leave out holdout or folds" if needed > 2 else "")
        )
    if others.empty:
        raise UserError(f"evaluation.train_only: there is no usable image of another class than {normal} to test")


def _check_predefined(of_class: pd.DataFrame, name: str, training_groups: int) -> None:
    groups = of_class.groupby("role")["group"].nunique()
    least = training_groups if "validation" in groups else training_groups + 1
    if groups.get("train", 0) < least:
        raise UserError(
            f"class {name} has {groups.get('train', 0)} groups of usable training images; at least {least} are needed. "
            "Add images, or take the class out of classes and of the label tables"
        )


def expect_tested(images: pd.DataFrame, evaluation: Evaluation) -> Tested:
    """How many groups and images will be tested; for shares drawn at random, how many are expected to be.

    Parameters
    ----------
    images : DataFrame
        group, and role if roles are predefined.
    evaluation : Evaluation
    """
    if evaluation.predefined:
        tested = images.loc[images["role"] == "test", "group"]
        return Tested(tested.nunique(), len(tested))
    share = 1.0
    if evaluation.train_only is not None:
        share = 0.0 if evaluation.one_split else 1.0
    if evaluation.holdout is not None:
        drawn = 1 if evaluation.same_test else evaluation.repeats
        share = 1 - (1 - evaluation.holdout) ** drawn
    if evaluation.train_only is not None:
        normal = images.loc[images["label"] == evaluation.train_only]
        others = images.loc[images["label"] != evaluation.train_only]
        groups = others["group"].nunique() + round(share * normal["group"].nunique())
        return Tested(groups, len(others) + round(share * len(normal)))
    return Tested(round(share * images["group"].nunique()), round(share * len(images)))
