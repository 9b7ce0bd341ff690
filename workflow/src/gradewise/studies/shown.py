"""Which test samples of a run are looked at: by its own predictions, in a way that repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.command import UserError
from gradewise.studies.schemas import SHOWN


def read_test(model: Path, classes: list[str]) -> pd.DataFrame:
    """Test samples of a run under the columns of `SHOWN`, in the order of its predictions.

    Raises
    ------
    UserError
        Where the run has none.
    """
    path = model / "predictions.parquet"
    frame = tables.read(path)
    frame = frame.loc[frame["role"] == "test"].reset_index(drop=True)
    if frame.empty:
        raise UserError(f"{path}: no test samples, so nothing to show; evaluate on a split that has a test set")
    probability = frame[[f"p_{name}" for name in classes]].max(axis=1).astype(float)
    return frame.assign(probability=probability)[SHOWN.names]


def surest(test: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """The surest correct prediction of each class or, where there is none, the least sure of the wrong ones.

    `test` is what `read_test` returns; classes without test samples are left out.
    """
    right = test["predicted"] == test["label"]
    ranked = test.assign(right=right, standing=test["probability"].where(right, -test["probability"]))
    ranked = ranked.sort_values(["right", "standing", "sample_id"], ascending=[False, False, True])
    return _by_class(ranked.drop_duplicates("label"), classes)


def drawn(test: pd.DataFrame, marked: pd.Series, classes: list[str], each: int, seed: int) -> pd.DataFrame:
    """Samples of images drawn at random, so that what they show in the mean holds for test images in general.

    `test` is what `read_test` returns, `marked` the share of each sample that its mask marks, by sample_id; null where
    no mask is known. Of each class so many images are drawn or all there are, of different groups as far as there are
    enough; of an image's samples the one with most marked or, where nothing is, the one that the model is surest of.
    """
    ranked = test.assign(marked=test["sample_id"].map(marked).fillna(0.0))
    ranked = ranked.sort_values(["marked", "probability", "sample_id"], ascending=[False, False, True])
    images = ranked.drop_duplicates("image_id").sort_values("image_id")
    images = images.iloc[np.random.default_rng(seed).permutation(len(images))]
    turn = images.groupby(["label", "group"]).cumcount()
    images = images.assign(turn=turn).sort_values("turn", kind="stable")
    return _by_class(images.groupby("label", sort=False).head(each), classes)


def _by_class(frame: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    order = frame["label"].map({name: place for place, name in enumerate(classes)})
    frame = frame.assign(order=order).sort_values("order", kind="stable")
    return frame[SHOWN.names].reset_index(drop=True)
