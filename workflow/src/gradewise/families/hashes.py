"""The file `model.sha256` beside a model: hashes of its files, in the form that `sha256sum --check` reads.

It shows damage on disk or in transfer. Whoever alters a model on purpose can alter it, too.
"""

from __future__ import annotations

import re
from pathlib import Path

from gradewise import tables
from gradewise.families.stored import reading, refuse, require
from gradewise.provenance import hash_file

HASHES = "model.sha256"
LARGEST = 2**16


def model_files(folder: Path) -> list[Path]:
    """The files of the model in a run's folder, by name."""
    others = (HASHES, "predictions.parquet", "run.json")
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name not in others and not path.name.startswith((".", "checkpoint"))
    )


def write_hashes(folder: Path) -> None:
    """Write `model.sha256` with a line for each file of the model in a run's folder."""
    with tables.replacing(folder / HASHES) as partial:
        partial.write_text("".join(f"{hash_file(path)}  {path.name}\n" for path in model_files(folder)))


def check_hashes(folder: Path) -> None:
    """Compare the files of a model with `model.sha256`, if there is one.

    Raises
    ------
    UserError
        If a listed file is missing or differs, or the list is damaged.
    """
    record = folder / HASHES
    if not record.exists():
        return
    with reading(record):
        require(record.stat().st_size <= LARGEST, record, "is too large")
        lines = record.read_text().splitlines()
    require(bool(lines), record, "is empty")
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]{64})  ([^/]+)", line)
        if match is None:
            refuse(record, f"has the line {line[:80]!r} instead of a hash and the name of a file")
        path = folder / match[2]
        with reading(path):
            actual = hash_file(path)
        require(actual == match[1], path, f"differs from its hash in {HASHES}")
