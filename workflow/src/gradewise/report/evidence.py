"""Everything a report is written from, read once: configuration, tables and the records of the runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.datasets import Dataset
from gradewise.provenance import hash_file
from gradewise.report.numbers import Estimate
from gradewise.report.palette import Style, styles
from gradewise.results import Results


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
class Evidence:
    """What is known about one dataset.

    Attributes
    ----------
    dataset : str
    results : Results
        Where the files lie.
    settings : Dataset
    seed : int
    manifest, quarantine, splits, metrics, comparisons, verdicts, calibration, subgroups : DataFrame
        The tables of that name.
    manifest_hash : str
        SHA-256 of the manifest's file.
    runs : tuple of Run
        By model, in the order of the configuration, then by repeat.
    audit : DataFrame
        The findings of the data audit.
    leaks, learning_curve, extrapolations : DataFrame or None
        The tables of that name, where the configuration asks for them.
    """

    dataset: str
    results: Results
    settings: Dataset
    seed: int
    manifest: pd.DataFrame
    manifest_hash: str
    quarantine: pd.DataFrame
    splits: pd.DataFrame
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    verdicts: pd.DataFrame
    calibration: pd.DataFrame
    subgroups: pd.DataFrame
    audit: pd.DataFrame
    runs: tuple[Run, ...]
    leaks: pd.DataFrame | None = None
    learning_curve: pd.DataFrame | None = None
    extrapolations: pd.DataFrame | None = None
    _samples: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def classes(self) -> list[str]:
        """Classes in the order of the configuration."""
        return list(self.settings.classes)

    @property
    def models(self) -> list[str]:
        """Models with results, in the order of the configuration, then any others."""
        present = dict.fromkeys(self.metrics["model"])
        return [name for name in self.settings.models if name in present] + [
            name for name in present if name not in self.settings.models
        ]

    @cached_property
    def views(self) -> dict[str, Path]:
        """Caches of the views that models look through, by name; a blend's record names those of its members."""
        names = {name for run in self.runs for name in str(run.record["view"]).split(", ")}
        return {name: self.results.view(name) for name in sorted(names)}

    @property
    def families(self) -> dict[str, str]:
        """Family of each model, as its runs record it."""
        recorded = {run.model: str(run.record["family"]) for run in self.runs}
        return {model: recorded.get(model, model) for model in self.models}

    @property
    def styles(self) -> dict[str, Style]:
        """How each model is drawn."""
        return styles(self.families)

    @property
    def tiled(self) -> bool:
        """Whether any model sees more than one sample of an image."""
        return any(float(run.record.get("samples_per_image") or 1) > 1 for run in self.runs)

    @property
    def levels(self) -> list[str]:
        """Levels to report, the deciding one first: image, and sample where they differ."""
        measured = set(self.metrics["level"])
        shown = {"image", self.deciding_level} | ({"sample"} if self.tiled else set())
        levels = [level for level in ("image", "sample") if level in measured & shown]
        return sorted(levels, key=lambda level: level != self.deciding_level)

    @property
    def test(self) -> pd.DataFrame:
        """Verdicts on test images."""
        return self.verdicts.loc[self.verdicts["role"] == "test"]

    @property
    def deciding_level(self) -> str:
        """What the verdict and the comparisons speak of: image or sample."""
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
        samples = pd.concat(parts, ignore_index=True)
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

    def per_repeat(self, model: str, metric: str, level: str = "image") -> list[float]:
        """Values of a metric in each repeat, on test."""
        rows = self.metrics
        rows = rows.loc[(rows["model"] == model) & (rows["metric"] == metric) & (rows["level"] == level)]
        rows = rows.loc[(rows["role"] == "test") & rows["repeat"].notna() & rows["class"].isna()]
        return [float(value) for value in rows.sort_values("repeat")["value"].dropna()]


def row_estimate(row: Any, value: str = "value") -> Estimate:
    """The estimate in a row that has low and high beside the value."""
    return _estimate(row, value, "low", "high")


def bounded(row: Any, what: str) -> Estimate:
    """The estimate in the columns `what`, `what`_low and `what`_high of a row."""
    return _estimate(row, what, f"{what}_low", f"{what}_high")


def _estimate(row: Any, *names: str) -> Estimate:
    numbers = (getattr(row, name) for name in names)
    return Estimate(*(None if pd.isna(number) else float(number) for number in numbers))


def side_by_side(rows: pd.DataFrame, by: list[str], models: list[str], values: list[str]) -> pd.DataFrame:
    """A table with the values of each model next to each other, in columns `{model} {value}`.

    Parameters
    ----------
    rows : DataFrame
        One row per model and combination of `by`, in the order in which combinations are to be shown.
    by : list of str
        Columns that name a row of the new table.
    models : list of str
    values : list of str
        Columns of each model; NaN where a combination has no row of it.
    """
    wide = rows[by].drop_duplicates(ignore_index=True)
    for model in models:
        mine = rows.loc[rows["model"] == model, [*by, *values]]
        wide = wide.merge(mine.rename(columns={value: f"{model} {value}" for value in values}), how="left", on=by)
    return wide


def read(results: Path, dataset: str, seed: int) -> Evidence:
    """Read all results of a dataset.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results.
    dataset : str
        Name of the dataset.
    seed : int
        The configured seed; draws the example pictures.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset, or the folder has no plan.
    """
    files = Results(results)
    settings = Dataset.model_validate(files.plan("settings"))
    names = ["manifest", "splits", "metrics", "comparisons", "verdicts", "calibration", "subgroups", "audit"]
    names += ["leaks"] if settings.leak_models else []
    names += ["learning_curve", "extrapolations"] if settings.curve_models else []
    contents = {name: tables.read(files.table(name)) for name in names}
    contents["metrics"] = contents["metrics"].loc[contents["metrics"]["dataset"] == dataset]
    if contents["metrics"].empty:
        raise UserError(f"{files.table('metrics')}: no rows about dataset {dataset!r}; give the folder of its results")
    return Evidence(
        dataset=dataset,
        results=files,
        settings=settings,
        seed=seed,
        manifest_hash=hash_file(files.table("manifest")),
        quarantine=pd.read_csv(results / "quarantine.csv", dtype=str, keep_default_na=False),
        runs=tuple(Run(json.loads(run.record.read_text()), run.folder) for run in files.runs()),
        **contents,
    )
