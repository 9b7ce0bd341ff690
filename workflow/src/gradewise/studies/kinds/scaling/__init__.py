"""Kind `scaling`: how time, memory and accuracy grow with the number of training images."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradewise.config.config import Config
from gradewise.studies.study import StudySection


class Study(StudySection):
    """Time, memory and accuracy against the number of training images, from the runs of the learning curve."""

    outputs: ClassVar = ("growth.parquet", "exponents.parquet")

    show: Literal["scaling"]

    def check(self, key: str, config: Config) -> None:
        """See that the dataset has a learning curve of enough sizes; raises ValueError."""
        dataset = config.datasets[self.dataset]
        if not dataset.curve_models or len(dataset.shares) < 4:
            raise ValueError(
                f"{key}: show: scaling needs learning_curve: [models] and at least four shares in "
                f"datasets.{self.dataset}"
            )
