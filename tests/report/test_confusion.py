"""Confusion matrices stay readable with many classes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradewise.report.evidence import read
from gradewise.report.sections import confusion


@pytest.mark.parametrize(("number", "pooled"), [(30, False), (31, True)])
def test_with_many_classes_the_figure_takes_those_with_few_mistakes_together(
    make_grades: Callable, number: int, pooled: bool
) -> None:
    classes = tuple(f"c{place:02d}" for place in range(number))
    changed = {"classes": list(classes), "ordered": False}
    made = make_grades(classes=classes, changed_settings=changed, images=124, repeats=1, models=("svm-plain",))
    evidence = read(**made.known)
    figure, table = confusion.matrices(evidence, "svm-plain", "confusion")
    assert ("The 2 others are taken together" in figure.caption) == pooled
    assert ("2 others" in figure.alt) == pooled
    assert table.data["verdicts"].sum() == len(evidence.test)
    assert (table.data["verdicts"] > 0).all()
