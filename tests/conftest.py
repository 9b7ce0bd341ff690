"""What the tests of all stages share: one thread for each library, the longest files first, and scripts of `bench`."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# libraries read these as they are loaded; threads of tests that run side by side wait for each other busily
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# a machine that does much else is no failure
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

LONGEST = ("test_study_runs.py", "test_runs.py")
"""Files with a whole run of the workflow: started first, so that the other tests fill what remains of the cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the longest files to the front."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Loads a script of the folder `bench` by its name."""
    folder = Path(__file__).parents[1] / "bench"
    monkeypatch.syspath_prepend(folder)

    def load(name: str) -> ModuleType:
        specification = importlib.util.spec_from_file_location(f"bench_{name}", folder / f"{name}.py")
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        monkeypatch.setitem(sys.modules, f"bench_{name}", module)
        specification.loader.exec_module(module)
        return module

    return load
