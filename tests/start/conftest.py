"""Small folders of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes images of the given names below a folder of the current one; returns the folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)

    def write(folder: str, names: Iterable[str], size: tuple[int, int] = (40, 40), colour: bool = False) -> Path:
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (*size, 3) if colour else size).astype(np.uint8)
            Image.fromarray(pixels).save(path)
        return Path(folder)

    return write
