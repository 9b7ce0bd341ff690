"""How images are split into training, validation and test."""

from __future__ import annotations

from pydantic import Field, model_validator

from gradewise.config.section import Section


class Evaluation(Section):
    """How images are split, by exactly one of holdout, folds and predefined, or by train_only."""

    holdout: float | None = Field(None, gt=0, lt=1, description="share of images used for testing")
    folds: int | None = Field(None, ge=2)
    same_test: bool = Field(False, description="with holdout only: same test images in all repeats; training varies")
    predefined: bool = Field(False, description="test images come from the tables with role: test")
    train_only: str | None = Field(
        None,
        description="the class that is normal: training takes images of it alone, images of the other class are all "
        "tested, and none are for validation; without holdout and folds, no normal image is tested",
    )
    validation: float = Field(0.1, gt=0, lt=1, description="share of the training images used to choose settings")
    repeats: int = Field(5, ge=1, description="number of times the whole procedure is repeated")

    @model_validator(mode="after")
    def _check_one(self) -> Evaluation:
        ways = (self.holdout is not None) + (self.folds is not None) + self.predefined
        if ways > 1 or (ways == 0 and self.train_only is None):
            raise ValueError("give exactly one of holdout: 0.3, folds: 5 and predefined: true")
        if self.same_test and self.holdout is None:
            raise ValueError("same_test: applies to holdout only; predefined: true has the same test images anyway")
        return self

    @property
    def one_test(self) -> bool:
        """Whether all repeats have the same test images."""
        return self.predefined or self.same_test or self.one_split

    @property
    def runs(self) -> int:
        """Number of runs per model."""
        return self.rounds * (self.folds or 1)

    @property
    def one_split(self) -> bool:
        """Whether all normal images train, so that there is but one split."""
        return self.holdout is None and self.folds is None and not self.predefined

    @property
    def rounds(self) -> int:
        """How often the whole procedure is repeated; once where it would be the same again."""
        return 1 if self.one_split or (self.train_only is not None and self.one_test) else self.repeats
