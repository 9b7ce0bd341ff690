"""The small view cache of the tests of models as the results of a dataset, and cells of studies on it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from gradewise import tables
from gradewise.families import registry
from gradewise.families.fit_pca import fit_pca
from gradewise.results import Results
from gradewise.studies.cells import Cell, VariedCells
from gradewise.studies.vary import vary

TESTS = Path(__file__).parents[1]


def load(path: Path, name: str) -> ModuleType:
    """A file that is no module of the package, as a module of the given name."""
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


_report = load(TESTS / "report" / "conftest.py", "conftest_of_report")
grades, make_grades, bare, words_alone = _report.grades, _report.make_grades, _report.bare, _report.words_alone


@pytest.fixture
def cache(tmp_path: Path) -> Callable[..., Any]:
    """A factory: `cache(name, groups=.., shape=..)` writes view, splits and manifest into a folder of that name."""
    write_cache = load(TESTS / "families" / "conftest.py", "conftest_of_families").write_cache
    return lambda name="cache", **options: write_cache(tmp_path / name, **options)


@pytest.fixture
def cells_of() -> Callable[..., list[Cell]]:
    """Cells of a study whose model is called as its family is, by name with their settings."""

    def make(family: str, settings: dict[str, dict[str, Any]], view: str = "view") -> list[Cell]:
        common = {"seeded_as": family, "family": family, "view": view}
        return [Cell(name=name, run=name, settings=own, varied=own, **common) for name, own in settings.items()]

    return make


@pytest.fixture
def write_plan() -> Callable[..., None]:
    """Writes the cells of studies below the folder of a dataset's results."""

    def write(folder: Path, **varied: VariedCells) -> None:
        for name, cells in varied.items():
            (folder / "studies" / name).mkdir(parents=True, exist_ok=True)
            (folder / "studies" / name / "plan.json").write_text(cells.model_dump_json())

    return write


@dataclass(frozen=True)
class Varied:
    """What the step `vary` wrote."""

    folder: Path

    @property
    def predictions(self) -> pd.DataFrame:
        return tables.read(self.folder / "predictions.parquet")

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        return {record["cell"]: record for record in json.loads((self.folder / "runs.json").read_text())}

    def of(self, cell: str) -> pd.Series:
        """The class predicted of each sample."""
        return tables.read(self.folder / "predictions.parquet", cell=cell).set_index("sample_id")["predicted"]


@pytest.fixture
def vary_cells(tmp_path: Path, write_plan: Callable[..., None]) -> Callable[..., Varied]:
    """Runs the step `vary` on caches of one dataset, with principal components where the family needs them."""

    def run(made, cells, *more, study="study", repeat=0, components=30, **options) -> Varied:
        folder = tmp_path / "results"
        write_plan(folder, **{study: VariedCells(repeats=1, cells=tuple(cells))})
        (folder / "views").mkdir(exist_ok=True)
        for cached in (made, *more):
            (folder / "views" / cached.samples.name).write_bytes(cached.samples.read_bytes())
            family = registry.family(cells[0].family)
            if any(family.components(family.settings.model_validate(cell.settings)) is not None for cell in cells):
                output = folder / "pca" / cached.samples.stem / str(repeat)
                fit_pca(**cached.inputs, repeat=repeat, components=components, threads=1, output=output)
        for table in ("splits", "manifest"):
            Results(folder).table(table).write_bytes(getattr(made, table).read_bytes())
        output = folder / "studies" / study / str(repeat)
        given = {"dataset": "made-up", "classes": made.classes, "seed": 1, "threads": 1, **options}
        vary(results=folder, study=study, repeat=repeat, output=output, **given)
        return Varied(output)

    return run
