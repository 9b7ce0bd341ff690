from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.svm import SVC

from gradewise.families.pca_svm import svm_grid
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
    def test_each_accuracy_is_that_of_a_direct_fit(self, split, largest, monkeypatch):
        monkeypatch.setattr(svm_grid, "LARGEST_KERNEL", largest)
        (train, validation), (target, expected), variance = split
        found = svm_grid.validation_accuracies(GRID, (train, validation), (target, expected), variance, 2)
        assert set(found) == set(GRID)
        for settings in GRID:
            inputs = [part[:, : settings.components].astype(float) for part in (train, validation)]
            if settings.whiten:
                inputs = [part / np.sqrt(variance[: settings.components]) for part in inputs]
            direct = SVC(C=settings.C, kernel=settings.kernel, gamma=settings.gamma).fit(inputs[0], target)
            assert found[settings] == pytest.approx(direct.score(inputs[1], expected), abs=1e-9)
        assert len(set(found.values())) > 5

    def test_class_weights_are_part_of_a_candidate(self, split):
        (train, validation), (target, expected), variance = split
        kept = np.flatnonzero((target != 2) | (np.arange(len(target)) < 20))
        grid = [SvmSettings(components=4, C=0.05, class_weight=weight) for weight in (None, "balanced")]
        found = svm_grid.validation_accuracies(grid, (train[kept], validation), (target[kept], expected), variance, 1)
        assert found[grid[1]] > found[grid[0]]
