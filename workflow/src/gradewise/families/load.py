"""Loads a trained model of any family from its run's folder."""

from __future__ import annotations

import json
from pathlib import Path

from gradewise.command import UserError
from gradewise.families import registry
from gradewise.families.classifier import Classifier


def load(directory: Path) -> Classifier:
    """A trained model, ready to predict.

    Parameters
    ----------
    directory : Path
        The run's folder, `results/{dataset}/models/{model}/{repeat}`.

    Returns
    -------
    Classifier
        Its predictions are those of the model as it was when training ended.

    Raises
    ------
    UserError
        Where the folder holds no run, or a model file is not what its family writes.
    """
    record = directory / "run.json"
    if not record.exists():
        raise UserError(f"{directory}: no run.json, so no trained model; give the folder of one run")
    name = json.loads(record.read_text())["family"]
    if name == "blend":
        raise UserError(f"{record}: a blend has no files of its own; load its members, named under settings")
    try:
        return registry.family(name).load(directory)
    except registry.FamilyError as error:
        raise UserError(f"{record}: {error}") from error
