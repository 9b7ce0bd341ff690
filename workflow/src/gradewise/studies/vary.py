"""Step `vary`: all cells of a study in one repeat, in one job.

Cells of a family that has a module in `sharing` are fitted together, which spares most of the work; those of any other
family one after the other, as they would be as models of their own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from gradewise import command
from gradewise.families import registry
from gradewise.families.run import Cost
from gradewise.families.training_set import TrainingSet
from gradewise.locks import locked
from gradewise.results import Results
from gradewise.studies import sharing
from gradewise.studies.cell_runs import FittedCell, Task, write_runs
from gradewise.studies.cells import Cell
from gradewise.studies.planned import read_cells
from gradewise.views.samples import read_samples, read_table


def vary(
    *,
    results: Path,
    dataset: str,
    study: str,
    repeat: int,
    classes: list[str],
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Fit every cell and write `predictions.parquet` and `runs.json`.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its plan of studies, views, splits and manifest, and the principal components
        of families that work on them.
    dataset : str
        Its name in the configuration.
    study : str
        Its name in the configuration.
    repeat : int
        Which split.
    classes : list of str
        In the order of the configuration.
    seed : int
        Of the configuration.
    threads : int
        The result does not depend on it.
    output : Path
        Folder to write into.

    Raises
    ------
    UserError
        Where cells cannot be fitted, for the reasons that models of their family cannot, or if another process is
        fitting them.
    """
    below = Results(results)
    cells = read_cells(below, study).cells
    views = dict.fromkeys(cell.view for cell in cells)
    tasks = [Task(below, dataset, study, view, repeat, classes, seed, threads) for view in views]
    with locked(output), threadpool_limits(threads):
        fitted = (
            (task, read_table(*task.inputs).table, fit_cells([cell for cell in cells if cell.view == task.view], task))
            for task in tasks
        )
        write_runs(fitted, cells, classes, output)


def fit_cells(cells: list[Cell], task: Task) -> Iterator[FittedCell]:
    """Fit the cells of one view, together where their family has a module for that.

    It is imported by its name, so that the code of one family is no part of what the cells of another depend on.
    """
    name = f"{sharing.__name__}.{cells[0].family}"
    yield from import_module(name).fit_cells(cells, task) if find_spec(name) else _one_by_one(cells, task)


def _one_by_one(cells: list[Cell], task: Task) -> Iterator[FittedCell]:
    """Each cell as a model of its own would be fitted."""
    family = registry.family(cells[0].family)
    family.import_libraries()
    samples = read_samples(*task.inputs)
    for cell in cells:
        settings = family.settings.model_validate(cell.settings)
        components = None if family.components(settings) is None else task.components(samples.table)
        with TemporaryDirectory(prefix="gradewise-") as folder:
            seed = task.seed_of(cell)
            training = TrainingSet(samples, task.classes, seed, task.threads, Path(folder), components)
            start = time.perf_counter()
            fitted = family.fit(training, settings)
            seconds = time.perf_counter() - start + fitted.seconds_elsewhere
            probabilities = np.asarray(fitted.classifier.predict_proba(samples.pixels), dtype=np.float32)
        cost = Cost(seconds, task.threads, fitted.device, fitted.parameters, fitted.facts)
        yield FittedCell(cell, settings, seed, probabilities, cost)


if __name__ == "__main__":
    command.run(vary)
