"""Keeps the best of several candidate settings."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from pydantic import BaseModel

from gradewise.families.training_set import Judge

Settings = TypeVar("Settings", bound=BaseModel)
Kept = TypeVar("Kept")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice(Generic[Settings, Kept]):
    """The chosen candidate.

    Attributes
    ----------
    settings : Settings
    fitted : Kept
        What was fitted with them.
    facts : dict
        For `run.json`: `tried` has the settings and the score of every candidate in order and is empty for a single
        one; `chosen_by` says what the score is.
    """

    settings: Settings
    fitted: Kept
    facts: dict[str, object]


def choose(
    candidates: Sequence[Settings],
    fit: Callable[[Settings], Kept],
    predict: Callable[[Kept], np.ndarray],
    judge: Judge | None,
) -> Choice[Settings, Kept]:
    """Fit each candidate and keep the one with the best score; the first of several equals.

    A single candidate is fitted and kept without being scored.

    Parameters
    ----------
    candidates : sequence of Settings
    fit : callable
    predict : callable
        Class probabilities of the samples that the judge scores, shape (n, k), from what `fit` returned.
    judge : Judge or None
        `TrainingSet.judge`; not needed for a single candidate.
    """
    if len(candidates) == 1:
        return Choice(candidates[0], fit(candidates[0]), {"tried": []})
    if judge is None:
        raise ValueError("several candidates are compared by a judge, but the training set has none")
    best: tuple[Settings, Kept] | None = None
    scores: list[float] = []
    best_score = math.nan
    for settings in candidates:
        fitted = fit(settings)
        score = judge.score(predict(fitted))
        if best is None or judge.better(score, best_score):
            best, best_score = (settings, fitted), score
        scores.append(score)
    assert best is not None
    described = judge.described
    listed = ", ".join(f"{score:.3f}" for score in scores)
    log.info("%s of the %d candidates on %s: %s", described["metric"], len(candidates), described["where"], listed)
    tried = [
        {"settings": settings.model_dump(mode="json"), "score": None if math.isnan(score) else score}
        for settings, score in zip(candidates, scores, strict=True)
    ]
    return Choice(*best, {"tried": tried, "chosen_by": described})
