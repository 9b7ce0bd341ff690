"""The runs of a study's cells: what any run writes, with the runs of cells that are fitted in one job in one file.

Below `studies/{study}/{repeat}/`, `predictions.parquet` has the columns of every run's predictions behind the name of
the cell, and `runs.json` is a list of records like `run.json`. Networks are runs of their own, as those of models are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from gradewise import tables
from gradewise.command import UserError
from gradewise.families.pca import read_pca, read_scores
from gradewise.families.run import Cost, Identity, describe_run, predictions_table
from gradewise.families.training_set import Components
from gradewise.provenance import derive_seed, hash_file
from gradewise.records import write_json
from gradewise.results import Results
from gradewise.studies.cells import OF_OWN_RUNS, Cell, VariedCells
from gradewise.studies.schemas import predictions_of_cells_schema


@dataclass(frozen=True)
class Task:
    """What the cells of one view are fitted to in a repeat: names, classes and seed are those of the configuration."""

    results: Results
    dataset: str
    study: str
    view: str
    repeat: int
    classes: list[str]
    seed: int
    threads: int

    @property
    def inputs(self) -> tuple[Path, Path, Path, int]:
        """Cache of the view, splits, manifest and repeat, as `read_samples` and `read_table` take them."""
        results = self.results
        return results.view(self.view), results.table("splits"), results.table("manifest"), self.repeat

    def components(self, table: pd.DataFrame) -> Components:
        """Principal components of the view that were fitted beforehand, with the scores of samples along them."""
        folder = self.results.folder / "pca" / self.view / str(self.repeat)
        pca, notes = read_pca(folder / "pca.safetensors")
        scores = read_scores(folder / "features.parquet", table["sample_id"].to_numpy(), self.repeat)
        return Components(pca, scores, notes["seconds_fit"])

    def seed_of(self, cell: Cell) -> int:
        """The seed of a cell's run: that of the model that it is seeded as."""
        return derive_seed(self.seed, self.dataset, cell.seeded_as, self.repeat)


@dataclass(frozen=True)
class FittedCell:
    """A cell that was fitted: class probabilities (n, k) of all samples of the repeat, and what any run records."""

    cell: Cell
    settings: BaseModel
    seed: int
    probabilities: np.ndarray
    cost: Cost


@dataclass(frozen=True)
class CellRun:
    """A run of a cell: its record, like `run.json`, and the file with its predictions."""

    cell: str
    repeat: int
    record: dict[str, Any]
    file: Path
    shared: bool

    def predictions(self) -> pd.DataFrame:
        """Rows of `predictions.parquet`."""
        return tables.read(self.file, cell=self.cell) if self.shared else tables.read(self.file)


def write_runs(
    tasks: Iterable[tuple[Task, pd.DataFrame, Iterable[FittedCell]]],
    cells: Sequence[Cell],
    classes: list[str],
    output: Path,
) -> None:
    """Write `predictions.parquet` and `runs.json` into a folder, with the predictions of one cell in memory at a time.

    For each view the task, its table of samples and its cells are given; `cells` has the order of the configuration.
    """
    records = {}
    unknown = dict.fromkeys(("seconds_predict_per_sample", "peak_memory_mb", "model_bytes"))
    with tables.appending(output / "predictions.parquet", predictions_of_cells_schema(classes)) as append:
        for task, table, fitted in tasks:
            view_hash = hash_file(task.inputs[0])
            for run in fitted:
                cell = run.cell
                identity = Identity(task.dataset, cell.run, cell.family, cell.view, task.repeat, classes, run.seed)
                frame = predictions_table(table, classes, run.probabilities.astype(np.float32))
                append(frame.assign(cell=cell.name))
                record = describe_run(identity, frame, view_hash, run.settings, run.cost, unknown)
                records[cell.name] = {"cell": cell.name, **record}
    write_json(output / "runs.json", [records[cell.name] for cell in cells])


def read_runs(results: Results, study: str, planned: VariedCells) -> Iterator[CellRun]:
    """The runs of all cells of a study, by repeat.

    Raises
    ------
    UserError
        Where a cell has none.
    """
    read = _own_runs if planned.cells[0].family in OF_OWN_RUNS else _shared_runs
    for repeat in range(planned.repeats):
        yield from read(results, study, repeat, planned.cells)


def _own_runs(results: Results, study: str, repeat: int, cells: Sequence[Cell]) -> Iterator[CellRun]:
    for cell in cells:
        run = results.run(cell.run, repeat)
        if not run.record.exists():
            raise UserError(f"{study}: no run of {cell.name} in repeat {repeat}; train {cell.run} first")
        yield CellRun(cell.name, repeat, json.loads(run.record.read_text()), run.predictions, shared=False)


def _shared_runs(results: Results, study: str, repeat: int, cells: Sequence[Cell]) -> Iterator[CellRun]:
    folder = results.study(study) / str(repeat)
    records = {record["cell"]: record for record in json.loads((folder / "runs.json").read_text())}
    missing = [cell.name for cell in cells if cell.name not in records]
    if missing:
        raise UserError(f"{folder}: no results of {', '.join(missing)}; run the step vary of this study again")
    for cell in cells:
        yield CellRun(cell.name, repeat, records[cell.name], folder / "predictions.parquet", shared=True)
