"""The model that is handed over, and the new images that it is applied to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from gradewise.config.section import Section
from gradewise.config.sources import Pattern, Source, Table, check_path

RECOMMENDED = "recommended"
"""Stands for the model that the recommendation chooses."""


class Deploy(Section):
    """Which model is handed over, and what it is fitted on."""

    model: str = Field(default=RECOMMENDED, description="recommended, or the name of one of the dataset's models")
    fit_on: Literal["all", "training"] = Field(
        default="all",
        description="all: the model is fitted once more, also on the images that were held back for testing; training: "
        "the tested model of the first repeat is handed over as it is",
    )
    adjust_probabilities: bool = Field(
        default=False,
        description="the probabilities of its verdicts are adjusted from the shares of classes in training to "
        "expected_shares, and verdicts follow",
    )


class LabelledImages(Section):
    """New images whose classes are known, on which the model that is handed over is tested.

    Labels are those of the dataset, which may be merged; a class may be absent.
    """

    images: str | None = Field(None, description="a folder that contains one folder of images per class")
    tables: tuple[Table, ...] | None = None
    group: str | Pattern | None = Field(
        None, description="a column of the label table, or {regex: ..} for the file name; null: one group per image"
    )
    labelled: Literal[True] = Field(
        True, description="that the classes are known; for images without labels give their folder instead"
    )

    _check_path = field_validator("images")(check_path)

    @model_validator(mode="after")
    def _check_source(self) -> LabelledImages:
        if (self.images is None) == (self.tables is None):
            raise ValueError("give either images, a folder of class folders, or tables")
        return self

    def source(self, dataset: Source) -> Source:
        """Where the images are, with the classes of a dataset and its way to read files."""
        own = {"images": self.images, "tables": self.tables, "group": self.group}
        return Source(**{name: getattr(dataset, name) for name in _SHARED} | own)

    @property
    def files(self) -> list[str]:
        """Label tables."""
        return [table.csv for table in self.tables or () if table.csv is not None]

    @property
    def folders(self) -> list[str]:
        """Folders of images."""
        return [self.images] if self.images is not None else sorted({table.images for table in self.tables or ()})


_SHARED = ("classes", "merge", "positive", "page", "grey_range", "shrink", "max_megapixels", "min_side")
"""What new images have in common with those of their dataset."""
