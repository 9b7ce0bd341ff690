"""Kind `groups`: the groups, their images of each class, and the accuracy on them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """A table of the groups: what is known of each, its images of each class, and the accuracy on it."""

    shows_pixels: ClassVar = False

    show: Literal["groups"]
    columns: dict[str, str] = Field(description="columns of the label table, and how they are headed")
