"""By what settings are chosen among candidates: as the dataset compares models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gradewise.config.aggregation import Aggregate
from gradewise.config.section import Section

FOLDS = 5
"""Folds of training groups that settings are chosen on where validation has few groups."""


def most_fits(candidates: int) -> int:
    """Fits that training takes at most: each of several candidates once per fold, then the chosen one."""
    return 1 if candidates == 1 else candidates * FOLDS + 1


class ChooseBy(Section):
    """What candidate settings are compared by."""

    metric: str = Field(default="accuracy", description="its name in metrics.parquet")
    level: Literal["image", "sample"] = Field(
        default="image", description="whether verdicts on images or samples count"
    )
    aggregate: Aggregate = Field(default="mean", description="how samples are combined into a verdict on the image")
    positive: str | None = Field(default=None, description="the class that max and top look for")
    costs: tuple[tuple[float, ...], ...] | None = Field(
        default=None,
        description="cost of each prediction, a row per true class, where verdicts are those of least expected cost",
    )
