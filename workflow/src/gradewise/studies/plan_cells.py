"""Step `plan_cells`: the cells of a study that varies settings, for the steps that fit them and sum them up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradewise import command
from gradewise.plan import merged
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan


def plan_cells(*, configfiles: list[Path], overrides: dict[str, Any], study: str, output: Path) -> None:
    """Write the cells of a study.

    What is published of them is left out, since no run depends on it.

    Parameters
    ----------
    configfiles : list of Path
        As given to snakemake; a later file changes an earlier one.
    overrides : dict
        What `--config` changes.
    study : str
        Its name in the configuration.
    output : Path
        Written: the study's `plan.json`, see `cells.VariedCells`.

    Raises
    ------
    ConfigError
        Where the configuration cannot be used.
    """
    output.write_text(StudiesPlan(load(merged(configfiles, overrides))).cells_in(study) + "\n")


if __name__ == "__main__":
    command.run(plan_cells)
