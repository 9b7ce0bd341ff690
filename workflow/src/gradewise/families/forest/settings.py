"""The settings of a random forest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gradewise.config.section import Section
from gradewise.config.symmetries import Symmetry
from gradewise.families.settings import ClassWeight


class ForestSettings(Section):
    """A random forest on pixels."""

    trees: int = Field(500, ge=1)
    max_features: Annotated[float, Field(gt=0, le=1)] | Literal["sqrt", "log2"] = "sqrt"
    min_samples_leaf: int = Field(1, ge=1)
    min_samples_split: int = Field(2, ge=2)
    max_depth: int | None = Field(None, ge=1)
    augment: Literal["none", "flip", "rotate", "d4"] | Annotated[tuple[Symmetry, ...], Field(min_length=1)] = Field(
        "none",
        description="train on each sample and its left-right flip (flip), its four rotations (rotate), or all eight "
        "rotations and flips (d4); or on a list of them, each as often as it is listed",
    )
    select: float | None = Field(
        None,
        gt=0,
        description="keep the pixels whose impurity importance, in a first forest of at most 400 trees and depth 64, "
        "is at least this many times the median",
    )
    components: int | None = Field(None, ge=1, description="grow on this many principal components instead of pixels")
    out_of_bag: tuple[Literal["rows", "groups"], ...] = Field(
        ("rows",),
        description="what trees draw, and so leave out for out-of-bag accuracy. rows: as in scikit-learn, which is too "
        "high an estimate for new groups; groups: whole groups, the same share of each class; both: a second forest, "
        "over groups, is grown for the estimate alone, which takes as long again",
    )
    class_weight: ClassWeight = None

    @property
    def siblings(self) -> int:
        """Training rows per sample."""
        if isinstance(self.augment, tuple):
            return len(self.augment)
        return {"none": 1, "flip": 2, "rotate": 4, "d4": 8}[self.augment]

    @model_validator(mode="after")
    def _check_features(self) -> ForestSettings:
        if self.select is not None and self.components is not None:
            raise ValueError("give only one of select and components: a forest uses pixels or principal components")
        return self
