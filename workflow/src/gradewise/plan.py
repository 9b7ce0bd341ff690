"""The step `plan`: what the configuration asks of a dataset, for the steps that read everything about it.

The only step that reads the configuration. Lists of models, repeats and settings would make commands too long, so other
steps find them below `--results` (see `results`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from gradewise import command
from gradewise.config.config import Config, load
from gradewise.config.section import to_json


def plan(*, configfiles: list[Path], overrides: dict[str, Any], dataset: str, runs: Path, settings: Path) -> None:
    """Write what the configuration says of a dataset.

    Parameters
    ----------
    configfiles : list of Path
        As given to snakemake; a later file changes an earlier one.
    overrides : dict
        What `--config` changes.
    dataset : str
        Its name in the configuration.
    runs : Path
        Written: the number of repeats, and the models in order, also of each variant of the splits.
    settings : Path
        Written: the dataset's section, defaults filled in.

    Raises
    ------
    ConfigError
        Where the configuration cannot be used.
    """
    whole = load(merged(configfiles, overrides), Config)
    runs.write_text(planned_runs(whole, dataset) + "\n")
    settings.write_text(to_json(whole.datasets[dataset]) + "\n")


def merged(configfiles: list[Path], overrides: dict[str, Any]) -> dict[str, Any]:
    """The parsed configuration, as snakemake puts it together from files and what `--config` changes."""
    whole: dict[str, Any] = {}
    for part in (*map(load_configfile, configfiles), overrides):
        update_config(whole, part)
    return whole


def planned_runs(config: Config, dataset: str) -> str:
    """Repeats and models of a dataset and of the variants of its splits, as JSON."""
    section = config.datasets[dataset]
    models = {"": section.models, "careless": section.leak_models}
    models |= dict.fromkeys(section.share_names, section.curve_models)
    return to_json({"repeats": section.evaluation.runs, "models": models})


if __name__ == "__main__":
    command.run(plan)
