"""Which view a cache holds the samples of; apart from reading samples, since training does not depend on it."""

from __future__ import annotations

from pathlib import Path

from gradewise import tables
from gradewise.config.views import View


def read_view(cache: Path) -> View:
    """The view whose samples a cache holds."""
    return View.model_validate(tables.read_metadata(cache)["view"])
