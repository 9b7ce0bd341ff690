"""How the predictions for an image's samples are combined into a verdict on the image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gradewise.config.section import Section


class Top(Section):
    """Mean of the highest tile probabilities of the positive class."""

    top: int = Field(ge=1)


Aggregate = Literal["mean", "max", "vote"] | Top
