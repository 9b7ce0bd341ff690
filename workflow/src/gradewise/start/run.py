"""The command `gradewise run`: calls Snakemake with a configuration, wherever the package is installed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import shtab

import gradewise
from gradewise.command import UserError
from gradewise.start.read import read_configuration

INSTALLED = ("share", "gradewise", "Snakefile")
"""Where a wheel puts the workflow, below the folder of the environment."""

SAYS_HOW_MANY = ("--cores", "-c", "--jobs", "-j", "--executor", "-e", "--profile", "--workflow-profile")
"""Arguments of Snakemake that say how many jobs run at a time, or name a profile that does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise run`."""
    parser.description = (
        "Run the workflow on a configuration, on all cores. Results are written below the current directory. The same "
        "command continues where a run was stopped, and does nothing where nothing changed."
    )
    parser.epilog = "example: gradewise run mine.yaml --cores 4 --dry-run"
    parser.add_argument("configuration", type=Path, help="YAML file, see gradewise init").complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument("snakemake", nargs=argparse.REMAINDER, help="further arguments, passed on to snakemake")
    parser.set_defaults(call=lambda arguments: run(arguments.configuration, arguments.snakemake))


def run(configuration: Path, arguments: Sequence[str]) -> None:
    """Replace this process by Snakemake, whose exit code thereby becomes that of the command.

    Parameters
    ----------
    configuration : Path
        YAML file.
    arguments : sequence of str
        For Snakemake.

    Raises
    ------
    UserError
        If the configuration is not YAML, or the workflow is not installed.
    """
    read_configuration(configuration)
    words = command(configuration, arguments)
    # jobs run `python`, which must be the one that has this package
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    os.execve(words[0], words, {**os.environ, "PATH": path})


def command(configuration: Path, arguments: Sequence[str]) -> list[str]:
    """The call of Snakemake, on all cores unless the arguments say how many."""
    for word in arguments:
        if word.partition("=")[0] in ("--configfile", "--configfiles"):
            raise UserError(f"{word}: the configuration is the first argument: gradewise run {configuration}")
    cores = [] if any(map(_says_how_many, arguments)) else ["--cores", "all"]
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile()), *cores, *arguments]
    # last, since options before it may take any number of values
    return [*words, "--configfile", str(configuration.absolute())]


def _says_how_many(word: str) -> bool:
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    return name in SAYS_HOW_MANY


def snakefile() -> Path:
    """The workflow's Snakefile: that of the checkout that the package is used from, or the one that a wheel installed.

    Raises
    ------
    UserError
        If there is neither.
    """
    package = Path(gradewise.__file__).resolve().parent
    checkout = package.parents[2] / "Snakefile"
    if package.parent.name == "src" and checkout.is_file():
        return checkout
    try:
        installed = [file for file in files("gradewise") or () if file.parts[-len(INSTALLED) :] == INSTALLED]
    except PackageNotFoundError:
        installed = []
    if not installed:
        raise UserError(f"{package}: installed without its workflow (Snakefile); install it from a checkout or a wheel")
    return Path(str(installed[0].locate())).resolve()
