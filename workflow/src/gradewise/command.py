"""Turns a step function into a command: `python -m gradewise.<stage>.<step> --flag value ..`.

Flags, types and help come from the function's signature and numpydoc docstring. An error that the user can fix
(`UserError`) ends the command with its message alone; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from itertools import pairwise

from jsonargparse import auto_cli


class UserError(Exception):
    """An error that the user can fix; the message names the file or key, its state and what is expected."""


def run(step: Callable[..., None]) -> None:
    """Parse the command line for `step` and call it. Each line of its log names the output."""
    flags = dict(pairwise(sys.argv))
    output = flags.get("--output", flags.get("--dataset", "")).removeprefix("results/").replace("%", "%%")
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s {step.__name__} {output}: %(message)s".replace(" :", ":"),
        datefmt="%H:%M:%S",
    )
    try:
        auto_cli(step, as_positional=False)
    except UserError as error:
        sys.exit(f"{step.__name__}: {error}")
