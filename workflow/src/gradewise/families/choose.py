"""Choosing settings on validation samples."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from gradewise.command import UserError

Settings = TypeVar("Settings", bound=BaseModel)
Fitted = TypeVar("Fitted")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice(Generic[Settings, Fitted]):
    """The chosen candidate.

    Attributes
    ----------
    settings : Settings
    fitted : Fitted
        What was fitted with them.
    tried : list of dict
        Settings and validation accuracy of every candidate in order, for `run.json`; empty for a single candidate.
    """

    settings: Settings
    fitted: Fitted
    tried: list[dict[str, object]]


def require_validation(candidates: Sequence[Settings], validation_samples: int) -> None:
    """Require validation samples where settings must be chosen.

    Raises
    ------
    UserError
        If there are several candidates but no validation samples.
    """
    if len(candidates) > 1 and not validation_samples:
        raise UserError(
            f"choose: {len(candidates)} candidates are compared on validation samples, but this repeat has none; "
            "increase evaluation.validation, or give a single value"
        )


def choose(
    candidates: Sequence[Settings],
    fit: Callable[[Settings], Fitted],
    validation_accuracy: Callable[[Fitted], float],
) -> Choice[Settings, Fitted]:
    """Fit each candidate and keep the most accurate on validation samples; the first of several equals.

    A single candidate is fitted and kept without being scored.
    """
    if len(candidates) == 1:
        return Choice(candidates[0], fit(candidates[0]), [])
    best: tuple[Settings, Fitted] | None = None
    accuracies: list[float] = []
    for settings in candidates:
        fitted = fit(settings)
        accuracy = validation_accuracy(fitted)
        if best is None or accuracy > max(accuracies):
            best = (settings, fitted)
        accuracies.append(accuracy)
    assert best is not None
    listed = ", ".join(f"{accuracy:.3f}" for accuracy in accuracies)
    log.info("validation accuracy of the %d candidates: %s", len(candidates), listed)
    tried: list[dict[str, object]] = [
        {"settings": settings.model_dump(mode="json"), "validation_accuracy": accuracy}
        for settings, accuracy in zip(candidates, accuracies, strict=True)
    ]
    return Choice(*best, tried)
