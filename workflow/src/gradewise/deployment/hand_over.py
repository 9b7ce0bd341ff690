"""Puts together the folder of a model that is handed over, and the zip file of it."""

from __future__ import annotations

import logging
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import tables
from gradewise.command import UserError
from gradewise.deployment.model_card import write_card
from gradewise.deployment.references import copy_references, write_references
from gradewise.evaluation import measured
from gradewise.evaluation.measured import Measured, row_estimate
from gradewise.evaluation.recommendation import Recommendation
from gradewise.judgement.kept import keep
from gradewise.judgement.record import Judgement, read_judgement
from gradewise.judgement.shares import Shares, training_shares
from gradewise.localisation.record import Localisation, read_localisation
from gradewise.predict.artefact import (
    MODEL,
    Artefact,
    ArtefactMember,
    Facts,
    FittedOn,
    copy_members,
    seal,
)
from gradewise.predict.description import Expected
from gradewise.predict.export import NoOnnxError, export_members, write_script
from gradewise.predict.loading import assemble
from gradewise.predict.parts import Parts, check_runs, read_runs
from gradewise.predict.predictor import Predictor
from gradewise.predict.verification import Verification
from gradewise.provenance import hash_file
from gradewise.results import Results, RunFolder

log = logging.getLogger(__name__)

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold: the same files give the same zip."""


def fitted_on_all(parts: Parts, files: Results) -> Parts:
    """The same models fitted on all images instead of those of a repeat."""
    variant = files.variant("deployed")
    folders = tuple(variant.run(folder.parent.name, int(folder.name)).folder for folder in parts.folders)
    records = read_runs(folders)
    check_runs(files.dataset, parts.description, folders, records)
    return replace(parts, folders=folders, records=records)


def hand_over(
    files: Results,
    tested: RunFolder,
    parts: Parts,
    what: Literal["all", "training"],
    verification: Verification | None,
    seed: int,
    threads: int,
    output: Path,
    archive: Path | None = None,
) -> Artefact:
    """Write the folder of a model that is handed over.

    Parameters
    ----------
    files : Results
        Results of the dataset, with the comparison of its models.
    tested : RunFolder
        The run that was tested; its model's accuracy is what to expect.
    parts : Parts
        The models to hand over.
    what : {"all", "training"}
        What they were fitted on.
    verification : Verification or None
    seed : int
        Draws the reference images.
    threads : int
    output : Path
        The folder; one that holds another model is replaced.
    archive : Path, optional
        Zip file of the folder.

    Raises
    ------
    UserError
        If `output` exists and holds no model, or an image is gone.
    """
    if output.exists() and any(output.iterdir()) and not (output / MODEL).exists():
        raise UserError(f"{output}: exists and holds something else than a model; give another --output")
    output.parent.mkdir(parents=True, exist_ok=True)
    known = measured.read(files.folder, parts.description.dataset)
    record = Recommendation.model_validate_json((files.folder / "recommendation.json").read_text())
    manifest = tables.read(files.table("manifest"))
    with TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as temporary, threadpool_limits(threads):
        folder = Path(temporary) / "model"
        folder.mkdir()
        members = copy_members(parts, folder)
        copies = copy_references(manifest, known.classes, seed, folder)
        shares = _shares(known, parts, tested.model) if known.settings.adjusts else None
        predictor = assemble(replace(parts, judgement=Judgement(shares=shares)))
        write_references(predictor, copies, folder)
        members = _export(predictor, members, [folder / copy for copy in copies], folder)
        used = _used(files, parts, what)
        unknown = keep(files, tested.model, used, seed, folder) if known.settings.unknown else None
        facts = Facts(
            expected=_expected(known, record, tested.model),
            fitted_on=_fitted_on(files, parts, manifest.loc[manifest["image_id"].isin(used)], what),
            verification=verification,
            judgement=read_judgement(files, tested.model).model_copy(
                update={"unknown": unknown, "shares": shares, "localisation": _localisation(known, tested.model)}
            ),
        )
        write_card(folder, known, record, tested.model, parts.description, facts)
        artefact = seal(folder, parts, tested.model, members, facts)
        if output.exists():
            shutil.rmtree(output)
        folder.rename(output)
    if archive is not None:
        _zip(output, archive)
    return artefact


def _export(
    predictor: Predictor, members: tuple[ArtefactMember, ...], images: list[Path], folder: Path
) -> tuple[ArtefactMember, ...]:
    """Write the ONNX form of each member that has one, and the script for them if it can do all views."""
    names = [f"onnx/{member.name}.onnx" for member in members]
    places = [folder / member.folder for member in members]
    forms = export_members(predictor, places, [folder / name for name in names], images)
    exported = []
    for member, name, facts in zip(members, names, forms, strict=True):
        if isinstance(facts, NoOnnxError):
            log.info("%s", facts)
            exported.append(member)
        else:
            exported.append(member.model_copy(update={"onnx": name, "export": facts}))
    if all(member.onnx for member in exported):
        try:
            write_script(predictor.description, folder)
        except NoOnnxError as error:
            log.info("%s", error)
    return tuple(exported)


def _shares(known: Measured, parts: Parts, model: str) -> Shares:
    """The mixes of classes between which the model adjusts its probabilities, with its accuracy after that."""
    if parts.blend is not None and parts.blend.by == "vote":
        raise UserError(f"{model}: deploy.adjust_probabilities: shares of votes cannot be adjusted (blend by: vote)")
    expected = known.settings.expected_shares
    assert expected is not None, "the configuration is checked"
    rows = tables.read(known.results.table("expected_shares"))
    rows = rows.loc[(rows["model"] == model) & (rows["metric"] == "accuracy")]
    columns = ["adjusted", "adjusted_low", "adjusted_high"]
    accuracy = row_estimate(rows[columns].set_axis(["value", "low", "high"], axis=1).iloc[0])
    return Shares(
        training=training_shares(parts.folders, known.classes),
        expected={name: expected[name] for name in known.classes},
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
    )


def _expected(known: Measured, record: Recommendation, model: str) -> Expected:
    metric, level = known.settings.deciding_metric, known.deciding_level
    score = known.estimate(model, metric, level)
    if score.value is None:
        raise UserError(
            f"{known.results.folder}: {model} has no {metric} on test, so nobody knows what to expect of it"
        )
    ground = record.ground
    return Expected(
        metric=metric,
        level=level,
        value=score.value,
        low=score.low,
        high=score.high,
        images=ground.images,
        groups=ground.groups,
        repeats=ground.repeats,
    )


def _localisation(known: Measured, model: str) -> Localisation | None:
    settings, label = known.settings.localisation, known.settings.positive
    if settings is None or label is None:
        return None
    return read_localisation(known.results, model, label, settings.stride)


def _used(files: Results, parts: Parts, what: Literal["all", "training"]) -> pd.Index:
    """The images that the models were fitted on."""
    roles = tables.read((files.variant("deployed") if what == "all" else files).table("splits"))
    used = roles.loc[(roles["role"] != "test") & roles["repeat"].isin({int(folder.name) for folder in parts.folders})]
    return pd.Index(used["image_id"].unique())


def _fitted_on(files: Results, parts: Parts, images: pd.DataFrame, what: Literal["all", "training"]) -> FittedOn:
    counts = images["label"].value_counts()
    return FittedOn(
        images=len(images),
        groups=images["group"].nunique(),
        per_class={name: int(counts.get(name, 0)) for name in parts.description.classes},
        what=what,
        manifest=hash_file(files.table("manifest")),
    )


def _zip(folder: Path, archive: Path) -> None:
    with (
        tables.replacing(archive) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", EARLIEST)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with path.open("rb") as source, target.open(entry, "w", force_zip64=True) as stored:
                    shutil.copyfileobj(source, stored)
