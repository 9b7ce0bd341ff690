"""The step `blend`: several trained models as one, from their predictions.

Members that are given the same samples are blended sample by sample; where their samples differ, each member's are
first gathered to its verdicts on images in the dataset's own way, and those are blended: a sample of such a blend is
an image. That is why blends are made here and not where models are trained. What comes out are the files of any other
model, so everything after it treats a blend as just another model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.aggregation import Aggregate
from gradewise.families.run import count_roles
from gradewise.families.schemas import predictions_schema
from gradewise.families.stored import read_record
from gradewise.provenance import versions
from gradewise.records import write_json
from gradewise.results import Results
from gradewise.verdicts import Level, check_labels, classify, gather


class BlendSettings(BaseModel):
    """How a blend was made, as its `run.json` says."""

    members: tuple[str, ...]
    repeats: tuple[int, ...]
    by: Literal["probability", "vote"]
    level: Level

    def folders(self, files: Results) -> tuple[Path, ...]:
        """The folders of the runs that are blended."""
        return tuple(files.run(member, repeat).folder for member in self.members for repeat in self.repeats)


class _Family(BaseModel):
    family: str


class _BlendRecord(BaseModel):
    settings: BlendSettings


def read_blend(record: Path) -> BlendSettings | None:
    """How the blend was made whose `run.json` is given; None for the record of any other model.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    if read_record(record, _Family).family != "blend":
        return None
    return read_record(record, _BlendRecord).settings


def blend(
    *,
    dataset: str,
    model: str,
    repeat: int,
    by: Literal["probability", "vote"],
    results: Path,
    members: list[str],
    over: Literal["members", "repeats"] = "members",
    classes: list[str],
    level: Level,
    positive: str = "",
    aggregate: Aggregate = "mean",
    output: Path,
) -> None:
    """Blend the predictions of several runs with equal weights.

    Only samples that have the same role in every run are kept: for members of one repeat all of them, for one model
    over repeats with predefined roles those of test. The members' costs add up; memory is the highest of theirs.

    Parameters
    ----------
    dataset, model : str
        Names in the configuration.
    repeat : int
        Which repeat the blend stands in.
    by : {"probability", "vote"}
        See `blend_probabilities`.
    results : Path
        Folder of the dataset's results, or of a variant's; the label of the manifest is the truth about an image.
    members : list of str
        Models that are blended.
    over : {"members", "repeats"}
        Whether their runs of this repeat are blended, or those of all repeats.
    classes : list of str
        In the order of the configuration.
    level : {"image", "sample"}
        What is blended: samples, if the members have the same, or verdicts on images.
    positive : str
        The class that `aggregate` max and top look for; empty for none.
    aggregate : {"mean", "max", "vote"} or Top
        From samples to a verdict on their image, where those are blended.
    output : Path
        The blend's folder.

    Raises
    ------
    UserError
        Where files do not belong together, or the members share no sample.
    """
    files = Results(results)
    repeats = files.repeats() if over == "repeats" else [repeat]
    runs = [files.run(member, which) for member in members for which in repeats]
    predictions = [run.predictions for run in runs]
    records = [json.loads(run.record.read_text()) for run in runs]
    for run, record in zip(runs, records, strict=True):
        if record["classes"] != classes:
            raise UserError(f"{run.record}: has the classes {record['classes']}, not {classes}; fit the model again")
    frames = [tables.read(path) for path in predictions]
    if level == "image":
        manifest = Results(files.dataset).table("manifest")
        labels = tables.read(manifest, columns=["image_id", "label"]).set_index("image_id")["label"]
        for place, path in enumerate(predictions):
            check_labels(path, labels, frames[place]["image_id"], classes)
            frames[place] = _as_samples(gather(frames[place], labels, classes, positive or None, aggregate))
    frames = [frame.set_index("sample_id") for frame in frames]
    shared = _shared(frames)
    for path, frame in zip(predictions, frames, strict=True):
        if not frame["label"].loc[shared].equals(frames[0]["label"].loc[shared]):
            raise UserError(f"{path}: labels samples otherwise than {predictions[0]}; blend views that cut alike")
    if shared.empty:
        raise UserError(f"{', '.join(map(str, predictions))}: no sample has one role in all of them; nothing to blend")
    columns = [f"p_{name}" for name in classes]
    stacked = np.stack([frame.loc[shared, columns].to_numpy(dtype=np.float64) for frame in frames])
    blended = blend_probabilities(stacked, by)
    frame = frames[0].loc[shared].reset_index()
    frame["predicted"] = np.take(classes, classify(blended))
    frame[columns] = blended.astype(np.float32)
    tables.write(frame, output / "predictions.parquet", predictions_schema(classes))
    settings = {
        "by": by,
        "members": list(dict.fromkeys(record["model"] for record in records)),
        "repeats": sorted({record["repeat"] for record in records}),
        "level": level,
    }
    identity = {"dataset": dataset, "model": model, "family": "blend", "repeat": repeat, "classes": classes}
    write_json(output / "run.json", identity | {"settings": settings} | _summed(records, frame))


