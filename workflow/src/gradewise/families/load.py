"""Loads a trained model of any family from its run's folder."""

from __future__ import annotations

import json
from pathlib import Path

from gradewise.command import UserError
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
    family = json.loads(record.read_text())["family"]
    # Each family brings libraries that take seconds to import, so only the one at hand is.
    if family == "cnn":
        from gradewise.families.cnn.classifier import load_cnn

        return load_cnn(directory)
    if family == "pca_svm":
        from gradewise.families.pca_svm.classifier import read_pca_svm

        return read_pca_svm(directory)
    if family == "forest":
        from gradewise.families.forest.classifier import read_forest

        return read_forest(directory)
    if family == "blend":
        raise UserError(f"{record}: a blend has no files of its own; load its members, named under settings")
    raise UserError(f"{record}: family {family!r} is none of cnn, pca_svm, forest")
