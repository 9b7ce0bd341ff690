"""The settings of a support vector classifier on principal components."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gradewise.config.section import Section
from gradewise.families.settings import ClassWeight


class SvmSettings(Section):
    """Principal components, then a support vector classifier with calibrated probabilities."""

    components: int = Field(200, ge=1, description="principal components kept (at most what the data allow)")
    whiten: bool = False
    kernel: Literal["rbf", "linear"] = "rbf"
    C: float = Field(1.0, gt=0)
    gamma: Annotated[float, Field(gt=0)] | Literal["scale"] = Field(
        "scale", description="of the rbf kernel on pixels 0..255; scale: 1 / (components x variance)"
    )
    max_iter: int | None = Field(None, ge=1, description="stop the optimiser after this many steps; null: never")
    class_weight: ClassWeight = None
