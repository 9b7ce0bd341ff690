"""Confusion matrices stay readable with many classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gradewise.report.blocks import Gallery, Matrix, Table, Text
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


def test_pictures_stand_beside_maps_of_where_the_model_looks(make_fibres: Callable) -> None:
    made = make_fibres()
    evidence = read(**made.known)
    gallery = next(block for block in confusion.section(evidence).walk() if isinstance(block, Gallery))
    kinds = [picture.lines[1] for picture in gallery.pictures]
    assert {"typical sound", "borderline sound", "typical faulty", "borderline faulty"} < set(kinds)
    for picture in gallery.pictures:
        assert picture.detail is not None
        left, right = np.array_split(np.asarray(picture.detail).astype(int), 2, axis=1)
        orange = [(half[..., 0] - half[..., 2]).mean() for half in (left, right)]
        assert orange[0] > orange[1] + 50


def test_without_maps_the_pictures_stand_alone(make_fibres: Callable) -> None:
    made = make_fibres(changed_settings={"attributions": False})
    blocks = confusion.section(read(**made.known)).walk()
    gallery = next(block for block in blocks if isinstance(block, Gallery))
    assert all(picture.detail is None for picture in gallery.pictures)
    assert not any("looks" in block.text for block in blocks if isinstance(block, Text))


def test_a_view_that_does_not_tell_where_it_moves_points_is_named(make_fibres: Callable) -> None:
    made = make_fibres()
    evidence = read(**made.known)
    table = evidence.attributions.assign(weights=None, unmapped="{shuffle: 3}")
    blocks = confusion.section(replace(evidence, attributions=table)).walk()
    told = " ".join(block.text for block in blocks if isinstance(block, Text))
    assert "cannot be shown on the images: {shuffle: 3} of its view does not tell where it moves points" in told


def test_how_much_of_a_map_falls_on_what_masks_mark_is_listed(make_fibres: Callable) -> None:
    evidence = read(**make_fibres().known)
    assert evidence.attributions is not None
    table = evidence.attributions.assign(share=0.75, area=0.25)
    blocks = confusion.section(replace(evidence, attributions=table)).walk()
    listed = next(block for block in blocks if isinstance(block, Table) and block.name == "attributions")
    assert {tuple(row[-2:]) for row in listed.rows} == {("75.0\u00a0%", "25.0\u00a0%")}


def test_of_many_classes_mistakes_are_shown_without_a_matrix_that_links_to_them(make_grades: Callable) -> None:
    classes = tuple(f"c{place}" for place in range(9))
    changed = {"classes": list(classes), "ordered": False}
    made = make_grades(classes=classes, changed_settings=changed, images=126, repeats=1, models=("svm-plain",))
    blocks = confusion.section(read(**made.known)).walk()
    gallery = next(block for block in blocks if isinstance(block, Gallery))
    assert all(picture.lines[1].startswith("true ") for picture in gallery.pictures)
    assert not any(isinstance(block, Matrix) for block in blocks)


@pytest.mark.parametrize(("family", "told"), [("cnn", False), ("blend", True)])
def test_how_the_map_of_a_blend_is_made_is_told(make_fibres: Callable, family: str, told: bool) -> None:
    evidence = read(**make_fibres().known)
    for run in evidence.runs_of("cnn-small"):
        run.record["family"] = family
    texts = [block.text for block in confusion.section(evidence).walk() if isinstance(block, Text)]
    assert any("The map of a blend is the mean of those of its members" in text for text in texts) == told
