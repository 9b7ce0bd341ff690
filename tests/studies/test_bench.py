"""The benches of studies on little data: what they compare is comparable."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def test_shared_work_gives_the_accuracies_of_a_plain_grid_search(bench, capsys):
    found = bench("svm_tables").compare(fruits=20, side=16, threads=1, divide=40)
    assert found["full"]["train"] == found["full"]["validation"] == 0
    assert found["full"]["same_best"] == 1
    printed = capsys.readouterr().out
    assert "42 training and 18 validation images of 16 x 16 x 3 = 768 values, 102 cells, 1 threads" in printed
    assert "same best cell: yes; in parts of the tables: 7 of 7" in printed
