"""Labels worth a second look: those that models, tested on images that they had not seen, find improbable.

How many there are, confident learning estimates (Northcutt, Jiang and Chuang 2021, Journal of Artificial Intelligence
Research 70, 1373): an image counts for another class if its probability reaches the mean of the images labelled so. The
order is that of the label's probability. `bench/suspect_labels.txt` has how many planted errors that finds.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd


def judges(choice: str | None, models: tuple[str, ...]) -> tuple[str, ...]:
    """Models whose predictions count: the recommended one, or all of them where none is recommended."""
    return models if choice is None else (choice,)


def pool_tests(verdicts: pd.DataFrame, models: Collection[str], classes: Sequence[str]) -> pd.DataFrame:
    """What models said of each test image, as the mean over models and repeats.

    Parameters
    ----------
    verdicts : DataFrame
        Verdicts on images, as in `verdicts.parquet`.
    models : collection of str
        The models that count.
    classes : sequence of str

    Returns
    -------
    DataFrame
        image_id, group, label, one ``p_<class>`` per class, and `tests`, the number of verdicts; one row per image.
    """
    tested = verdicts.loc[(verdicts["role"] == "test") & verdicts["model"].isin(models)]
    by_image = tested.groupby(["image_id", "group", "label"], sort=False)
    means = by_image[[f"p_{name}" for name in classes]].mean()
    return means.assign(tests=by_image.size()).reset_index()


def find_suspects(tested: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Images whose label is worth a second look.

    Parameters
    ----------
    tested : DataFrame
        As `pool_tests` returns it.
    classes : sequence of str

    Returns
    -------
    DataFrame
        image_id, group, label, predicted, probability (of the class predicted), probability_of_label and tests, the
        least probable label first.
    """
    # imported here, since reports only ask which models count
    from cleanlab.filter import find_label_issues

    probabilities = tested[[f"p_{name}" for name in classes]].to_numpy(np.float64)
    labels = pd.Categorical(tested["label"], categories=list(classes)).codes.astype(np.int64)
    with warnings.catch_warnings():
        # of classes with few images it may find none, which the list need not say
        warnings.filterwarnings("ignore", "May not flag all label issues", UserWarning)
        # where one class alone was tested, there is nothing to compare its labels with
        several = len(np.unique(labels)) > 1
        suspect = (
            find_label_issues(labels, probabilities, filter_by="both", n_jobs=1)
            if several
            else np.zeros(len(labels), bool)
        )
    found = tested[["image_id", "group", "label"]].assign(
        predicted=np.take(list(classes), probabilities.argmax(axis=1)),
        probability=probabilities.max(axis=1),
        probability_of_label=probabilities[np.arange(len(labels)), labels],
        tests=tested["tests"],
    )
    return found.loc[suspect].sort_values(["probability_of_label", "image_id"], ignore_index=True)
