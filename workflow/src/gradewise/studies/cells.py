"""Cells: the combinations of settings of a study that varies them, each a model that is trained.

`config` makes them, the step `plan_studies` writes them down, and the steps that fit, sum up and show them read them.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gradewise.config.section import Section

Published = bool | int | float | str
"""A published value: a number or a word as it stands in the source, e.g. `84.125 %`, `< 30 sec`."""

OF_OWN_RUNS = ("cnn",)
"""Families whose cells are jobs of their own, made by the rule that trains their models."""


class Cell(Section):
    """One combination of settings of a study."""

    name: str = Field(min_length=1, description="unique in its study")
    run: str = Field(description="the model that it is trained as; equal models of a dataset share the name")
    seeded_as: str = Field(description="the model whose random numbers it takes where cells are fitted in one job")
    family: str
    view: str
    settings: dict[str, Any] = Field(description="all settings of the model")
    varied: dict[str, Any] = Field(default_factory=dict, description="those that the study varies, as it gives them")
    published: dict[str, Published] = Field(default_factory=dict, description="published values by measure")


class VariedCells(Section):
    """The cells of a study, in the order of the configuration, and how they are run."""

    repeats: int
    best_of: tuple[str, ...] = Field((), description="settings that are chosen on validation")
    cells: tuple[Cell, ...]


def in_words(settings: dict[str, Any]) -> str:
    """Settings as the name of a row: `components 50, C 1.5`."""
    return ", ".join(f"{key} {value_in_words(value)}" for key, value in settings.items())


def value_in_words(value: Any) -> str:
    """The value of a setting as names of rows hold it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return " ".join(value_in_words(part) for part in value.values())
    return " ".join(map(value_in_words, value)) if isinstance(value, list | tuple) else str(value)
