"""Where in images a class shows: which models are asked, and how densely."""

from __future__ import annotations

from pydantic import Field

from gradewise.config.section import Section


class Localise(Section):
    """Maps of where the positive class shows in test images, compared with masks where there are any."""

    models: tuple[str, ...] | None = Field(
        None, min_length=1, description="models that are asked; null: all whose views shift and stretch images at most"
    )
    stride: int | None = Field(
        None,
        ge=2,
        description="from one tile to the next [px], for models that are no locators; null: a quarter of the tile",
    )
    false_alarms: float = Field(
        0.05, gt=0, le=0.5, description="share of the area without defects that may be marked by mistake"
    )
