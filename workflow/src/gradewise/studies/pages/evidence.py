"""What the page on studies is written from: the evidence on the dataset, and what the steps of its studies left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from gradewise.config.section import Section
from gradewise.config.views import View
from gradewise.report.evidence import Evidence
from gradewise.studies.settings import Published


class Cell(Section):
    """A combination of settings of a study: what its tables do not tell."""

    name: str
    family: str
    view: str
    operations: View = Field(description="what the view does")
    published: dict[str, Published] = Field(default_factory=dict, description="published values by measure")


@dataclass(frozen=True)
class StudyEvidence:
    """What is known about the studies of one dataset.

    Attributes
    ----------
    base : Evidence
        What is known about the dataset.
    folder : Path
        Where the steps of studies wrote; the files of a study are in the folder of its name in it.
    cells : mapping of str to tuple of Cell
        The combinations of each study that varies settings, by the study's name, in the order of the configuration.
    models : mapping of str to mapping
        Family, view and settings of the models that are varied.
    """

    base: Evidence
    folder: Path
    cells: Mapping[str, tuple[Cell, ...]]
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def file(self, study: str, name: str) -> Path:
        """A file that a step of a study wrote."""
        return self.folder / study / name
