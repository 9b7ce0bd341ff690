"""What the tests of all stages share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


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
