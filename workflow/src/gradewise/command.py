"""Turns a step function into a command: `python -m gradewise.<stage>.<step> --flag value ..`.

Flags, types and help come from the function's signature and numpydoc docstring. Faults that a user can mend
(`UserError`) end the command with their message alone; anything else is a defect and shows its traceback.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from jsonargparse import auto_cli


class UserError(Exception):
    """Something the user can mend; the message names the file or key, what was found and what would do."""


def run(step: Callable[..., Any]) -> None:
    """Parse the command line for `step` and call it. Each line of its log says what is being made."""
    flags = dict(pairwise(sys.argv))
    made = flags.get("--output", flags.get("--dataset", "")).removeprefix("results/").replace("%", "%%")
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s {step.__name__} {made}: %(message)s".replace(" :", ":"),
        datefmt="%H:%M:%S",
    )
    try:
        auto_cli(step, as_positional=False)
    except UserError as error:
        sys.exit(f"{step.__name__}: {error}")
