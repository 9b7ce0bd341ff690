"""Loads a predictor: from the folder of a run, or from that of a model that was handed over."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from gradewise.families.backbones.embedded import EmbeddedClassifier
from gradewise.families.classifier import Classifier
from gradewise.families.load import load
from gradewise.families.stored import require
from gradewise.judgement.strangeness import Stranger, read_reference
from gradewise.predict.artefact import MODEL, parts_of_artefact
from gradewise.predict.parts import Parts, RunRecord, parts_of_run
from gradewise.predict.predictor import Member, Predictor, Verdict
from gradewise.provenance import versions
from gradewise.results import features_name

log = logging.getLogger(__name__)


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
    return assemble(read_parts(folder))


def assemble(parts: Parts) -> Predictor:
    """Read the models of a predictor's parts, and warn of other versions of libraries than in training."""
    _warn_of_versions(parts.records[0].versions)
    members = tuple(
        _member(record, load(place, hashed=bool(parts.hashes)))
        for record, place in zip(parts.records, parts.folders, strict=True)
    )
    unknown = None if parts.judgement is None else parts.judgement.unknown
    stranger = None
    if unknown is not None:
        references = {view: read_reference(path) for view, path in parts.references.items()}
        shapes = {name: known.operations.shape for name, known in parts.description.views.items()}
        shapes |= {
            member.features: (1, 1, member.classifier.embedding.features)
            for member in members
            if isinstance(member.classifier, EmbeddedClassifier) and member.features is not None
        }
        for view, reference in references.items():
            shape = shapes.get(view)
            require(reference.shape == shape, parts.references[view], f"has samples of {reference.shape}, not {shape}")
        stranger = Stranger(references, unknown.threshold, unknown.false_alarms, unknown.units)
    return Predictor(
        parts.name,
        members,
        parts.blend,
        parts.description,
        parts.fingerprint,
        parts.judgement,
        stranger,
        parts.expected,
    )


def _member(record: RunRecord, classifier: Classifier) -> Member:
    on_features = isinstance(classifier, EmbeddedClassifier)
    features = features_name(record.view, record.backbone["name"]) if on_features and record.backbone else None
    return Member(record.model, record.view, classifier, features)


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
        return parts_of_artefact(folder)
    return parts_of_run(folder)


def _warn_of_versions(trained: dict[str, str]) -> None:
    here = versions()
    changed = [
        f"{name} {trained[name]} -> {here.get(name, 'none')}" for name in trained if here.get(name) != trained[name]
    ]
    if changed:
        log.warning("other versions than in training, so verdicts may differ slightly: %s", ", ".join(changed))
