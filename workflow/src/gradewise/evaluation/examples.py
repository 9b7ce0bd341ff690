"""Test images worth looking at: typical and borderline ones of each class, and the mistakes of most confidence.

The step that says where a model looks and the report that shows it take the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

PICTURED = 8
"""Most classes of which typical and borderline images are chosen; of more, mistakes alone."""

MOST = 24
"""Most examples; of more than `PICTURED` classes, half as many."""

EACH = 2
"""Mistakes of one kind: a true class and the class predicted for it."""


def choose_examples(tested: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Of each class a typical image and a borderline one, and of each kind of mistake the most confident ones.

    Typical is the right verdict of the highest probability, borderline the right one whose class is the least ahead of
    the second. Where there are too many kinds of mistakes, the most frequent are kept. No image is chosen twice.

    Parameters
    ----------
    tested : DataFrame
        Verdicts of one model on test images or samples, as `Measured.tested` has them.
    classes : sequence of str

    Returns
    -------
    DataFrame
        Columns unit, image_id, repeat, label, predicted, probability (of the predicted class) and kind:
        typical, borderline or wrong.
    """
    probabilities = tested[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float64)
    predicted = pd.Index(classes).get_indexer(tested["predicted"])
    ordered = np.sort(probabilities, axis=1)
    rated = tested.assign(
        probability=probabilities[np.arange(len(tested)), predicted], margin=ordered[:, -1] - ordered[:, -2]
    )
    rated = rated.sort_values(["probability", "image_id"], ascending=[False, True])
    parts: list[pd.DataFrame] = []

    def take(rows: pd.DataFrame, most: int, kind: str) -> None:
        taken = {name for part in parts for name in part["image_id"]}
        rows = rows.loc[~rows["image_id"].isin(taken)].drop_duplicates("image_id")
        parts.append(rows.head(most).assign(kind=kind))

    few = len(classes) <= PICTURED
    for name in classes if few else ():
        right = rated.loc[(rated["label"] == name) & (rated["predicted"] == name)]
        take(right, 1, "typical")
        take(right.sort_values("margin", kind="stable"), 1, "borderline")
    each = EACH if few else 1
    room = (MOST - sum(map(len, parts)) if few else MOST // 2) // each
    wrong = rated.loc[rated["label"] != rated["predicted"]]
    kinds = wrong.groupby(["label", "predicted"], sort=False).size().sort_values(ascending=False, kind="stable")
    for true, taken_for in kinds.index[:room]:
        take(wrong.loc[(wrong["label"] == true) & (wrong["predicted"] == taken_for)], each, "wrong")
    columns = ["unit", "image_id", "repeat", "label", "predicted", "probability", "kind"]
    return pd.concat([rated.head(0).assign(kind=""), *parts], ignore_index=True)[columns]
