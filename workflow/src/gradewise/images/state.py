"""A hash that changes when any file below given folders is added, removed or changed.

Imports nothing heavy, because the workflow calls it while it is parsed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator


def files_state(folders: list[str]) -> str:
    """Hash of names, sizes and modification times of all files below folders, also behind links.

    Parameters
    ----------
    folders : list of str
        Folders that do not exist count as empty.

    Returns
    -------
    str
        Twelve hexadecimal digits.
    """
    digest = hashlib.sha256()
    for top in folders:
        for base, _, names in walk(top):
            for name in names:
                path = os.path.join(base, name)
                digest.update(f"{path}\0{_state(path)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:12]


def count_files(folders: list[str]) -> int:
    """Number of all files below folders."""
    return sum(len(names) for top in folders for _, _, names in walk(top))


def _state(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        # a link to nothing
        status = os.lstat(path)
    return f"{status.st_size}\0{status.st_mtime_ns}"


def walk(folder: str, on_error: Callable[[OSError], None] | None = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, in alphabetical order; links to folders are followed once.

    Parameters
    ----------
    folder : str
    on_error : callable, optional
        Called where a folder cannot be read; without it, such folders count as empty.

    Yields
    ------
    tuple of str, list of str, list of str
        A folder, the names of folders in it (those removed from the list are not entered), and of files.
    """
    seen = set()
    for base, folders, names in os.walk(folder, onerror=on_error, followlinks=True):
        seen.add(os.path.realpath(base))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(base, name)) not in seen)
        yield base, folders, sorted(names)
