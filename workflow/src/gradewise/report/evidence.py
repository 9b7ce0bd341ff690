"""Everything a report is written from, read once: configuration, tables and the records of the runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.config.views import Size, View
from gradewise.evaluation import measured
from gradewise.evaluation.measured import Measured
from gradewise.evaluation.measured import Run as Run
from gradewise.evaluation.measured import row_estimate as row_estimate
from gradewise.evaluation.recommendation import Recommendation
from gradewise.families.run import features_of
from gradewise.images.corrections import Corrections
from gradewise.predict.verification import NAME as VERIFICATION
from gradewise.predict.verification import Verification, read_verification
from gradewise.provenance import hash_file
from gradewise.report import column_names, numbers
from gradewise.report.numbers import Estimate
from gradewise.report.palette import Style, styles
from gradewise.verdicts import Level
from gradewise.views.stored import read_view

DETAILED = 10
"""Most models that figures and galleries show; tables have all. A page of forty would be too large to load."""


@dataclass(frozen=True)
class Evidence(Measured):
    """What is known about one dataset, beside what is `Measured` of its models.

    Attributes
    ----------
    recommendation : Recommendation
        Which model to use, and why.
    seed : int
    manifest, quarantine, splits, calibration, subgroups, prediction_sets, suspect_labels : DataFrame
        The tables of that name; columns of the label table, which form subgroups, are called as people call them.
    manifest_hash : str
        SHA-256 of the manifest's file.
    thresholds : DataFrame or None
        The table of that name; None where classes have no order.
    expected_shares, leaks, learning_curve, extrapolations : DataFrame or None
        The tables of that name, where the configuration asks for them.
    corrections : Corrections
        Labels that a person decided about.
    unknown : DataFrame or None
        The table of that name, unless the configuration says that no image is unknown.
    localisation, located : DataFrame or None
        The tables of that name, where maps are asked for.
    attributions : DataFrame or None
        The table of that name, unless the configuration says that there are no maps.
    look_alikes, resemblance : DataFrame or None
        The tables of that name, where a model learns from features of a pretrained network.
    verification : Verification or None
        Whether the model that is handed over predicts what was tested; None where none is.
    """

    recommendation: Recommendation
    seed: int
    manifest: pd.DataFrame
    manifest_hash: str
    quarantine: pd.DataFrame
    splits: pd.DataFrame
    calibration: pd.DataFrame
    subgroups: pd.DataFrame
    prediction_sets: pd.DataFrame
    suspect_labels: pd.DataFrame
    corrections: Corrections
    thresholds: pd.DataFrame | None = None
    expected_shares: pd.DataFrame | None = None
    leaks: pd.DataFrame | None = None
    learning_curve: pd.DataFrame | None = None
    extrapolations: pd.DataFrame | None = None
    unknown: pd.DataFrame | None = None
    localisation: pd.DataFrame | None = None
    located: pd.DataFrame | None = None
    attributions: pd.DataFrame | None = None
    look_alikes: pd.DataFrame | None = None
    resemblance: pd.DataFrame | None = None
    verification: Verification | None = None

    @cached_property
    def views(self) -> dict[str, Path]:
        """Caches of the views that models look through, by name; a blend's record names those of its members."""
        names = {name for run in self.runs for name in str(run.record["view"]).split(", ")}
        return {name: self.results.view(name) for name in sorted(names)}

    def view(self, name: str) -> tuple[View, list[Size]]:
        """A view, and the heights and widths of the images as it sees them, without data bars that it cuts off."""
        view = read_view(self.views[name])
        heights = self.manifest["height"] - self.manifest["bar_rows"] if view.cuts_data_bar else self.manifest["height"]
        return view, list(zip(heights.tolist(), self.manifest["width"].tolist(), strict=True))

    @cached_property
    def models_by_rank(self) -> list[str]:
        """All models: the recommended one, then the others by their score."""
        return self.recommendation.ranked(self.models)

    @cached_property
    def models_in_detail(self) -> list[str]:
        """The models that figures and galleries show, the best first: all, or the best of many."""
        return self.models_by_rank[:DETAILED]

    @property
    def left_out_in_words(self) -> str:
        """What captions of figures say where they do not show all models, led by a space."""
        if len(self.models) <= DETAILED:
            return ""
        return f" Shown are the {DETAILED} best of {len(self.models)} models; tables list all."

    @property
    def model_to_use(self) -> str | None:
        """The model that is handed over, or would be; None where none can be recommended."""
        return self.verification.model if self.verification is not None else self.recommendation.choice

    @cached_property
    def styles(self) -> dict[str, Style]:
        """How each model is drawn, by the family that its runs record."""
        families = {run.model: str(run.record["family"]) for run in self.runs}
        return styles({model: families.get(model, model) for model in self.models})

    @property
    def levels(self) -> list[Level]:
        """Levels to report, the deciding one first: image, and sample where they differ."""
        levels_measured = set(self.metrics["level"])
        shown = {"image", self.deciding_level} | ({"sample"} if self.tiled else set())
        levels: tuple[Level, ...] = ("sample", "image") if self.deciding_level == "sample" else ("image", "sample")
        return [level for level in levels if level in levels_measured & shown]

    def per_repeat(self, model: str, metric: str, level: str = "image") -> list[float]:
        """Values of a metric in each repeat, on test."""
        rows = self.metrics
        rows = rows.loc[(rows["model"] == model) & (rows["metric"] == metric) & (rows["level"] == level)]
        rows = rows.loc[(rows["role"] == "test") & rows["repeat"].notna() & rows["class"].isna()]
        return [float(value) for value in rows.sort_values("repeat")["value"].dropna()]


