"""Where the files of a dataset's results are, and which runs belong to it.

A step that reads all results of a dataset takes this folder (`--results results/{dataset}`), so that its command does
not grow with the number of models, repeats or studies. The folder may hold runs of models that the configuration no
longer names; `plan/runs.json` lists the current ones, in the order of the configuration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradewise.command import UserError


def features_name(view: str, backbone: str) -> str:
    """Name of the cache with the features that a backbone makes of the samples of a view."""
    return f"{view}@{backbone}"


def holds_features(cache: str) -> bool:
    """Whether a cache of this name holds features instead of pixels."""
    return "@" in cache


def view_of(cache: str) -> str:
    """Name of the view whose samples, or features of these, a cache holds."""
    return cache.partition("@")[0]


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run: one model, one repeat."""

    model: str
    repeat: int
    folder: Path

    @property
    def predictions(self) -> Path:
        """The model's predictions for every sample of the repeat."""
        return self.folder / "predictions.parquet"

    @property
    def record(self) -> Path:
        """How the model was trained: settings, time, memory, versions."""
        return self.folder / "run.json"


@dataclass(frozen=True)
class Results:
    """The results of a dataset (`results/{dataset}`), or of a variant of its splits (`.../variants/{variant}`)."""

    folder: Path

    @property
    def dataset(self) -> Path:
        """The dataset's own folder, which contains the variants."""
        return self.folder.parents[1] if self.folder.parent.name == "variants" else self.folder

    def table(self, name: str) -> Path:
        """A table by name, e.g. `metrics`."""
        return self.folder / f"{name}.parquet"

    def view(self, name: str) -> Path:
        """The cache of a view, which variants share."""
        return self.dataset / "views" / f"{name}.parquet"

    @property
    def studies(self) -> Path:
        """The folder of all studies."""
        return self.dataset / "studies"

    def study(self, name: str) -> Path:
        """The folder of a study."""
        return self.studies / name

    def run(self, model: str, repeat: int) -> RunFolder:
        """The run of a model in a repeat."""
        return RunFolder(model, repeat, self.folder / "models" / model / str(repeat))

    def variant(self, name: str) -> Results:
        """The results on other splits: `careless`, or a share of the training groups."""
        return Results(self.dataset / "variants" / name)

    def shares(self) -> list[Results]:
        """The results on shares of the training groups, smallest first, followed by those on all of them."""
        names = [name for name in self.plan("runs")["models"] if name.startswith("share-")]
        return [*map(self.variant, reversed(names)), Results(self.dataset)]

    def models(self) -> list[str]:
        """The current models in the order of the configuration; UserError if the folder has no plan."""
        models: list[str] = self.plan("runs")["models"]["" if self.folder == self.dataset else self.folder.name]
        return models

    def left_out(self) -> dict[str, str]:
        """Why models of the configuration are left out, by model; UserError if the folder has no plan."""
        left_out: dict[str, str] = self.plan("runs").get("left_out", {})
        return left_out

    def repeats(self) -> range:
        """The repeats of every model; UserError if the folder has no plan."""
        return range(self.plan("runs")["repeats"])

    def runs(self) -> Iterator[RunFolder]:
        """All current runs, by model in the order of the configuration, then by repeat.

        Raises
        ------
        UserError
            If the folder has no plan.
        """
        for model in self.models():
            for repeat in self.repeats():
                yield self.run(model, repeat)

    def plan(self, name: str) -> Any:
        """What the configuration requests, as written by the rule `plan`: `runs` or `settings`.

        Raises
        ------
        UserError
            If the file does not exist.
        """
        path = self.dataset / "plan" / f"{name}.json"
        if not path.exists():
            raise UserError(f"{path}: does not exist; give the folder of a dataset's results, as written by snakemake")
        return json.loads(path.read_text())
