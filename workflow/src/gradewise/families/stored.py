"""scikit-learn estimators as skops files: no pickle, and only the types a family names are let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile

import skops.io

from gradewise import tables
from gradewise.command import UserError


def write_estimator(estimator: Any, path: Path) -> None:
    """Write an estimator, compressed, whole or not at all."""
    with tables.replacing(path) as partial:
        skops.io.dump(estimator, partial, compression=ZIP_DEFLATED)


def read_estimator(path: Path, trusted: tuple[str, ...]) -> Any:
    """Read an estimator.

    Parameters
    ----------
    path : Path
    trusted : tuple of str
        Dotted names of the types that the family's files hold beyond those skops knows to be harmless.

    Raises
    ------
    UserError
        Where the file is no skops file, or holds any further type: it was not written by gradewise.
    """
    try:
        found = skops.io.get_untrusted_types(file=path)
    except (BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a skops file ({error}); train the model again") from error
    foreign = sorted(set(found) - set(trusted))
    if foreign:
        raise UserError(f"{path}: holds types that a model of this family never has ({', '.join(foreign)}); not loaded")
    return skops.io.load(path, trusted=list(trusted))
