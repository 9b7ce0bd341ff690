"""What a forest sees of a sample: all pixels, selected ones, or principal component scores.

Selection follows the mango report (3.5.1): impurity importance in a first forest against a multiple of its median. It
uses the labels of all training rows, including those that are out of bag later, so out-of-bag accuracy after a
selection is not an estimate for new images; test accuracy is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gradewise.command import UserError
from gradewise.families.forest.bootstrap import grow_forest, unit_kept
from gradewise.families.forest.rows import AllPixels, TrainingRows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.pca import Pca
from gradewise.families.stored import read_tensors, require, write_tensors
from gradewise.provenance import derive_seed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SelectedPixels:
    """Selected pixels, unchanged.

    Attributes
    ----------
    kept : ndarray of int64, shape (k,)
        Their positions among the d values of a sample, ascending.
    """

    kept: np.ndarray

    def project(self, pixels: np.ndarray) -> np.ndarray:
        """Values 0..255, float32, shape (n, k), of uint8 samples (n, height, width, channels)."""
        return pixels.reshape(len(pixels), -1)[:, self.kept].astype(np.float32)

    def write(self, path: Path) -> None:
        """Write to a safetensors file."""
        write_tensors(path, {"kept": self.kept})


def read_selected(path: Path, values: int) -> SelectedPixels:
    """Read a file of `SelectedPixels.write` for samples of so many values.

    Raises
    ------
    UserError
        If the positions are not ascending or lie beyond the values of a sample.
    """
    kept = read_tensors(path, {"kept": ("I64", (None,))})["kept"]
    ascending = bool((np.diff(kept) > 0).all())
    require(ascending and kept[0] >= 0 and kept[-1] < values, path, f"kept is not a selection of {values} values")
    return SelectedPixels(kept)


Features = AllPixels | SelectedPixels | Pca


def first_forest(settings: ForestSettings) -> ForestSettings:
    """Settings of the forest for selection: at most 400 trees and depth 64, otherwise scikit-learn's defaults."""
    return ForestSettings.model_validate(
        {
            "trees": min(settings.trees, 400),
            "max_depth": min(settings.max_depth or 64, 64),
            "class_weight": settings.class_weight,
            "out_of_bag": (unit_kept(settings),),
        }
    )


def importances(rows: TrainingRows, first: ForestSettings, seed: int, threads: int) -> np.ndarray:
    """Impurity importance of each pixel in a forest grown on all pixels, shape (d,).

    Parameters
    ----------
    rows : TrainingRows
        Rows with all pixels.
    first : ForestSettings
        From `first_forest`.
    seed : int
        The run's seed; the first forest derives its own from it.
    threads : int
    """
    own_seed = derive_seed(seed, "first forest")
    forest = grow_forest(rows.X, rows.y, rows.bags(unit_kept(first)), first, own_seed, threads)
    return np.asarray(forest.feature_importances_)


def select(importance: np.ndarray, scale: float) -> SelectedPixels:
    """Pixels whose importance is at least `scale` x median, as scikit-learn's SelectFromModel keeps them.

    If the first forest is too small for the number of pixels, the median is 0 and all pixels are kept, with a warning.

    Raises
    ------
    UserError
        If no pixel is important enough.
    """
    median = np.median(importance)
    if median == 0:
        log.warning("select: at least half of the %d pixels split no node, so all are kept", len(importance))
    kept = np.flatnonzero(importance >= scale * median)
    if not len(kept):
        raise UserError(f"select: no pixel is {scale:g} times as important as the median; choose a smaller number")
    return SelectedPixels(kept)
