"""Kind `results`: accuracies and costs of models of the dataset."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gradewise.studies.measures import MeasureName
from gradewise.studies.study import ModelsStudy


class Study(ModelsStudy):
    """Accuracy, out-of-bag accuracy and costs of models of the dataset."""

    show: Literal["results"]
    measures: tuple[MeasureName, ...] = Field(("train", "validation", "test"), min_length=1)
