"""How images are split into training, validation and test."""

from __future__ import annotations

from pydantic import Field, model_validator

from gradewise.config.section import Section


class Evaluation(Section):
    """How images are split, by exactly one of holdout, folds and predefined."""

    holdout: float | None = Field(None, gt=0, lt=1, description="share of images used for testing")
    folds: int | None = Field(None, ge=2)
    same_test: bool = Field(False, description="with holdout only: same test images in all repeats; training varies")
    predefined: bool = Field(False, description="test images come from the tables with role: test")
    validation: float = Field(0.1, gt=0, lt=1, description="share of the training images used to choose settings")
    repeats: int = Field(5, ge=1, description="number of times the whole procedure is repeated")

    @model_validator(mode="after")
    def _check_one(self) -> Evaluation:
        if (self.holdout is not None) + (self.folds is not None) + self.predefined != 1:
            raise ValueError("give exactly one of holdout: 0.3, folds: 5 and predefined: true")
        if self.same_test and self.holdout is None:
            raise ValueError("same_test: applies to holdout only; predefined: true has the same test images anyway")
        return self

    @property
    def one_test(self) -> bool:
        """Whether all repeats have the same test images."""
        return self.predefined or self.same_test

    @property
    def runs(self) -> int:
        """Number of runs per model."""
        return self.repeats * (self.folds or 1)
