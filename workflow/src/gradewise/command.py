"""Turns a step function into a command: `python -m gradewise.<stage>.<step> --flag value ..`.

Flags, types and help come from the function's signature and numpydoc docstring. An error that the user can fix
(`UserError`, a full disk) ends the command with its message alone; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from jsonargparse import auto_cli

from gradewise.processes import Terminated, end_orderly_when_told

FULL = {errno.ENOSPC, errno.EDQUOT}
"""Numbers of the errors that say that a disk is full, or a user's share of it."""


class UserError(Exception):
    """An error that the user can fix; the message names the file or key, its state and what is expected."""


def run(step: Callable[..., None]) -> None:
    """Parse the command line for `step` and call it. Each line of its log names the output.

    SIGTERM ends the step in order: temporary files are removed.
    """
    flags = dict(pairwise(sys.argv))
    output = flags.get("--output", flags.get("--dataset", "")).removeprefix("results/")
    with reporting(step.__name__, output, flags.get("--output", ".")):
        auto_cli(step, as_positional=False)


@contextmanager
def reporting(name: str, subject: str, output: str) -> Iterator[None]:
    """Log to stderr, and end the process with a message alone if an error is one that the user can fix.

    Parameters
    ----------
    name : str
        What the command is called in its messages.
    subject : str
        Named in each line of the log, e.g. the output.
    output : str
        Where the command writes, for the message about a full disk that names no file.
    """
    subject = subject.replace("%", "%%")
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s {name} {subject}: %(message)s".replace(" :", ":"),
        datefmt="%H:%M:%S",
    )
    end_orderly_when_told()
    # Modules live as long as the process: no collection need look at them, and least of all the one that ends it, which
    # costs as much as a quarter of their import.
    gc.freeze()
    try:
        yield
    except UserError as error:
        sys.exit(f"{name}: {error}")
    except Exception as error:
        if not _says_full(error):
            raise
        sys.exit(f"{name}: {_describe_full_disk(error, output)}")
    except Terminated:
        print(f"{name}: told to end (SIGTERM)", file=sys.stderr)
        sys.exit(128 + signal.SIGTERM)
    finally:
        gc.freeze()


def _says_full(error: Exception) -> bool:
    """Whether an error says that a disk is full; some libraries quote the system's words in an error of their own."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(os.strerror(number) in str(error) for number in FULL)


def _describe_full_disk(error: Exception, output: str) -> str:
    path = Path(getattr(error, "filename", None) or output)
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), Path())
    free = shutil.disk_usage(folder).free / 1e6
    return (
        f"{path}: cannot be written: the disk is full or your quota is used up ({free:.0f} MB free in {folder}); "
        "free some space and run the workflow again"
    )
