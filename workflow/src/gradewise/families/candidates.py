"""Which of a model's candidate settings it is trained with.

They are compared on validation samples, or on folds of the training groups where validation has few groups.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from gradewise.command import UserError
from gradewise.config.choosing import ChooseBy
from gradewise.config.section import Section
from gradewise.families.choose import Choice, choose
from gradewise.families.family import Family, Fitted
from gradewise.families.folds import grouped_folds
from gradewise.families.training_set import Judge, TrainingSet

FEWEST_GROUPS = 5
"""Validation groups from which settings are chosen on them; fewer say too little about new groups."""

FOLDS = "folds of the training groups"
JUDGE = "gradewise.families.judge"
log = logging.getLogger(__name__)


def fit_best(
    family: Family[Any], training: TrainingSet, candidates: Sequence[Section], by: ChooseBy, labels: pd.Series
) -> tuple[Section, Fitted]:
    """Fit the best of the candidates.

    Several are compared on the validation samples. Where these come from fewer than `FEWEST_GROUPS` groups, candidates
    are compared on folds of the training groups instead, as far as the groups can be divided.

    Parameters
    ----------
    family : Family
    training : TrainingSet
    candidates : sequence of Section
    by : ChooseBy
    labels : Series of str
        The manifest's label by image_id.

    Raises
    ------
    UserError
        Where several candidates have neither validation samples nor folds to be compared on, or the family cannot be
        fitted.
    """
    if len(candidates) == 1:
        return family.fit_best(training, candidates)
    positions, _ = training.validation
    if len(np.unique(training.groups(positions))) < FEWEST_GROUPS:
        try:
            choice = choose_by_folds(family, training, candidates, by, labels)
        except UserError as error:
            if not len(positions):
                raise UserError(
                    f"choose: {len(candidates)} candidates need validation samples, but this repeat has none, nor can "
                    f"training groups replace them ({error}). Increase evaluation.validation, or give a single value"
                ) from error
            log.info("settings are chosen on few validation groups, since training groups have no folds: %s", error)
        else:
            settings, fitted = family.fit_best(training, [choice.settings])
            fitted.facts.update(choice.facts)
            return settings, fitted
    judge = _judge(by, training, labels, positions, "validation")
    return family.fit_best(replace(training, judge=judge), candidates)


def choose_by_folds(
    family: Family[Any], training: TrainingSet, candidates: Sequence[Section], by: ChooseBy, labels: pd.Series
) -> Choice[Section, Section]:
    """Choose by the predictions of training samples that a fit was not given: those of one fold of groups at a time.

    Validation samples keep their role in each fit, for early stopping and calibration. Principal components, which know
    no classes, are those of all training samples.

    Raises
    ------
    UserError
        Where the groups cannot be divided, or a candidate cannot be fitted to a part of them.
    """
    positions, targets = training.train
    table, pixels = training.samples.table, training.samples.pixels
    folds = grouped_folds(targets, training.groups(positions), training.seed)

    def predict(settings: Section) -> np.ndarray:
        probabilities = np.empty((len(positions), len(training.classes)))
        for _, left_out in folds:
            role = table["role"].to_numpy(dtype=object, copy=True)
            role[positions[left_out]] = "test"
            samples = replace(training.samples, table=table.assign(role=role))
            with TemporaryDirectory(prefix="gradewise-") as folder:
                part = replace(training, samples=samples, folder=Path(folder))
                fitted = family.fit(part, settings)
                probabilities[left_out] = fitted.classifier.predict_proba(pixels[positions[left_out]])
        return probabilities

    return choose(candidates, lambda settings: settings, predict, _judge(by, training, labels, positions, FOLDS))


def _judge(by: ChooseBy, training: TrainingSet, labels: pd.Series, positions: np.ndarray, where: str) -> Judge:
    samples = training.samples.table.iloc[positions]
    judge: Judge = import_module(JUDGE).VerdictJudge(by, training.classes, labels, samples, where)
    return judge
