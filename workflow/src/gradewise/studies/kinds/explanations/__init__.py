"""Kind `explanations`: which parts of an image speak for what a network predicts."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """Which parts of an image speak for the network's prediction, and how much of that lies on the object."""

    family: ClassVar = "cnn"
    outputs: ClassVar = ("explanations.npz", "shown.parquet", "explanations.parquet", "weight_on_regions.parquet")

    show: Literal["explanations"]
    methods: tuple[Literal["lime", "grad_cam", "occlusion"], ...] = Field(
        ("lime", "grad_cam", "occlusion"), min_length=1
    )
    each: int = Field(1, ge=1, le=48, description="test images of each class; the first of each is shown")
    objects: str | None = Field(
        None, description="folder of masks of the object, under the names of the images; simulated mangoes have theirs"
    )
