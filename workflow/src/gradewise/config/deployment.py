"""The model that is handed over, and the folders that it is applied to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gradewise.config.section import Section

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
