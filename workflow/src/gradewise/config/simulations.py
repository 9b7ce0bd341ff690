"""Settings of the simulated datasets that come with gradewise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gradewise.config.section import Section


class NanofibreSimulation(Section):
    """Simulated SEM micrographs of electrospun nanofibres."""

    kind: Literal["nanofibres"]
    images: int = Field(160, ge=16, description="number of images, spread evenly over the 16 experiments")
    side: int = Field(1024, ge=128, le=4096, description="height and width [px]; a smaller image shows a smaller area")
    fibre_diameter: float = Field(12.0, ge=4, le=60, description="mean diameter at 15 wt.% and 15 kV [px]")
    beads: float = Field(1.2, ge=0, le=20, description="expected beads per 1000 px of fibre where the jet is unstable")
    variation: float = Field(1.0, ge=0, le=5, description="variation of the jet's stability within an experiment")
    dust: float = Field(0.12, ge=0, le=1, description="share of images with specks of dust")
    noise: float = Field(9.0, ge=0, le=60, description="standard deviation of the detector's noise [grey levels]")
    defect_share: float = Field(
        0.013, gt=0, lt=1, description="an image is NHNF if beads and dust cover at least this share of it"
    )


class MangoSimulation(Section):
    """Simulated photos of graded mangoes."""

    kind: Literal["mangoes"]
    images: int = Field(240, ge=6)
    photos: int = Field(3, ge=1, le=50, description="photos per fruit; the last fruit may have fewer")
    side: int = Field(288, ge=64, le=2048, description="height and width [px]")
    grades: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = Field(
        (0.35, 0.35, 0.30), description="shares of fruits with grade A, B and C"
    )
    thumb: float = Field(
        0.04, gt=0, le=0.15, description="share of a fruit's visible face under a thumb; larger blemishes mean grade C"
    )
    hands: float = Field(0.25, ge=0, le=1, description="share of photos in which a hand holds the fruit")
    shadows: float = Field(0.12, ge=0, le=1, description="share of photos with shadows that resemble blemishes")
    exposure: float = Field(0.1, ge=0, le=1, description="standard deviation of log brightness between photos")
    noise: float = Field(4.0, ge=0, le=60, description="standard deviation of the camera's noise [grey levels]")
