"""The parts of a predictor on disk: a dataset's description and the folders of one or several trained models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gradewise.command import UserError
from gradewise.evaluation.blend import read_blend
from gradewise.families.stored import read_record
from gradewise.judgement.record import Judgement
from gradewise.predict.description import NAME, Blend, Description, Expected, read_description
from gradewise.provenance import hash_file
from gradewise.results import Results


class RunRecord(BaseModel):
    """What prediction needs of `run.json`."""

    model: str
    family: str
    view: str
    view_hash: str | None = None
    classes: tuple[str, ...]
    versions: dict[str, str]
    device: str
    backbone: dict[str, Any] | None = None


class _Named(BaseModel):
    model: str


@dataclass(frozen=True)
class Parts:
    """The parts of a predictor, on disk.

    Attributes
    ----------
    name : str
        Of the model in the configuration.
    description : Description
        With the views of the members only.
    folders : tuple of Path
        A folder for each member, with the files of its model and `run.json`.
    records : tuple of RunRecord
        What `run.json` of each member says.
    blend : Blend or None
        How the members' probabilities become one; None for a single member.
    judgement : Judgement or None
        What the probabilities mean in use; None where only a model that is handed over knows it.
    references : mapping of str to Path
        Files with the samples of training that new images are compared with, by view.
    expected : Expected or None
        What to expect of the model; None where only a model that is handed over knows it.
    hashes : mapping of Path to str
        SHA-256 of the files of a model that was handed over, which they have been found to have; empty for a run.
    """

    name: str
    description: Description
    folders: tuple[Path, ...]
    records: tuple[RunRecord, ...]
    blend: Blend | None
    judgement: Judgement | None = None
    references: Mapping[str, Path] = field(default_factory=dict)
    expected: Expected | None = None
    hashes: Mapping[Path, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits for the models and all that verdicts depend on, except libraries."""
        digest = hashlib.sha256(self.description.model_dump_json(exclude={"versions"}).encode())
        shares = None if self.judgement is None else self.judgement.shares
        for part in (self.blend, shares):
            digest.update(b"" if part is None else part.model_dump_json().encode())
        for folder in self.folders:
            for path in member_files(folder):
                digest.update(f"{path.name} {self.hashes.get(path) or hash_file(path)}\n".encode())
        return digest.hexdigest()[:12]


def member_files(folder: Path) -> list[Path]:
    """The files of a run that prediction needs, by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name != "predictions.parquet" and not path.name.startswith(".")
    )


def parts_of_run(folder: Path) -> Parts:
    """The parts that the folder of a run names; those of a blend are the runs of its members.

    Raises
    ------
    UserError
        If there is no run, or its model was trained on other samples than the dataset now has.
    """
    record = folder / "run.json"
    if not record.exists():
        raise UserError(
            f"{folder}: neither model.json nor run.json, hence no trained model; give results/<dataset>/deployed or "
            "results/<dataset>/models/<model>/<repeat>"
        )
    results = Results(folder.resolve().parents[2])
    path = results.dataset / NAME
    description = read_description(path)
    settings = read_blend(record)
    blend = None if settings is None else Blend(by=settings.by, level=settings.level)
    folders = (folder,) if settings is None else settings.folders(results)
    records = read_runs(folders)
    check_runs(path, description, folders, records)
    name = read_record(record, _Named).model
    return Parts(name, description.of_views(record.view for record in records), folders, records, blend)


def read_runs(folders: Iterable[Path]) -> tuple[RunRecord, ...]:
    """What prediction needs of `run.json` in each folder."""
    return tuple(read_record(folder / "run.json", RunRecord) for folder in folders)


def check_runs(path: Path, description: Description, folders: Iterable[Path], records: Iterable[RunRecord]) -> None:
    """Check that models were trained on the samples that a description tells of.

    Raises
    ------
    UserError
        If one was not; `path` is where the description is from.
    """
    for folder, record in zip(folders, records, strict=True):
        if record.view not in description.views:
            raise UserError(
                f"{folder}: its view {record.view!r} is not in {path}; only models of the dataset's list can predict"
            )
        if record.view_hash != description.views[record.view].view_hash or record.classes != description.classes:
            raise UserError(
                f"{folder}: trained on other samples or classes than {path} describes; run the workflow again, with "
                "the model in the dataset's list"
            )
