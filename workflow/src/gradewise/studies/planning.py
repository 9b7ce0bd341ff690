"""What the rules ask of the configuration for studies, and what the step `plan_studies` writes down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from gradewise.config.section import Section
from gradewise.families import registry
from gradewise.planning import Plan, Wildcards
from gradewise.resources import Requests, Resources
from gradewise.studies.cells import OF_OWN_RUNS, VariedCells
from gradewise.studies.config import StudiesConfig
from gradewise.studies.kinds.explanations import Study as ExplanationsStudy
from gradewise.studies.kinds.pretraining import Study as PretrainingStudy
from gradewise.studies.kinds.pretraining import from_scratch
from gradewise.studies.kinds.settings import Study as SettingsStudy
from gradewise.studies.planned import PlannedStudies
from gradewise.studies.study import OneModelStudy, StudySection

SHARING: dict[str, dict[str, Any]] = {
    "pca_svm": {"mb_per_thread": 20, "memory_mb": 2500, "memory_per_mb": 4},
    "forest": {"mb_per_thread": 5},
}
"""Families whose cells share work, by a module of `sharing`, and what that asks of a machine beside a single fit."""


class StudyWildcards(Wildcards):
    """Those of a rule of a study; `of_study` is empty, or a slash and a study's name."""

    study: str
    of_study: str


