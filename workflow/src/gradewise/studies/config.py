"""The configuration with studies: which models they make of those that they vary, and what must agree."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from pydantic import Field, ValidationError, model_validator

from gradewise.config import config
from gradewise.config.config import Config, check_known
from gradewise.config.faults import fault_lines
from gradewise.config.models import BlendModel, FittedModel
from gradewise.config.schema import json_schema
from gradewise.config.section import suggestion
from gradewise.families import registry
from gradewise.studies.settings import Measure, Published, SettingsStudy, Study, in_words


@dataclass(frozen=True)
class Cell:
    """One combination of settings of a study.

    Attributes
    ----------
    name : str
        Unique in its study.
    run : str
        Name of the model that it is trained as, in paths; cells of equal settings, and models of the dataset, share it.
    varied : dict
        The settings that differ from the study's model, and their values.
    model : CnnModel, SvmModel or ForestModel
        With a single candidate.
    published : dict
        Published values by measure.
    """

    name: str
    run: str
    varied: dict[str, Any]
    model: FittedModel
    published: dict[str, Published]


FAMILY_SHOWN = {
    "layers": "cnn",
    "feature_maps": "cnn",
    "explanations": "cnn",
    "components": "pca_svm",
    "embedding": "pca_svm",
    "trees": "forest",
}
"""Family that a kind of study needs."""


class StudiesConfig(Config):
    """The whole configuration."""

    studies: dict[str, Study] = Field(default_factory=dict)  # type: ignore[assignment]

    @model_validator(mode="after")
    def _check_studies(self) -> StudiesConfig:
        for name, study in self.studies.items():
            check_known(f"studies.{name}.dataset", study.dataset, self.datasets)
            self._check_study(name, study)
        return self

    def _check_study(self, name: str, study: Study) -> None:
        key, dataset = f"studies.{name}", self.datasets[study.dataset]
        if isinstance(study, SettingsStudy):
            self._check_varied(key, study)
            self.cells(name)
            return
        for view in getattr(study, "views", ()):
            check_known(f"{key}.views", view, self.views)
        one = getattr(study, "model", None)
        for model in (one,) if one is not None else getattr(study, "models", ()):
            field = "model" if one is not None else "models"
            if model not in dataset.models:
                raise ValueError(
                    f"{key}.{field}: {model!r} is not one of the models of {study.dataset}."
                    f"{suggestion(model, dataset.models)} Its models: {', '.join(dataset.models)}"
                )
            needed = FAMILY_SHOWN.get(study.show)
            if needed is not None and self.models[model].family != needed:
                raise ValueError(f"{key}.{field}: show: {study.show} needs a model of the family {needed}")
        if study.show == "scaling" and (not dataset.curve_models or len(dataset.shares) < 4):
            raise ValueError(
                f"{key}: show: scaling needs learning_curve: [models] and at least four shares in "
                f"datasets.{study.dataset}"
            )

    def _check_varied(self, key: str, study: SettingsStudy) -> None:
        check_known(f"{key}.model", study.model, self.models)
        family, runs = self.models[study.model].family, self.datasets[study.dataset].evaluation.runs
        if "curves" in study.draw and family != "cnn":
            raise ValueError(f"{key}.draw: curves are of networks, and {study.model!r} is of the family {family}")
        bags = [measure for measure in study.measures if measure.startswith("oob_")]
        if bags and family != "forest":
            raise ValueError(f"{key}.measures: {bags[0]} is of forests, and {study.model!r} of the family {family}")
        self._check_published(key, study)
        if (study.repeats or 1) > runs:
            raise ValueError(f"{key}.repeats: {study.repeats} of the {runs} of {study.dataset}")

    def _check_published(self, key: str, study: SettingsStudy) -> None:
        """Each key of a published row must name a setting or a measure, or the row would stand beside nothing."""
        base = self.models[study.model]
        if not isinstance(study.vary, dict) or isinstance(base, BlendModel):
            return
        known = [*type(base.candidates[0]).model_fields, "view", *get_args(Measure)]
        for name in {name for row in study.published for name in row if name not in known}:
            raise ValueError(f"{key}.published: {name!r} is neither a setting nor a measure.{suggestion(name, known)}")

    def cells(self, study: str) -> tuple[Cell, ...]:
        """The combinations of settings of a study that varies them, in the order of the configuration."""
        return self._cells[study]

    @cached_property
    def _cells(self) -> dict[str, tuple[Cell, ...]]:
        """Cells of all studies; the first that has some settings names the model that is trained with them."""
        names: dict[tuple[str, str], str] = {}
        for dataset in self.datasets:
            names |= {
                (dataset, model.model_dump_json()): name for name, model in reversed(self.fitted(dataset).items())
            }
        found: dict[str, tuple[Cell, ...]] = {}
        for name, study in self.studies.items():
            if isinstance(study, SettingsStudy):
                found[name] = tuple(self._cell(name, study, *row, names) for row in _rows(study))
                cells = [cell.name for cell in found[name]]
                twice = next((cell for cell in cells if cells.count(cell) > 1), None)
                if twice is not None:
                    raise ValueError(f"studies.{name}.vary: {twice!r} stands twice; give every row a name of its own")
        runs: dict[tuple[str, str], str] = {}
        for (dataset, settings), run in names.items():
            if runs.setdefault((dataset, run), settings) != settings:
                raise ValueError(f"studies: two different rows would be stored as {run!r}; change one's name")
        return found

    def _cell(
        self,
        study: str,
        section: SettingsStudy,
        name: str,
        varied: dict[str, Any],
        published: dict[str, Published],
        names: dict[tuple[str, str], str],
    ) -> Cell:
        key = f"studies.{study}.vary ({name})"
        base = self.models[section.model]
        if isinstance(base, BlendModel):
            raise ValueError(f"studies.{study}.model: {section.model!r} is a blend, which has no settings to vary")
        if len(base.candidates) > 1:
            raise ValueError(
                f"studies.{study}.model: {section.model!r} chooses among settings (choose: [..]); name a model "
                "with one value of each, which need not be among the models of the dataset"
            )
        settings = base.candidates[0].model_dump(exclude_unset=True)
        chosen = {"family": base.family, "view": base.view, **settings, **varied}
        try:
            model = FittedModel.model_validate(chosen)
        except ValidationError as error:
            lines = (line.strip() for line in fault_lines(error))
            raise ValueError("; ".join(f"{key}.{line}" for line in lines)) from None
        if len(model.candidates) > 1:
            raise ValueError(f"{key}: choose is not possible here; list the values under vary")
        check_known(f"{key}.view", model.view, self.views)
        own = re.sub(r"[^A-Za-z0-9.]+", "-", f"{study}--{name}").strip("-.")
        run = names.setdefault((section.dataset, model.model_dump_json()), own)
        return Cell(name, run, varied, model, published)

    def studies_of(self, dataset: str) -> dict[str, Study]:
        """The studies of a dataset, by name."""
        return {name: study for name, study in self.studies.items() if study.dataset == dataset}

    def trained(self, dataset: str) -> dict[str, FittedModel]:
        """The models of a dataset and of its studies that are fitted to samples, by name."""
        cells = [cell for study in self.studies_of(dataset) for cell in self._cells.get(study, ())]
        return self.fitted(dataset) | {cell.run: cell.model for cell in cells}


def _rows(study: SettingsStudy) -> list[tuple[str, dict[str, Any], dict[str, Published]]]:
    """Name, varied settings and published values of each row of a study."""
    if not isinstance(study.vary, dict):
        return [
            (row.name, dict(row.set), {str(measure): value for measure, value in row.published.items()})
            for row in study.vary
        ]
    rows = []
    for values in itertools.product(*study.vary.values()):
        varied = dict(zip(study.vary, values, strict=True))
        rows.append((in_words(varied), varied, {} if study.best_of else _published(study, varied)))
    return rows


def _published(study: SettingsStudy, varied: dict[str, Any]) -> dict[str, Published]:
    """What the source says of a combination of settings."""
    for row in study.published:
        if all(key in row and row[key] == value for key, value in varied.items()):
            return {key: value for key, value in row.items() if key not in varied}
    return {}


def load(raw: dict[str, Any]) -> StudiesConfig:
    """Check a parsed configuration, see `config.config.load`."""
    return config.load(raw, StudiesConfig)


if __name__ == "__main__":
    print(json.dumps(json_schema(StudiesConfig, registry.names()), indent=1))
