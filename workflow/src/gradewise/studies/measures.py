"""What a study measures of a trained model: in which words, where `run.json` holds it, and of what kind it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MeasureName = Literal[
    "train",
    "validation",
    "test",
    "oob_rows",
    "oob_groups",
    "features",
    "training_rows",
    "repeated_rows",
    "parameters",
    "explained_variance",
    "gamma",
    "support_vectors",
    "converged",
    "optimiser_steps",
    "seconds",
    "memory",
]
"""Image-level accuracy by role, out-of-bag accuracy, sizes, time [s] and memory [MB]."""


@dataclass(frozen=True)
class Measure:
    """A measure: its words, its kind (time [s], memory [MB]), and under which keys `run.json` has it.

    The first key that is there counts; dots lead into sections. Accuracies by role, from predictions, have no key.
    """

    words: str
    keys: tuple[str, ...] = ()
    kind: Literal["accuracy", "share", "count", "number", "flag", "time", "memory"] = "count"


MEASURES: Mapping[str, Measure] = {
    "train": Measure("Training accuracy", kind="accuracy"),
    "validation": Measure("Validation accuracy", kind="accuracy"),
    "test": Measure("Test accuracy", kind="accuracy"),
    "oob_rows": Measure("Out-of-bag over rows", ("oob_rows",), "accuracy"),
    "oob_groups": Measure("Out-of-bag over groups", ("oob_groups",), "accuracy"),
    "features": Measure("Features", ("features", "components")),
    "training_rows": Measure("Training rows", ("training_rows", "counts.train.samples")),
    "repeated_rows": Measure("Repeated rows", ("repeated_rows",)),
    "parameters": Measure("Parameters", ("parameters",)),
    "explained_variance": Measure("Variance explained", ("explained_variance_ratio",), "share"),
    "gamma": Measure("Gamma", ("gamma",), "number"),
    "support_vectors": Measure("Support vectors", ("support_vectors",)),
    "converged": Measure("Converged", ("converged",), "flag"),
    "optimiser_steps": Measure("Optimiser steps", ("optimiser_steps",)),
    "seconds": Measure("Training time", ("seconds_fit",), "time"),
    "memory": Measure("Peak memory", ("peak_memory_mb",), "memory"),
}

ACCURACIES = ("test", "validation", "oob_groups", "oob_rows", "train")
"""Shares of right verdicts, the most telling first."""


def recorded(record: Mapping[str, Any], measure: str) -> float | None:
    """The value of a measure in a record of a run (`run.json`); None where it has none."""
    for key in MEASURES[measure].keys:
        value: Any = record
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None and math.isfinite(value):
            return float(value)
    return None
