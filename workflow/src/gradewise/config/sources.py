"""Where labelled images are: everything that the manifest depends on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, field_validator, model_validator

from gradewise.config.section import Section


def check_path(path: str | None) -> str | None:
    """Refuse a path that Snakemake would change."""
    if path is not None and re.search("[{}]", path):
        raise ValueError(
            f"{path!r} contains a brace, which Snakemake takes for a placeholder; rename it, or give a link to it"
        )
    return path


class Table(Section):
    """A part of the images: a folder with their label table, or without one a folder of class folders."""

    csv: str | None = Field(
        None,
        description="label table: CSV with a column of paths, one of labels, and any further ones; null: the folder "
        "contains one folder of images per class",
    )
    images: str = Field(description="the folder that paths in the table are relative to, or that has class folders")
    image_column: str = Field("image_id", description="column with the path of each image")
    label_column: str = Field("label", description="column with the class of each image")
    role: Literal["train", "validation", "test"] | None = Field(None, description="for evaluation: {predefined: true}")

    _check_paths = field_validator("csv", "images")(check_path)

    @model_validator(mode="after")
    def _check_columns(self) -> Table:
        if self.csv is None and (self.image_column, self.label_column) != ("image_id", "label"):
            raise ValueError("image_column and label_column are those of a label table; give its csv")
        if self.image_column == self.label_column:
            raise ValueError(f"image_column and label_column are both {self.label_column!r}; give two columns")
        return self


class Pattern(Section):
    """A regular expression whose first group, matched in the file name, is the value."""

    regex: str

    @field_validator("regex")
    @classmethod
    def _check_pattern(cls, regex: str) -> str:
        try:
            groups = re.compile(regex).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if groups < 1:
            raise ValueError('put the part that names the group in parentheses, e.g. "^(.*)_[0-9]+"')
        return regex


class Reading(Section):
    """How files become pixels, where that can be done in several ways."""

    page: Literal["max"] | Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None,
        description="which page of TIFF files with several: a number (1 is the first), or max for the highest level at "
        "each pixel; null: such files are set aside",
    )
    grey_range: tuple[FiniteFloat, FiniteFloat] | None = Field(
        None,
        description="[black, white]: values at both ends of the grey levels of TIFF files with signed, 32-bit or "
        "floating-point pixels; values beyond become black or white; null: 0 to 65535 for integers and 0 to 1 for "
        "floating-point numbers, and files with other values are set aside",
    )

    shrink: Literal[2, 4, 8] | None = Field(
        None,
        description="images are read at 1/n of their width and height, and all sizes and places are in those larger "
        "pixels; JPEG files are decoded at this size, which takes less time; null: at their size",
    )

    @field_validator("grey_range")
    @classmethod
    def _check_range(cls, grey_range: tuple[float, float] | None) -> tuple[float, float] | None:
        if grey_range is not None and grey_range[0] >= grey_range[1]:
            raise ValueError(f"{list(grey_range)}: black must be below white")
        return grey_range

    @property
    def factor(self) -> int:
        """Number of pixels of a file that become one, along both axes."""
        return self.shrink or 1


class Source(Reading):
    """Where labelled images are and which of them can be used: everything that the manifest depends on."""

    images: str | None = Field(None, description="a folder that contains one folder of images per class")
    tables: tuple[Table, ...] | None = None
    classes: tuple[str, ...] = Field(min_length=2, description="names of the classes; worst last if ordered: true")
    merge: dict[str, tuple[str, ...]] | None = Field(
        None, description="labels combined into each class, e.g. {sound: [A, B], defective: [C, D]}"
    )
    positive: str | None = Field(None, description="the class that precision, recall and ROC AUC refer to")
    group: str | Pattern | None = Field(
        None, description="a column of the label table, or {regex: ..} for the file name; null: one group per image"
    )
    masks: str | None = Field(None, description="folder of defect masks")
    mask_suffix: str = Field("", description="mask of a.tif is a<suffix>.png")
    labels_from: Literal["images", "masks"] = Field(
        "images", description="masks: a tile is positive if enough of it is masked"
    )
    corrections: str | None = Field(
        None,
        description="a table of corrected labels, which replace those of folders and tables: CSV with the columns "
        "image_id, label and corrected (a class, exclude to leave the image out, or nothing to leave the label)",
    )
    max_megapixels: float = Field(200.0, gt=0, description="larger images are set aside without being read")
    min_side: int = Field(16, ge=1, description="smaller images are set aside [px]")

    _check_paths = field_validator("images", "masks", "corrections")(check_path)

    @model_validator(mode="after")
    def _check_shrink(self) -> Self:
        if self.shrink and self.masks is not None:
            raise ValueError(f"shrink: {self.shrink} does not go with masks, which are not shrunk; leave one out")
        return self

    @field_validator("corrections")
    @classmethod
    def _check_corrections(cls, corrections: str | None) -> str | None:
        if corrections is not None and Path(os.path.abspath(corrections)).is_relative_to(os.path.abspath("results")):
            raise ValueError(
                f"{corrections!r} lies in results, where the workflow writes; copy it elsewhere and name the copy"
            )
        return corrections

    @property
    def reading(self) -> Reading:
        """The part that decoding depends on."""
        return Reading(page=self.page, grey_range=self.grey_range, shrink=self.shrink)
