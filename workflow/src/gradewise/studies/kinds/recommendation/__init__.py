"""Kind `recommendation`: which model to use, by the rule that the report follows."""

from __future__ import annotations

from typing import Literal

from gradewise.studies.study import StudySection


class Study(StudySection):
    """Which model to use, by the rule that the report follows."""

    show: Literal["recommendation"]
