"""Step `plan_studies`: what the configuration asks of a dataset's studies, for the steps that run and show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradewise import command
from gradewise.config.config import mentions_scales
from gradewise.plan import merged
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan


def plan_studies(*, configfiles: list[Path], overrides: dict[str, Any], dataset: str, output: Path) -> None:
    """Write what the configuration says of a dataset's studies.

    Parameters
    ----------
    configfiles : list of Path
        As given to snakemake; a later file changes an earlier one.
    overrides : dict
        What `--config` changes.
    dataset : str
        Its name in the configuration.
    output : Path
        Written: `plan/studies.json`, see `planned.PlannedStudies`.

    Raises
    ------
    ConfigError
        Where the configuration cannot be used.
    """
    raw = merged(configfiles, overrides)
    scale = raw.get("scale", "small") if mentions_scales(raw) else None
    output.write_text(StudiesPlan(load(raw), scale).planned(dataset).model_dump_json() + "\n")


if __name__ == "__main__":
    command.run(plan_studies)
