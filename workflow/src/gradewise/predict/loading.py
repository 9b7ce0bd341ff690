"""Reads the parts of a predictor: from the folder of a run, or from that of a model handed over (an artefact)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from gradewise.command import UserError
from gradewise.families.load import load
from gradewise.families.stored import read_record
from gradewise.predict.artefact import MODEL, read_artefact
from gradewise.predict.description import NAME, Blend, Description, read_description
from gradewise.predict.predictor import Member, Predictor, Verdict
from gradewise.provenance import hash_file, versions
from gradewise.results import Results

log = logging.getLogger(__name__)


class RunRecord(BaseModel):
    """What prediction needs of `run.json`."""

    model: str
    family: str
    view: str
    view_hash: str | None = None
    classes: tuple[str, ...]
    versions: dict[str, str]
    device: str


class _BlendSettings(BaseModel):
    members: tuple[str, ...]
    repeats: tuple[int, ...]
    by: Literal["probability", "vote"]
    level: Literal["image", "sample"]


class _BlendRecord(BaseModel):
    settings: _BlendSettings


@dataclass(frozen=True)
class Parts:
    """The parts of a predictor, on disk.

    Attributes
    ----------
    description : Description
        With the views of the members only.
    folders : tuple of Path
        A folder for each member, with the files of its model and `run.json`.
    records : tuple of RunRecord
        What `run.json` of each member says.
    blend : Blend or None
        How the members' probabilities become one; None for a single member.
    """

    description: Description
    folders: tuple[Path, ...]
    records: tuple[RunRecord, ...]
    blend: Blend | None

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits for the models and all that verdicts depend on, except libraries."""
        digest = hashlib.sha256(self.description.model_dump_json(exclude={"versions"}).encode())
        digest.update(b"" if self.blend is None else self.blend.model_dump_json().encode())
        for folder in self.folders:
            for path in member_files(folder):
                digest.update(f"{path.name} {hash_file(path)}\n".encode())
        return digest.hexdigest()[:12]


def member_files(folder: Path) -> list[Path]:
    """The files of a run that prediction needs, by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name != "predictions.parquet" and not path.name.startswith(".")
    )


def load_predictor(folder: Path) -> Predictor:
    """Read a model and everything that its verdicts depend on.

    Parameters
    ----------
    folder : Path
        A run's folder, `results/{dataset}/models/{model}/{repeat}`, or a model handed over,
        `results/{dataset}/deployed`.

    Raises
    ------
    UserError
        If the folder holds no model, one that is damaged, or one that was trained on other samples than the dataset now
        has.
    """
    parts = read_parts(folder)
    _warn_of_versions(parts.records[0].versions)
    members = tuple(
        Member(record.model, record.view, load(place))
        for record, place in zip(parts.records, parts.folders, strict=True)
    )
    return Predictor(members, parts.blend, parts.description, parts.fingerprint)


def predict_files(folder: Path, images: Iterable[Path], threads: int | None = None) -> Iterator[Verdict]:
    """Classify image files.

    Parameters
    ----------
    folder : Path
        See `load_predictor`.
    images : iterable of Path
    threads : int, optional
        How many images are read at a time; by default as many as the process has cores.

    Yields
    ------
    Verdict
        In the order of `images`.

    Raises
    ------
    UserError
        If the folder holds no model that can predict.
    """
    return load_predictor(folder).predict(images, threads)


def read_parts(folder: Path) -> Parts:
    """The parts of a predictor; see `load_predictor`."""
    if not (folder / "run.json").exists() and (folder / MODEL).exists():
        return _parts_of_artefact(folder)
    return _parts_of_run(folder)


def _parts_of_artefact(folder: Path) -> Parts:
    artefact = read_artefact(folder)
    folders = tuple(folder / member.folder for member in artefact.members)
    records = _records(folders)
    _check(folder / MODEL, artefact.description, folders, records)
    return Parts(artefact.description, folders, records, artefact.blend)


def _parts_of_run(folder: Path) -> Parts:
    record = folder / "run.json"
    if not record.exists():
        raise UserError(
            f"{folder}: neither {MODEL} nor run.json, hence no trained model; give results/<dataset>/deployed or "
            "results/<dataset>/models/<model>/<repeat>"
        )
    results = Results(folder.resolve().parents[2])
    path = results.dataset / NAME
    description = read_description(path)
    blend = None
    folders: tuple[Path, ...] = (folder,)
    if read_record(record, RunRecord).family == "blend":
        settings = read_record(record, _BlendRecord).settings
        blend = Blend(by=settings.by, level=settings.level)
        folders = tuple(
            results.run(member, repeat).folder for member in settings.members for repeat in settings.repeats
        )
    records = _records(folders)
    _check(path, description, folders, records)
    return Parts(description.of_views(record.view for record in records), folders, records, blend)


def _records(folders: Iterable[Path]) -> tuple[RunRecord, ...]:
    return tuple(read_record(folder / "run.json", RunRecord) for folder in folders)


def _check(path: Path, description: Description, folders: Iterable[Path], records: Iterable[RunRecord]) -> None:
    """Check that models were trained on the samples that a description tells of."""
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


def _warn_of_versions(trained: dict[str, str]) -> None:
    here = versions()
    changed = [
        f"{name} {trained[name]} -> {here.get(name, 'none')}" for name in trained if here.get(name) != trained[name]
    ]
    if changed:
        log.warning("other versions than in training, so verdicts may differ slightly: %s", ", ".join(changed))
