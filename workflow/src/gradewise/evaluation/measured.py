"""What was measured on a dataset, read once: metrics, comparisons, verdicts and the records of the runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.datasets import Dataset
from gradewise.evaluation.estimates import Estimate
from gradewise.results import Results
from gradewise.verdicts import Level, reclassify


@dataclass(frozen=True)
class Run:
    """One run: what its `run.json` says, and its folder."""

    record: Mapping[str, Any]
    folder: Path

    @property
    def predictions(self) -> Path:
        """What the model says of every sample of the repeat."""
        return self.folder / "predictions.parquet"

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.record["model"])

    @property
    def repeat(self) -> int:
        """Which split."""
        return int(self.record["repeat"])

    @property
    def seconds_per_image(self) -> float | None:
        """Time to predict one image, all its samples [s]."""
        seconds = self.record.get("seconds_predict_per_sample")
        return None if seconds is None else float(seconds) * float(self.record.get("samples_per_image") or 1)


@dataclass(frozen=True)
class Measured:
    """What is known about the models of one dataset.

    Attributes
    ----------
    dataset : str
    results : Results
        Where the files lie.
    settings : Dataset
    metrics, comparisons, standings, audit : DataFrame
        The tables of that name.
    test : DataFrame
        The verdicts on test images.
    runs : tuple of Run
        By model, in the order of the configuration, then by repeat.
    """

    dataset: str
    results: Results
    settings: Dataset
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    standings: pd.DataFrame
    test: pd.DataFrame
    audit: pd.DataFrame
    runs: tuple[Run, ...]
    _samples: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def classes(self) -> list[str]:
        """Classes in the order of the configuration."""
        return list(self.settings.classes)

    @cached_property
    def models(self) -> list[str]:
        """Models with results, in the order of the configuration, then any others."""
        present = dict.fromkeys(self.metrics["model"])
        return [name for name in self.settings.models if name in present] + [
            name for name in present if name not in self.settings.models
        ]

    @property
    def tiled(self) -> bool:
        """Whether any model sees more than one sample of an image."""
        return any(float(run.record.get("samples_per_image") or 1) > 1 for run in self.runs)

    @property
    def deciding_level(self) -> Level:
        """What recommendation and comparisons rest on."""
        return self.settings.deciding_level

    def tested(self, model: str, level: str) -> pd.DataFrame:
        """What a model said of each test image, or of each sample: rows of `verdicts.parquet`, or of its predictions
        with their repeat, and the name of the image or sample as `unit`."""
        if level == "image":
            mine = self.test.loc[self.test["model"] == model]
            return mine.assign(unit=mine["image_id"])
        if model not in self._samples:
            self._samples[model] = self._read_samples(model)
        return self._samples[model]

    def _read_samples(self, model: str) -> pd.DataFrame:
        parts = [tables.read(run.predictions, role="test").assign(repeat=run.repeat) for run in self.runs_of(model)]
        costs = self.settings.verdict_costs
        samples = reclassify(
            pd.concat(parts, ignore_index=True), self.classes, None if costs is None else np.array(costs)
        )
        return samples.assign(unit=samples["sample_id"])

    def runs_of(self, model: str) -> list[Run]:
        """The runs of a model, by repeat."""
        return [run for run in self.runs if run.model == model]

    def mean(self, model: str, key: str) -> float | None:
        """Mean over a model's runs of a number in `run.json`; None where no run has it."""
        values = [run.record[key] for run in self.runs_of(model) if run.record.get(key) is not None]
        return fmean(values) if values else None

    def estimates(self, level: str, role: str = "test") -> pd.DataFrame:
        """Metrics over all repeats together; those of single repeats where there is only one."""
        rows = self.metrics.loc[(self.metrics["level"] == level) & (self.metrics["role"] == role)]
        pooled = rows.loc[rows["repeat"].isna()]
        return pooled if len(pooled) or rows["repeat"].nunique() > 1 else rows

    def estimate(
        self, model: str, metric: str, level: str = "image", of_class: str | None = None, role: str = "test"
    ) -> Estimate:
        """One metric of one model over all repeats."""
        rows = self.estimates(level, role)
        rows = rows.loc[(rows["model"] == model) & (rows["metric"] == metric)]
        rows = rows.loc[rows["class"].isna() if of_class is None else rows["class"] == of_class]
        return row_estimate(rows.iloc[0]) if len(rows) else Estimate(None)


def row_estimate(row: Any, value: str = "value") -> Estimate:
    """The estimate in a row that has low and high beside the value."""
    numbers = (getattr(row, name) for name in (value, "low", "high"))
    return Estimate(*(None if pd.isna(number) else float(number) for number in numbers))


def read(results: Path, dataset: str) -> Measured:
    """Read what was measured on a dataset.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset, or the folder has no plan.
    """
    files = Results(results)
    metrics = tables.read(files.table("metrics"))
    metrics = metrics.loc[metrics["dataset"] == dataset]
    if metrics.empty:
        raise UserError(f"{files.table('metrics')}: no rows about dataset {dataset!r}; give the folder of its results")
    return Measured(
        dataset=dataset,
        results=files,
        settings=Dataset.model_validate(files.plan("settings")),
        metrics=metrics,
        comparisons=tables.read(files.table("comparisons")),
        standings=tables.read(files.table("standings")),
        test=tables.read(files.table("verdicts"), role="test"),
        audit=tables.read(files.table("audit")),
        runs=tuple(Run(json.loads(run.record.read_text()), run.folder) for run in files.runs()),
    )
