"""The step `plan` writes what the configuration requests for a dataset, for the steps that read all its results.

It is the only step that reads the configuration. Lists of models, repeats and settings would make commands too long,
so other steps read them below `--results` (see `results`).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from gradewise import command
from gradewise.config.config import Config, load
from gradewise.config.section import to_json

log = logging.getLogger(__name__)


def plan(
    *,
    configfiles: list[Path],
    overrides: dict[str, Any],
    absent: dict[str, str],
    dataset: str,
    runs: Path,
    settings: Path,
) -> None:
    """Write what the configuration says about a dataset.

    Parameters
    ----------
    configfiles : list of Path
        In the order given to snakemake; a later file overrides an earlier one.
    overrides : dict
        Values given by `--config`.
    absent : dict
        Why the weights of optional backbones are not there, by backbone; models that need these are left out.
    dataset : str
        Its name in the configuration.
    runs : Path
        Output: the number of repeats, and the models in order, also for each variant of the splits; and which models
        are left out.
    settings : Path
        Output: the dataset's section with defaults filled in.

    Raises
    ------
    ConfigError
        If the configuration is invalid.
    """
    whole = load(merged(configfiles, overrides), Config, absent)
    runs.write_text(planned_runs(whole, dataset) + "\n")
    section = whole.datasets[dataset]
    settings.write_text(to_json(section) + "\n")
    margin = "no margin" if section.equivalence is None else f"a margin of {section.equivalence:g}"
    log.info(
        "%s will be decided by %s of test %ss with %s; fingerprint of this rule: %s",
        *(dataset, section.deciding_metric, section.deciding_level, margin, section.rule_fingerprint),
    )


def merged(configfiles: list[Path], overrides: dict[str, Any]) -> dict[str, Any]:
    """The parsed configuration, as snakemake puts it together from files and what `--config` changes."""
    whole: dict[str, Any] = {}
    for part in (*map(load_configfile, configfiles), overrides):
        update_config(whole, part)
    return whole


def planned_runs(config: Config, dataset: str) -> str:
    """Repeats and models of a dataset and of the variants of its splits, for JSON."""
    section = config.datasets[dataset]
    models = {"": section.models, "careless": section.leak_models}
    models |= dict.fromkeys(section.share_names, section.curve_models)
    return to_json({"repeats": section.evaluation.runs, "models": models, "left_out": config.left_out_of(dataset)})


if __name__ == "__main__":
    command.run(plan)
