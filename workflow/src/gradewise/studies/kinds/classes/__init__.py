"""Kind `classes`: precision, recall and F score of each class, and confusion matrices."""

from __future__ import annotations

from typing import Literal

from gradewise.studies.study import ModelsStudy


class Study(ModelsStudy):
    """Precision, recall and F score of each class, and confusion matrices."""

    show: Literal["classes"]