def blend_probabilities(stacked: np.ndarray, by: Literal["probability", "vote"]) -> np.ndarray:
    """Blend the probabilities that several members give to the same samples.

    The mean is the linear opinion pool of Stone (1961), Annals of Mathematical Statistics 32:1339, with equal weights.
    Votes are the number of members whose most probable class it is; the mean probability counts as half a vote more,
    which decides ties and nothing else, and keeps a class without votes from probability zero.

    Parameters
    ----------
    stacked : ndarray, shape (members, n, k)
    by : {"probability", "vote"}

    Returns
    -------
    ndarray, shape (n, k)
        Rows add up to one, and their greatest entry is the most probable class.
    """
    means = stacked.mean(axis=0)
    if by == "probability":
        return np.asarray(means)
    members, _, classes = stacked.shape
    votes = np.eye(classes)[stacked.argmax(axis=2)].sum(axis=0)
    return np.asarray((votes + means / 2) / (members + 0.5))


def _as_samples(verdicts: pd.DataFrame) -> pd.DataFrame:
    return verdicts.assign(sample_id=verdicts["image_id"], row=0, column=0).astype({"row": "int32", "column": "int32"})


def _shared(frames: list[pd.DataFrame]) -> pd.Index:
    """Samples that have the same role in all frames, which they index, in the order of the first."""
    first = frames[0]["role"]
    agreed = np.ones(len(first), dtype=bool)
    for frame in frames[1:]:
        agreed &= (frame["role"].reindex(first.index) == first).to_numpy()
    return first.index[agreed]


def _summed(records: list[dict[str, Any]], frame: pd.DataFrame) -> dict[str, Any]:
    """What the members took together, as `run.json` tells it."""
    per_image = sum(record["seconds_predict_per_sample"] * record["samples_per_image"] for record in records)
    samples_per_image = len(frame) / frame["image_id"].nunique()
    views = list(dict.fromkeys(record["view"] for record in records))
    hashes = {"view_hash": records[0]["view_hash"]} if len(views) == 1 else {}
    return {
        "view": ", ".join(views),
        "seed": None,
        "seconds_fit": sum(record["seconds_fit"] for record in records),
        "seconds_predict_per_sample": per_image / samples_per_image,
        "samples_per_image": samples_per_image,
        "peak_memory_mb": max(record["peak_memory_mb"] for record in records),
        "threads": max(record["threads"] for record in records),
        "device": ", ".join(dict.fromkeys(record["device"] for record in records)),
        "parameters": sum(record["parameters"] for record in records),
        "model_bytes": sum(record["model_bytes"] for record in records),
        "counts": count_roles(frame),
        **hashes,
        "versions": versions(),
    }


if __name__ == "__main__":
    command.run(blend)
