from __future__ import annotations

import itertools

import numpy as np
import pytest

from gradewise.families.folds import grouped_folds
from gradewise.families.pca_svm import svm, svm_grid
from gradewise.families.pca_svm.machine import scale
from gradewise.families.pca_svm.settings import SvmSettings

GRID = [
    SvmSettings(components=components, whiten=whiten, C=C, **kernel)
    for components, whiten, C, kernel in itertools.product(
        (3, 6),
        (False, True),
        (0.1, 10.0),
        ({"kernel": "rbf", "gamma": "scale"}, {"kernel": "rbf", "gamma": 0.01}, {"kernel": "linear"}),
    )
]


class TestGrid:
    @pytest.mark.parametrize("largest", [8000, 10], ids=["shared kernels", "kernels of their own"])
    def test_probabilities_are_those_of_a_direct_fit(self, split, largest, monkeypatch):
        monkeypatch.setattr(svm_grid, "LARGEST_KERNEL", largest)
        (train, validation), (target, expected), variance = split
        folds = grouped_folds(target, np.arange(len(target)) // 3, 0)
        found = svm_grid.validation_probabilities(GRID, (train, validation), target, folds, variance, 2)
        assert set(found) == set(GRID)
        for settings in GRID:
            scaled = [scale(part, variance, settings) for part in (train, validation)]
            direct = svm.predict_proba(*svm.calibrate(scaled[0], target, folds, settings, 1), scaled[1])
            np.testing.assert_allclose(found[settings], direct, atol=1e-3)
        assert len({float((chances.argmax(axis=1) == expected).mean()) for chances in found.values()}) > 5

    def test_class_weights_are_part_of_a_candidate(self, split):
        (train, validation), (target, expected), variance = split
        kept = np.flatnonzero((target != 2) | (np.arange(len(target)) < 20))
        grid = [SvmSettings(components=4, C=1.0, class_weight=weight) for weight in (None, "balanced")]
        folds = grouped_folds(target[kept], kept, 0)
        found = svm_grid.validation_probabilities(grid, (train[kept], validation), target[kept], folds, variance, 1)
        unweighted, weighted = (found[settings].argmax(axis=1) == expected for settings in grid)
        assert weighted.mean() > unweighted.mean()
