"""Loads a trained model of any family from its run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gradewise.command import UserError
from gradewise.families import registry
from gradewise.families.backbones.embedded import EmbeddedClassifier
from gradewise.families.backbones.embedding import read_embedding
from gradewise.families.classifier import Classifier
from gradewise.families.hashes import check_hashes
from gradewise.families.run import BACKBONE
from gradewise.families.stored import Classes, read_record, require


class _Run(BaseModel):
    """What is needed of `run.json`."""

    family: str
    classes: Classes
    backbone: dict[str, Any] | None = None


def load(directory: Path, hashed: bool = False) -> Classifier:
    """A trained model, ready to predict.

    Parameters
    ----------
    directory : Path
        The run's folder, `results/{dataset}/models/{model}/{repeat}`.
    hashed : bool
        Whether its files have been compared with their hashes already.

    Returns
    -------
    Classifier
        Predicts exactly as the model did at the end of training.

    Raises
    ------
    UserError
        If the folder holds no run, a file is missing, damaged or altered (see `hashes`), or it was not written by the
        family.
    """
    record = directory / "run.json"
    if not record.exists():
        raise UserError(f"{directory}: no run.json, hence no trained model; give the folder of a run")
    run = read_record(record, _Run)
    if run.family == "blend":
        raise UserError(f"{record}: a blend has no model files; load its members, which are listed under settings")
    if not hashed:
        check_hashes(directory)
    try:
        family = registry.family(run.family)
    except registry.FamilyError as error:
        raise UserError(f"{record}: {error}") from error
    model = family.load(directory)
    if run.backbone is not None and family.takes_features:
        model = EmbeddedClassifier(read_embedding(directory / BACKBONE), model)
    require(
        list(model.classes) == run.classes,
        record,
        f"lists the classes {', '.join(run.classes)}, but the model has {', '.join(model.classes)}",
    )
    return model