class StudiesPlan(Plan):
    """What the configuration asks of the rules, studies included."""

    config: StudiesConfig

    def __init__(self, config: StudiesConfig, scale: Literal["small", "full"] | None = None) -> None:
        super().__init__(config)
        self.scale = scale
        self.varying = Requests(self.resources_of_cells)

    def planned(self, dataset: str) -> PlannedStudies:
        """What the steps of a dataset's studies find below `--results`."""
        studies = self.config.studies_of(dataset)
        varying = {name: study for name, study in studies.items() if isinstance(study, SettingsStudy)}
        varied = {name: self.varied(name) for name in varying}
        views = sorted({cell.view for planned in varied.values() for cell in planned.cells})
        models = {study.model: self.config.varied_model(study) for study in varying.values()}
        return PlannedStudies(
            scale=self.scale,
            studies={name: study.model_dump(mode="json") for name, study in studies.items()},
            varied=varied,
            views={view: self.config.views[view] for view in views},
            models={
                name: {**base.named, **base.candidates[0].model_dump(exclude_unset=True)}
                for name, base in sorted(models.items())
            },
        )

    def varied(self, study: str) -> VariedCells:
        """The cells of a study that varies settings, and how they are run."""
        section = self.config.studies[study]
        assert isinstance(section, SettingsStudy), "the rules vary and summarise take no other kinds"
        repeats = section.repeats or self.config.datasets[section.dataset].evaluation.runs
        return VariedCells(repeats=repeats, best_of=section.best_of, cells=self.config.cells(study))

    def planned_json(self, dataset: str, study: str | None) -> str:
        """What the step `plan_studies` writes: all about a dataset's studies, or the cells of one of them."""
        if study is None:
            return self.planned(dataset).model_dump_json()
        return self.varied(study).model_dump_json(exclude={"cells": {"__all__": {"published"}}})

    def planned_of(self, wildcards: StudyWildcards) -> str:
        """What the job of `plan_studies` writes, so that it runs again if that changes."""
        return self.planned_json(wildcards.dataset, wildcards.of_study.removeprefix("/") or None)

    def study_flag(self, wildcards: StudyWildcards) -> list[str]:
        """Flag of the job of `plan_studies` that names its study, if it plans a single one."""
        return ["--study", wildcards.of_study.removeprefix("/")] if wildcards.of_study else []

    # cells

    def family_of_cells(self, wildcards: StudyWildcards) -> str:
        """The family of a study's cells."""
        return self.config.cells(wildcards.study)[0].family

    def module_of_cells(self, wildcards: StudyWildcards) -> str:
        """The module that fits a study's cells, which the step `vary` imports by its name."""
        name = self.family_of_cells(wildcards)
        return f"gradewise.studies.sharing.{name}" if name in SHARING else registry.module_of(name)

    def samples_of_cells(self, wildcards: StudyWildcards) -> list[str]:
        """Caches of the views that a study's cells are of."""
        return [f"results/{wildcards.dataset}/views/{view}.parquet" for view in self._views(wildcards)]

    def components_of_cells(self, wildcards: StudyWildcards) -> list[str]:
        """Principal components that a study's cells are fitted to, and the scores along them, if they are."""
        kind = registry.family(self.family_of_cells(wildcards))
        if all(kind.components(settings) is None for settings in self._settings(wildcards)):
            return []
        folders = [f"results/{wildcards.dataset}/pca/{view}/{wildcards.repeat}" for view in self._views(wildcards)]
        return [f"{folder}/{file}" for folder in folders for file in ("features.parquet", "pca.safetensors")]

    def resources_of_cells(self, wildcards: StudyWildcards) -> Resources:
        """What fitting a study's cells in one job asks of a machine: the time of all where they share no work."""
        name, settings = self.family_of_cells(wildcards), self._settings(wildcards)
        fit = registry.family(name).resources(settings)
        if name in SHARING:
            return replace(fit, minutes=30, minutes_per_gb=600, **SHARING[name])
        return fit.repeated(len(settings))

    def runs_of_cells(self, wildcards: StudyWildcards) -> dict[str, list[str]]:
        """Predictions and records of a study's cells: a run of each, or those of all in one file per repeat."""
        planned = self.varied(wildcards.study)
        own = self.family_of_cells(wildcards) in OF_OWN_RUNS
        parts = [f"models/{cell.run}" for cell in planned.cells] if own else [f"studies/{wildcards.study}"]
        folders = [
            f"results/{wildcards.dataset}/{part}/{repeat}" for part in parts for repeat in range(planned.repeats)
        ]
        record = "run.json" if own else "runs.json"
        return {
            "predictions": [f"{folder}/predictions.parquet" for folder in folders],
            "runs": [f"{folder}/{record}" for folder in folders],
        }

    def _settings(self, wildcards: StudyWildcards) -> list[Section]:
        section = registry.family(self.family_of_cells(wildcards)).settings
        return [section.model_validate(cell.settings) for cell in self.config.cells(wildcards.study)]

    def _views(self, wildcards: StudyWildcards) -> list[str]:
        return sorted({cell.view for cell in self.config.cells(wildcards.study)})

    # other kinds of study

    def study_of(self, wildcards: StudyWildcards) -> StudySection:
        """The section of a study."""
        return self.config.studies[wildcards.study]

    def by_pretraining(self, wildcards: StudyWildcards) -> tuple[list[str], list[str]]:
        """The models of a study that have no backbone, and those that have one."""
        study = self.study_of(wildcards)
        assert isinstance(study, PretrainingStudy), "the rule pretraining takes no other kinds"
        scratch = from_scratch(study.models, self.config)
        return scratch, [model for model in study.models if model not in scratch]

    def model_shown(self, wildcards: StudyWildcards) -> str:
        """The model that a study looks into."""
        study = self.study_of(wildcards)
        assert isinstance(study, OneModelStudy), "rules that look into a model take studies of one"
        return study.model

    def run_shown(self, wildcards: StudyWildcards) -> str:
        """Folder of the run whose model a study looks into, that of the first repeat."""
        return f"results/{wildcards.dataset}/models/{self.model_shown(wildcards)}/0"

    def files_shown(self, wildcards: StudyWildcards) -> list[str]:
        """The model and the predictions of that run."""
        model = self.models[self.model_shown(wildcards)]
        folder = self.run_shown(wildcards)
        return [f"{folder}/{file}" for file in (*registry.family(model.family).files, "predictions.parquet")]

    def samples_shown(self, wildcards: StudyWildcards) -> str:
        """The cache of that model's view."""
        return f"results/{wildcards.dataset}/views/{self._view_shown(wildcards)}.parquet"

    def features_shown(self, wildcards: StudyWildcards) -> str:
        """Principal component scores of that model's view in the first repeat."""
        return f"results/{wildcards.dataset}/pca/{self._view_shown(wildcards)}/0/features.parquet"

    def _view_shown(self, wildcards: StudyWildcards) -> str:
        return self.config.fitted(wildcards.dataset)[self.model_shown(wildcards)].view

    def objects_of(self, wildcards: StudyWildcards) -> list[str]:
        """Flag with the folder of masks of the object, where there is one."""
        study, simulation = self.study_of(wildcards), self.dataset_of(wildcards).simulate
        folder = study.objects if isinstance(study, ExplanationsStudy) else None
        if folder is None and simulation is not None and simulation.kind == "mangoes":
            folder = f"results/{wildcards.dataset}/simulated/objects"
        return [] if folder is None else ["--objects", folder]

    def runs_of_all_sizes(self, wildcards: Wildcards) -> list[str]:
        """Records of the runs of the learning curve, on the shares of the training groups and on all of them."""
        dataset = self.dataset_of(wildcards)
        return [
            f"results/{wildcards.dataset}{variant}/models/{model}/{repeat}/run.json"
            for variant in (*self.share_variants(wildcards), "")
            for model in dataset.curve_models
            for repeat in range(dataset.evaluation.runs)
        ]

    # pages

    def shown_views(self, dataset: str) -> set[str]:
        """Views that a dataset's models look through, and those whose samples a study shows."""
        shown = [study.views_shown for study in self.config.studies_of(dataset).values()]
        return {model.view for model in self.config.fitted(dataset).values()}.union(*shown)

    def used_views(self, dataset: str) -> set[str]:
        """As `Plan.used_views`, with those that studies show."""
        return super().used_views(dataset) | self.shown_views(dataset)

    def shown_samples(self, wildcards: Wildcards) -> list[str]:
        """Caches of the views whose samples a dataset's studies show."""
        folder = f"results/{wildcards.dataset}/views"
        return [f"{folder}/{view}.parquet" for view in sorted(self.shown_views(wildcards.dataset))]

    def step_files(self, wildcards: Wildcards) -> list[str]:
        """What the steps of a dataset's studies write for the page; studies without a step are drawn from the runs."""
        studies, folder = self.config.studies_of(wildcards.dataset), f"results/{wildcards.dataset}/studies"
        return [f"{folder}/{name}/{file}" for name, study in studies.items() for file in study.outputs]

    def model_files(self, wildcards: Wildcards) -> list[str]:
        """Files of models that the page on a dataset's studies reads."""
        studies = self.config.studies_of(wildcards.dataset).values()
        files = dict.fromkeys(file for study in studies for file in study.model_files)
        return [f"results/{wildcards.dataset}/models/{file}" for file in files]

    def page_flags(self, wildcards: Wildcards) -> list[str]:
        """Flag with the page on a dataset's studies, where it has any."""
        if not self.config.studies_of(wildcards.dataset):
            return []
        return ["--studies_page", f"reports/{wildcards.dataset}-studies.html"]
