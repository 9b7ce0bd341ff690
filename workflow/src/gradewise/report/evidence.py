"""Everything a report is written from, read once: configuration, tables and the records of the runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.command import UserError
from gradewise.config import Dataset
from gradewise.provenance import hash_file
from gradewise.report.numbers import Estimate
from gradewise.report.palette import Style, styles


@dataclass(frozen=True)
class Run:
    """One run: what its `run.json` says and where its predictions are, if they were given."""

    record: Mapping[str, Any]
    predictions: Path | None

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
    settings : Dataset
    seed : int
    manifest, quarantine, splits, metrics, comparisons, verdicts, calibration, subgroups : DataFrame
        The tables of that name.
    manifest_hash : str
        SHA-256 of the manifest's file.
    runs : tuple of Run
        By model, in the order of the configuration, then by repeat.
    views : dict of str to Path
        Cache of each view.
    leaks, learning_curve, extrapolations : DataFrame or None
        The tables of that name, where the configuration asks for them.
    audit : DataFrame or None
        The findings of the data audit, where it was made.
    """

    dataset: str
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
    runs: tuple[Run, ...]
    views: Mapping[str, Path]
    leaks: pd.DataFrame | None = None
    learning_curve: pd.DataFrame | None = None
    extrapolations: pd.DataFrame | None = None
    audit: pd.DataFrame | None = None
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
        found = set(self.metrics["level"])
        shown = {"image", self.deciding_level} | ({"sample"} if self.tiled else set())
        levels = [level for level in ("image", "sample") if level in found & shown]
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
        parts = [
            tables.read(run.predictions, role="test").assign(repeat=run.repeat)
            for run in self.runs_of(model)
            if run.predictions is not None
        ]
        if not parts:
            raise UserError(f"no predictions of {model}: what it says of samples is in none of the files given")
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
    numbers = (getattr(row, name) for name in (value, "low", "high"))
    return Estimate(*(None if pd.isna(number) else float(number) for number in numbers))


def bounded(row: Any, what: str) -> Estimate:
    """The estimate in the columns `what`, `what`_low and `what`_high of a row."""
    found = (getattr(row, f"{what}{end}") for end in ("", "_low", "_high"))
    return Estimate(*(None if pd.isna(number) else float(number) for number in found))


def read(
    *,
    dataset: str,
    settings: Dataset,
    seed: int,
    manifest: Path,
    quarantine: Path,
    splits: Path,
    metrics: Path,
    comparisons: Path,
    verdicts: Path,
    calibration: Path,
    subgroups: Path,
    runs: list[Path],
    predictions: list[Path],
    views: list[Path],
    leaks: Path | None = None,
    curves: Path | None = None,
    extrapolations: Path | None = None,
    findings: Path | None = None,
) -> Evidence:
    """Read all results of a dataset.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    settings : Dataset
        Its section of the configuration.
    seed : int
        The configured seed; draws the example pictures.
    manifest, quarantine, splits, metrics, comparisons, verdicts, calibration, subgroups : Path
        The tables of that name.
    runs : list of Path
        `run.json` of every run.
    predictions : list of Path
        `predictions.parquet` of the runs, each in the folder of its `run.json`.
    views : list of Path
        Caches of the views that are used, `{view}.parquet`.
    leaks, curves, extrapolations : Path, optional
        `leaks.parquet`, `learning_curve.parquet` and `extrapolations.parquet`, where the configuration asks for them.
    findings : Path, optional
        `audit.parquet`, what the data audit found.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset.
    """
    measured = tables.read(metrics)
    measured = measured.loc[measured["dataset"] == dataset]
    if measured.empty:
        raise UserError(f"{metrics}: no rows about dataset {dataset!r}; give the metrics of this dataset")
    beside = {path.parent: path for path in predictions}
    records = [Run(json.loads(path.read_text()), beside.get(path.parent)) for path in runs]
    order = {name: place for place, name in enumerate(settings.models)}
    records.sort(key=lambda run: (order.get(run.model, len(order)), run.model, run.repeat))
    return Evidence(
        dataset=dataset,
        settings=settings,
        seed=seed,
        manifest=tables.read(manifest),
        manifest_hash=hash_file(manifest),
        quarantine=pd.read_csv(quarantine, dtype=str, keep_default_na=False),
        splits=tables.read(splits),
        metrics=measured,
        comparisons=tables.read(comparisons),
        verdicts=tables.read(verdicts),
        calibration=tables.read(calibration),
        subgroups=tables.read(subgroups),
        runs=tuple(records),
        views={path.stem: path for path in views},
        leaks=None if leaks is None else tables.read(leaks),
        learning_curve=None if curves is None else tables.read(curves),
        extrapolations=None if extrapolations is None else tables.read(extrapolations),
        audit=None if findings is None else tables.read(findings),
    )
