"""scikit-learn estimators as skops files: without pickle, restricted to the types that a family trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile

import skops.io

from gradewise import tables
from gradewise.command import UserError


def write_estimator(estimator: object, path: Path) -> None:
    """Write an estimator atomically as a compressed file."""
    with tables.replacing(path) as partial:
        skops.io.dump(estimator, partial, compression=ZIP_DEFLATED)


def read_estimator(path: Path, trusted: tuple[str, ...]) -> Any:
    """Read an estimator.

    Parameters
    ----------
    path : Path
    trusted : tuple of str
        Dotted names of the types in the family's files that skops does not trust by itself.

    Raises
    ------
    UserError
        If the file is not a skops file or contains any other type, and so was not written by gradewise.
    """
    try:
        types = skops.io.get_untrusted_types(file=path)
    except (BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a skops file ({error}); train the model again") from error
    foreign = sorted(set(types) - set(trusted))
    if foreign:
        raise UserError(f"{path}: contains types that this family never uses ({', '.join(foreign)}); not loaded")
    return skops.io.load(path, trusted=list(trusted))
