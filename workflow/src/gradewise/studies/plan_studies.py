"""Step `plan_studies`: what the configuration asks of a dataset's studies, for the steps that run and show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradewise import command
from gradewise.config.config import mentions_scales
from gradewise.plan import merged
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan


def plan_studies(
    *, configfiles: list[Path], overrides: dict[str, Any], dataset: str, study: str | None = None, output: Path
) -> None:
    """Write what the configuration says of a dataset's studies, or of one.

    Parameters
    ----------
    configfiles : list of Path
        In the order given to snakemake; a later file overrides an earlier one.
    overrides : dict
        Values given by `--config`.
    dataset : str
        Its name in the configuration.
    study : str, optional
        Write the cells of this study alone, without what is published of them, which no run depends on.
    output : Path
        JSON of `planned.PlannedStudies`, or of `cells.VariedCells` for a single study.

    Raises
    ------
    ConfigError
        If the configuration is invalid.
    """
    raw = merged(configfiles, overrides)
    scale = raw.get("scale", "small") if mentions_scales(raw) else None
    output.write_text(StudiesPlan(load(raw), scale).planned_json(dataset, study) + "\n")


if __name__ == "__main__":
    command.run(plan_studies)