def recorded(runs: Iterable[Run], key: str) -> list[str]:
    """The different values that some runs record under a key, as text; a dash where a run records none."""
    return list(dict.fromkeys(str(run.record.get(key, numbers.NONE)) for run in runs))


def bounded(row: Any, what: str) -> Estimate:
    """The estimate in the columns `what`, `what`_low and `what`_high of a row."""
    values = (getattr(row, name) for name in (what, f"{what}_low", f"{what}_high"))
    return Estimate(*(None if pd.isna(value) else float(value) for value in values))


def side_by_side(rows: pd.DataFrame, by: list[str], models: list[str], values: list[str]) -> pd.DataFrame:
    """A table with the values of each model next to each other, in columns `{model} {value}`.

    `rows` has one row per model and combination of `by`, in the order in which combinations are to be shown; values
    are NaN where a model has no row.
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
    known = measured.read(results, dataset)
    labels, subgroups = known.settings.labels, tables.read(known.results.table("subgroups"))
    names = ["manifest", "splits", "calibration", "prediction_sets", "suspect_labels"]
    names += ["thresholds"] if known.settings.scale else []
    names += ["expected_shares"] if known.settings.expected_shares else []
    names += ["leaks"] if known.settings.leak_models else []
    names += ["learning_curve", "extrapolations"] if known.settings.curve_models else []
    names += ["unknown"] if known.settings.unknown else []
    names += ["localisation", "located"] if known.settings.localisation else []
    names += ["attributions"] if known.settings.attributions else []
    names += ["look_alikes", "resemblance"] if any(features_of(run.record) for run in known.runs) else []
    return Evidence(
        **{field.name: getattr(known, field.name) for field in fields(known) if field.init},
        recommendation=Recommendation.model_validate_json((results / "recommendation.json").read_text()),
        seed=seed,
        manifest_hash=hash_file(known.results.table("manifest")),
        quarantine=pd.read_csv(results / "quarantine.csv", dtype=str, keep_default_na=False),
        subgroups=subgroups.assign(column=[column_names.in_words(name, labels) for name in subgroups["column"]]),
        corrections=Corrections.model_validate_json((results / "read/corrections.json").read_text()),
        verification=read_verification(results / VERIFICATION) if known.settings.deploy else None,
        **{name: tables.read(known.results.table(name)) for name in names},
    )
