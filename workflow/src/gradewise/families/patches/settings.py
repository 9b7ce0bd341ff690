"""Settings of the family `patches`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gradewise.config.section import Section

STAGES = 7
"""Stages of an EfficientNet-Lite; counted here, since its module imports NumPy."""

Depth = Annotated[int, Field(ge=1, le=STAGES)]


class CommonSettings(Section):
    """Settings of models with and without a backbone."""

    stride: int = Field(8, ge=2, le=64, description="distance of neighbouring patches [px]")
    memory: Literal["gaussians", "neighbours"] = Field(
        "gaussians",
        description="what a patch is compared with: Gaussians fitted to normal patches, or the nearest of these",
    )
    gaussians: int = Field(4, ge=1, le=32, description="number of Gaussians")
    neighbours: int = Field(3, ge=1, le=50, description="nearest normal patches whose mean distance counts")
    stored: int = Field(5000, ge=50, le=50_000, description="normal patches kept for comparison, drawn at random")
    shrinkage: float = Field(0.01, gt=0, lt=1, description="of covariances of standardised features to the identity")
    top: float = Field(0.01, gt=0, le=1, description="share of a sample's patches, the most unlike, that decides on it")
    false_alarms: float = Field(
        0.05, gt=0, lt=0.5, description="share of normal samples that may be called defective; sets the threshold"
    )


class PatchesSettings(CommonSettings):
    """Distance of patches from those of normal images."""

    describe: Literal["texture", "dictionary", "components"] = Field(
        "texture",
        description="features of patches: texture (energies of filters at several scales), dictionary (how well sparse "
        "codes reconstruct a patch), components (how well principal components do)",
    )
    patch: int = Field(16, ge=4, le=32, description="side of a patch of dictionary and components [px]")


class MapsSettings(CommonSettings):
    """Distance of patches of a backbone's maps from those of normal images."""

    depths: tuple[Depth, ...] = Field(
        (4, 5),
        min_length=1,
        max_length=3,
        description=f"stages of the backbone, 1 to {STAGES}, whose maps are used",
    )
    enlarge: int = Field(3, ge=1, le=4, description="factor by which samples are enlarged for the backbone")

    @model_validator(mode="after")
    def _check_depths(self) -> MapsSettings:
        if len(set(self.depths)) < len(self.depths):
            raise ValueError(f"depths: {list(self.depths)} lists a stage twice")
        return self
