"""The small view cache of the tests of models, and the made-up results of the tests of the report."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

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
grades, make_grades, bare = _report.grades, _report.make_grades, _report.bare


@pytest.fixture
def cache(tmp_path: Path) -> Callable[..., Any]:
    """A factory: `cache(name, groups=.., shape=..)` writes view, splits and manifest into a folder of that name."""
    write_cache = load(TESTS / "families" / "conftest.py", "conftest_of_families").write_cache
    return lambda name="cache", **options: write_cache(tmp_path / name, **options)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Loads a script of the folder `bench` by its name."""
    folder = TESTS.parent / "bench"
    monkeypatch.syspath_prepend(folder)
    return lambda name: load(folder / f"{name}.py", f"bench_{name}")
