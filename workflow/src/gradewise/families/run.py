"""What every run writes in addition to its model files: `predictions.parquet` and `run.json`.

All families share one writer, so evaluation and report need not know which family ran.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pydantic import BaseModel

from gradewise import tables
from gradewise.families import registry
from gradewise.families.family import Fitted
from gradewise.families.hashes import model_files
from gradewise.families.schemas import predictions_schema
from gradewise.provenance import hash_file, peak_memory_mb, versions
from gradewise.records import write_json
from gradewise.results import features_name
from gradewise.views.samples import Samples

BACKBONE = "backbone.safetensors"
"""The backbone beside a model that was fitted to its features."""


def features_of(record: Mapping[str, Any]) -> str | None:
    """Name of the cache with the features that a run learnt from, by its record; None if it learnt from pixels."""
    if "backbone" not in record or not registry.family(record["family"]).takes_features:
        return None
    return features_name(record["view"], record["backbone"]["name"])


@dataclass(frozen=True)
class Identity:
    """What identifies a run.

    Attributes
    ----------
    dataset, model, family, view : str
        Names in the configuration.
    repeat : int
        Number of the split.
    classes : list of str
        In the order of the configuration, which is also the order of probabilities.
    seed : int
        The run's own seed.
    """

    dataset: str
    model: str
    family: str
    view: str
    repeat: int
    classes: list[str]
    seed: int


@dataclass(frozen=True)
class Cost:
    """What a fit required.

    Attributes
    ----------
    seconds_fit : float
        Wall-clock time [s].
    threads : int
    device : str
        "cpu", or the accelerator's name.
    parameters : int
        Number of parameters of the model.
    facts : dict
        Further facts for `run.json`.
    """

    seconds_fit: float
    threads: int
    device: str
    parameters: int
    facts: dict[str, Any]


def write_run(
    output: Path,
    identity: Identity,
    samples: Samples,
    view: Path,
    settings: BaseModel,
    fitted: Fitted,
    seconds_fit: float,
    threads: int,
) -> None:
    """Predict every sample of the repeat and write `predictions.parquet` and `run.json`.

    Parameters
    ----------
    output : Path
        The run's folder, which already contains the model files.
    identity : Identity
    samples : Samples
    view : Path
        The cache that the samples were read from. The hash of the view's cache is recorded, and the backbone that made
        features of it.
    settings : BaseModel
        The settings used; those chosen if there were several candidates.
    fitted : Fitted
        Its `facts` are merged into `run.json`.
    seconds_fit : float
        Wall-clock time of the fit [s].
    threads : int
        Threads that the job used.
    """
    source = _source(view)
    start = time.perf_counter()
    probabilities = np.asarray(fitted.classifier.predict_proba(samples.pixels), dtype=np.float32)
    seconds = time.perf_counter() - start
    frame = predictions_table(samples.table, identity.classes, probabilities)
    tables.write(frame, output / "predictions.parquet", predictions_schema(identity.classes))
    measured = {
        "seconds_predict_per_sample": source.seconds_per_sample + seconds / len(frame),
        "peak_memory_mb": peak_memory_mb(),
        "model_bytes": sum(path.stat().st_size for path in model_files(output)),
    }
    parameters = source.parameters + fitted.parameters
    cost = Cost(seconds_fit, threads, fitted.device, parameters, fitted.facts | source.facts)
    write_json(output / "run.json", describe_run(identity, frame, source.view_hash, settings, cost, measured))


@dataclass(frozen=True)
class _Source:
    """What a run's samples were made from, and what that costs in prediction."""

    view_hash: str
    seconds_per_sample: float = 0.0
    parameters: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


def _source(view: Path) -> _Source:
    metadata = tables.read_metadata(view)
    if "backbone" not in metadata:
        return _Source(hash_file(view))
    seconds = float(pq.read_metadata(view).metadata[b"seconds_per_sample"])
    facts = {"backbone": metadata["backbone"]}
    return _Source(metadata["view_hash"], seconds, metadata["parameters"], facts)


def predictions_table(samples: pd.DataFrame, classes: list[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Rows of `predictions.parquet`: a table of samples with their class probabilities, float32, shape (n, classes)."""
    frame = samples.assign(predicted=np.take(classes, probabilities.argmax(axis=1)))
    for position, name in enumerate(classes):
        frame[f"p_{name}"] = probabilities[:, position]
    return frame


def describe_run(
    identity: Identity,
    frame: pd.DataFrame,
    view_hash: str,
    settings: BaseModel,
    cost: Cost,
    measured: Mapping[str, float | None],
) -> dict[str, Any]:
    """The content of `run.json`.

    Parameters
    ----------
    identity : Identity
    frame : DataFrame
        From `predictions_table`.
    view_hash : str
        Of the cache that the samples were read from.
    settings : BaseModel
    cost : Cost
    measured : mapping of str to float or None
        seconds_predict_per_sample, peak_memory_mb and model_bytes; None if runs that share a process have no value of
        their own.
    """
    return {
        "dataset": identity.dataset,
        "model": identity.model,
        "family": identity.family,
        "view": identity.view,
        "repeat": identity.repeat,
        "classes": identity.classes,
        "settings": settings.model_dump(mode="json"),
        "seed": identity.seed,
        "seconds_fit": cost.seconds_fit,
        "seconds_predict_per_sample": measured["seconds_predict_per_sample"],
        "samples_per_image": len(frame) / frame["image_id"].nunique(),
        "peak_memory_mb": measured["peak_memory_mb"],
        "threads": cost.threads,
        "device": cost.device,
        "parameters": cost.parameters,
        "model_bytes": measured["model_bytes"],
        "counts": count_roles(frame),
        "view_hash": view_hash,
        "versions": versions(),
        **cost.facts,
    }


def count_roles(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Samples, images and groups of each role in a table of predictions."""
    return {
        str(role): {"samples": len(part), "images": part["image_id"].nunique(), "groups": part["group"].nunique()}
        for role, part in frame.groupby("role")
    }
