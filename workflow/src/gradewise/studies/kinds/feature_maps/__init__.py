"""Kind `feature_maps`: maps that layers of a network make of an image of each class."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """Maps that layers of a network make of an image of each class."""

    family: ClassVar = "cnn"
    outputs: ClassVar = ("maps.npz", "maps.parquet")

    show: Literal["feature_maps"]
    layers: tuple[str, ...] = Field(min_length=1, description="conv1, conv2 ..")
