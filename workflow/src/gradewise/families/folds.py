"""Folds of training samples that keep groups together."""

from __future__ import annotations

import numpy as np

from gradewise.command import UserError
from gradewise.config.choosing import FOLDS

Folds = list[tuple[np.ndarray, np.ndarray]]
"""Training rows and left-out rows of each fold."""


def grouped_folds(targets: np.ndarray, groups: np.ndarray, seed: int) -> Folds:
    """Stratified folds that keep groups together: five, or fewer if there are few groups.

    Returns
    -------
    list of (training rows, left-out rows)
        Every class occurs among the training rows of every fold.

    Raises
    ------
    UserError
        If not even two such folds exist.
    """
    # imported here, since most of those who import this module make no folds, and scikit-learn takes a second
    from sklearn.model_selection import StratifiedGroupKFold

    groups_of_class = [len(np.unique(groups[targets == code])) for code in np.unique(targets)]
    classes = len(groups_of_class)
    for number in range(min(FOLDS, *groups_of_class), 1, -1):
        splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
        folds = list(splitter.split(targets, targets, groups))
        if all(len(left_out) and len(np.unique(targets[inside])) == classes for inside, left_out in folds):
            return folds
    raise UserError(
        "cross-validation needs training groups that can be divided in two, each part with every class; "
        f"the class with the fewest groups has {min(groups_of_class)} of {len(np.unique(groups))}. "
        "Add images, change `group` or `evaluation`, or remove the class"
    )
