"""Images that are unlike all that a model was fitted on."""

from __future__ import annotations

from pydantic import Field

from gradewise.config.section import Section


class Unknown(Section):
    """How readily an image counts as unlike those of training."""

    false_alarms: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="share of images of the same kind that may be flagged; 0.05 needs 19 groups",
    )
