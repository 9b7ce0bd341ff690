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
        Predicts exactly as the model did at the end of training.

    Raises
    ------
    UserError
        If the folder holds no run, or a model file was not written by its family.
    """
    record = directory / "run.json"
    if not record.exists():
        raise UserError(f"{directory}: no run.json, hence no trained model; give the folder of a run")
    name = json.loads(record.read_text())["family"]
    if name == "blend":
        raise UserError(f"{record}: a blend has no model files; load its members, which are listed under settings")
    try:
        return registry.family(name).load(directory)
    except registry.FamilyError as error:
        raise UserError(f"{record}: {error}") from error
