"""The file `model.json` of a model that is handed over (an artefact): all that prediction needs beside the weights.

`README.md` describes the folder. The format has a version; files of another version are refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from gradewise.command import UserError
from gradewise.config.section import Section
from gradewise.families.stored import read_json, read_record, refuse, require
from gradewise.judgement.kept import reference_file
from gradewise.judgement.record import Judgement
from gradewise.predict.description import Blend, Description, Expected
from gradewise.predict.parts import Parts, check_runs, member_files, read_runs
from gradewise.predict.verification import Verification
from gradewise.provenance import hash_file, versions
from gradewise.records import write_json
from gradewise.results import view_of

MODEL = "model.json"
FORMAT: Literal[1] = 1
"""Version of the format of the folder."""


def _inside(name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} is not a path inside the folder")
    return name


class ArtefactMember(Section):
    """One of the models whose probabilities make the verdict."""

    name: str
    family: str
    view: str
    folder: str = Field(description="of its files, relative to model.json")
    onnx: str | None = Field(
        default=None, description="the model from uint8 samples to probabilities, relative to model.json"
    )
    export: dict[str, float] = Field(
        default_factory=dict, description="size, speed and largest difference of the ONNX form"
    )

    _check_folder = field_validator("folder")(_inside)


class FittedOn(Section):
    """The images that the model was fitted on."""

    images: int
    groups: int
    per_class: dict[str, int]
    what: Literal["all", "training"] = Field(
        description="all labelled images, or those of training in the first repeat"
    )
    manifest: str = Field(description="SHA-256 of manifest.parquet, which lists the images")


class Facts(Section):
    """What is known of a model that is handed over, beside the model itself."""

    expected: Expected | None = None
    fitted_on: FittedOn | None = None
    verification: Verification | None = Field(
        default=None, description="verdicts on files of test images, compared with those of the test"
    )
    judgement: Judgement | None = None


class Artefact(Facts):
    """The content of `model.json`."""

    format: Literal[1]
    name: str = Field(description="the model's name in the configuration")
    description: Description
    members: tuple[ArtefactMember, ...] = Field(min_length=1)
    blend: Blend | None = Field(default=None, description="how the probabilities of several members become one")
    versions: dict[str, str] = Field(description="of Python and libraries")
    files: dict[str, str] = Field(description="SHA-256 of every other file of the folder")


def copy_members(parts: Parts, folder: Path) -> tuple[ArtefactMember, ...]:
    """Copy the files of all models to `models/<name>` below a folder; with the repeat, where a model has several."""
    names = [record.model for record in parts.records]
    if len(set(names)) < len(names):
        names = [f"{name}-{source.name}" for name, source in zip(names, parts.folders, strict=True)]
    members = []
    for name, record, source in zip(names, parts.records, parts.folders, strict=True):
        place = folder / "models" / name
        place.mkdir(parents=True)
        for path in member_files(source):
            shutil.copyfile(path, place / path.name)
        members.append(ArtefactMember(name=name, family=record.family, view=record.view, folder=f"models/{name}"))
    return tuple(members)


def seal(
    folder: Path, parts: Parts, name: str, members: tuple[ArtefactMember, ...], facts: Facts | None = None
) -> Artefact:
    """Write `model.json` with the hashes of all files that are in the folder by then."""
    facts = facts or Facts()
    artefact = Artefact(
        format=FORMAT,
        name=name,
        description=parts.description,
        members=members,
        blend=parts.blend,
        expected=facts.expected,
        fitted_on=facts.fitted_on,
        verification=facts.verification,
        judgement=facts.judgement,
        versions=versions(),
        files={
            path.relative_to(folder).as_posix(): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()
        },
    )
    write_json(folder / MODEL, artefact)
    return artefact


def read_artefact(folder: Path) -> Artefact:
    """Read `model.json` and compare the folder's files with their hashes.

    Raises
    ------
    UserError
        If the format has another version, or a file is missing, differs or is damaged.
    """
    path = folder / MODEL
    content = read_json(path)
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise UserError(
            f"{path}: has the format {version!r}, and this version of gradewise reads {FORMAT}; use the version of "
            "gradewise that wrote it, see versions in the file"
        )
    artefact = read_record(path, Artefact)
    for name, digest in artefact.files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            refuse(path, f"lists the file {name!r}, which is not inside the folder")
        require((folder / name).is_file(), folder / name, f"is missing, though {MODEL} lists it")
        require(hash_file(folder / name) == digest, folder / name, f"differs from its hash in {MODEL}")
    for member in artefact.members:
        require(f"{member.folder}/run.json" in artefact.files, path, f"lists no files of the model {member.name!r}")
    return artefact


def parts_of_artefact(folder: Path) -> Parts:
    """The parts of a model that was handed over; see `read_artefact`."""
    artefact = read_artefact(folder)
    folders = tuple(folder / member.folder for member in artefact.members)
    records = read_runs(folders)
    check_runs(folder / MODEL, artefact.description, folders, records)
    if artefact.judgement is not None and artefact.judgement.shares is not None:
        shares, classes = artefact.judgement.shares, set(artefact.description.classes)
        fits = shares.training.keys() == shares.expected.keys() == classes
        require(fits, folder / MODEL, "lacks a share in training or an expected one for a class")
    unknown = None if artefact.judgement is None else artefact.judgement.unknown
    references = {} if unknown is None else {view: folder / reference_file(view) for view in unknown.views}
    for view, path in references.items():
        known = view_of(view) in artefact.description.views and reference_file(view) in artefact.files
        require(known, path, f"is not listed in {MODEL}, or {view!r} is no view of the model")
    return Parts(
        artefact.name,
        artefact.description,
        folders,
        records,
        artefact.blend,
        artefact.judgement,
        references,
        artefact.expected,
        {folder / name: digest for name, digest in artefact.files.items()},
    )
