"""Kind `examples`: images of each class, whole or as views show them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gradewise.config.config import Config, check_known
from gradewise.studies.study import StudySection


class Study(StudySection):
    """Images of each class, whole or as views show them."""

    show: Literal["examples"]
    views: tuple[str, ...] = Field((), description="none: the images as they are")
    each: int = Field(1, ge=1, le=12, description="images of each class")

    @property
    def views_shown(self) -> tuple[str, ...]:
        """All that are named."""
        return self.views

    def check(self, key: str, config: Config) -> None:
        """See that every view is defined; raises ValueError."""
        for view in self.views:
            check_known(f"{key}.views", view, config.views)
