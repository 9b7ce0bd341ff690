"""Kind `localisation`: how well maps of models fit masks, beside published maps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gradewise.config.config import Config
from gradewise.config.section import suggestion
from gradewise.studies.study import StudySection

MapMeasure = Literal[
    "auroc",
    "auroc_by_image",
    "average_precision",
    "hit_rate",
    "aupro",
    "coverage_median",
    "coverage_worst",
    "missed",
    "false_alarms_per_image",
]
"""Metrics of `localisation.parquet`."""


class Study(StudySection):
    """Measures of the maps of models, over all test images and as a mean without some of them."""

    show: Literal["localisation"]
    models: tuple[str, ...] | None = Field(None, min_length=1, description="models that are shown; null: all with maps")
    columns: dict[str, str] = Field(
        {}, description="what runs of the models record, by its key in run.json, with the heading of its column"
    )
    measures: tuple[MapMeasure, ...] = Field(("auroc", "auroc_by_image", "hit_rate", "missed"), min_length=1)
    without: tuple[str, ...] = Field(
        (),
        description="images that a further mean of AUROC leaves out, such as those on which settings were chosen: "
        "names without folder and ending; those that are no test images count for nothing",
    )

    def check(self, key: str, config: Config) -> None:
        """See that there are maps of every model; raises ValueError."""
        mapped = config.localised(self.dataset)
        if not mapped:
            raise ValueError(f"{key}: there are no maps to show; set localise: true in datasets.{self.dataset}")
        for model in self.models or ():
            if model not in mapped:
                raise ValueError(
                    f"{key}.models: there are no maps of {model!r}.{suggestion(model, mapped)} Models with maps: "
                    f"{', '.join(mapped)}"
                )
