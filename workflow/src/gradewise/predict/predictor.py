"""Classifies image files with the model of a run.

Files are decoded, cut into samples and gathered to verdicts by the functions that the workflow uses (`decode`,
`make_samples`, `gather`), with the facts of `prediction.json`. Images are read by threads while the model predicts, and
only a few are held in memory at a time.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from pydantic import BaseModel

from gradewise.command import UserError
from gradewise.config.views import View
from gradewise.families.classifier import Classifier
from gradewise.families.load import load
from gradewise.families.stored import read_record
from gradewise.images.decode import UnreadableError, decode, escaped, to_uint8
from gradewise.images.reasons import not_examined
from gradewise.predict.description import NAME, Description, read_description
from gradewise.provenance import derive_seed, hash_file, versions
from gradewise.results import Results
from gradewise.verdicts import gather
from gradewise.views.apply import make_samples

BATCH_IMAGES, BATCH_BYTES = 256, 2**26
"""The model predicts when this many images, or samples of this size, are waiting."""
AHEAD = 8
"""Images that are read ahead for each thread."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """The verdict on an image, or why there is none.

    Attributes
    ----------
    path : Path
    predicted : str or None
        The class; None if the image cannot be used.
    probabilities : dict of str to float
        Of each class; empty if the image cannot be used.
    samples : int
        Number of samples that the verdict is gathered from.
    error : str or None
        Why the image cannot be used.
    """

    path: Path
    predicted: str | None
    probabilities: dict[str, float]
    samples: int
    error: str | None = None


def predict_files(folder: Path, images: Iterable[Path], threads: int | None = None) -> Iterator[Verdict]:
    """Classify image files with the model of a run.

    Parameters
    ----------
    folder : Path
        The run's folder, `results/{dataset}/models/{model}/{repeat}`.
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


@dataclass(frozen=True)
class Predictor:
    """A trained model with everything that leads from an image file to a verdict.

    Attributes
    ----------
    classifier : Classifier
    description : Description
        Of the dataset that it was trained on.
    view_name : str
    view : View
    needed : int
        Smallest side of an image [px].
    fingerprint : str
        Twelve hexadecimal digits for the model and all that its verdicts depend on, except libraries.
    """

    classifier: Classifier
    description: Description
    view_name: str
    view: View
    needed: int
    fingerprint: str

    def predict(self, images: Iterable[Path], threads: int | None = None) -> Iterator[Verdict]:
        """Classify image files; see `predict_files`."""
        threads = threads or available_threads()
        cv2.setNumThreads(1)
        with ThreadPoolExecutor(threads) as pool:
            waiting: list[_Read] = []
            for image in _read_ahead(pool, self._read, images, AHEAD * threads):
                waiting.append(image)
                if len(waiting) == BATCH_IMAGES or sum(read.pixels.nbytes for read in waiting) >= BATCH_BYTES:
                    yield from self._classify(waiting)
                    waiting = []
            yield from self._classify(waiting)

    def samples_of(self, path: Path) -> np.ndarray:
        """Samples of an image file, uint8 (n, height, width, channels).

        Raises
        ------
        UnreadableError
            If the image cannot be used; the message is the reason.
        """
        decoded = decode(path, self.description.max_megapixels)
        height, width = decoded.pixels.shape[:2]
        if min(height, width) < self.needed:
            raise UnreadableError(f"{width} x {height} pixels; the model needs at least {self.needed} a side")
        if decoded.bits > self.description.bits:
            raise UnreadableError(
                f"uses {decoded.bits} bits for grey levels, the images of training {self.description.bits}; "
                "its grey levels are not comparable with theirs"
            )
        rng = np.random.default_rng(derive_seed(self.description.seed, self.view_name, escaped(Path(path.name))))
        samples, _ = make_samples(to_uint8(decoded.pixels, self.description.bits), self.view, rng)
        return samples

    def _read(self, path: Path) -> _Read:
        """Samples of an image file; whatever is wrong with it sets only this file aside."""
        try:
            return _Read(path, self.samples_of(path))
        except UnreadableError as error:
            reason = str(error)
        except Exception as error:
            reason = not_examined(path, error)
        return _Read(path, np.empty((0, *self.view.shape), np.uint8), reason)

    def _classify(self, images: list[_Read]) -> Iterator[Verdict]:
        """Verdicts on a batch of images, in order."""
        counts = [len(image.pixels) for image in images]
        verdicts: Iterator[tuple[str, list[float]]] = iter(())
        if any(counts):
            verdicts = self._verdicts(np.concatenate([image.pixels for image in images]), counts)
        for image, count in zip(images, counts, strict=True):
            if image.error is not None:
                yield Verdict(image.path, None, {}, 0, image.error)
            else:
                predicted, probabilities = next(verdicts)
                named = dict(zip(self.description.classes, probabilities, strict=True))
                yield Verdict(image.path, predicted, named, count)

    def _verdicts(self, pixels: np.ndarray, counts: list[int]) -> Iterator[tuple[str, list[float]]]:
        """Class and probabilities of each image that has samples.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, channels)
            Samples of all images.
        counts : list of int
            Number of samples of each image.
        """
        facts = self.description
        columns = [f"p_{name}" for name in facts.classes]
        # 32 bits, as predictions are stored before they are gathered
        probabilities = np.asarray(self.classifier.predict_proba(pixels), dtype=np.float32)
        samples = pd.DataFrame(probabilities, columns=columns)
        samples = samples.assign(image_id=np.repeat(np.arange(len(counts)), counts), group=None, role=None)
        costs = None if facts.costs is None else np.array(facts.costs)
        unknown = pd.Series(dtype=object)
        verdicts = gather(samples, unknown, list(facts.classes), facts.positive, facts.aggregate, costs)
        yield from zip(verdicts["predicted"], verdicts[columns].to_numpy().tolist(), strict=True)


@dataclass(frozen=True)
class _Read:
    """The samples of an image file; none and the reason if it cannot be used."""

    path: Path
    pixels: np.ndarray
    error: str | None = None


def available_threads() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_ahead(
    pool: ThreadPoolExecutor, read: Callable[[Path], _Read], images: Iterable[Path], ahead: int
) -> Iterator[_Read]:
    """Read images in order; while the caller works on one, the pool reads up to `ahead` more."""
    pending: deque[Future[_Read]] = deque()
    for path in images:
        pending.append(pool.submit(read, path))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


class _Blended(BaseModel):
    """What is needed of a blend's settings."""

    members: tuple[str, ...] = ()


class _Run(BaseModel):
    """What is needed of `run.json`."""

    family: str
    view: str
    view_hash: str | None = None
    classes: tuple[str, ...]
    versions: dict[str, str]
    settings: _Blended


def load_predictor(folder: Path) -> Predictor:
    """Read the model of a run and everything that its verdicts depend on.

    Parameters
    ----------
    folder : Path
        The run's folder, `results/{dataset}/models/{model}/{repeat}`.

    Raises
    ------
    UserError
        If the folder holds no model, holds a blend, or was trained on other samples than the dataset now has.
    """
    record = folder / "run.json"
    if not record.exists():
        raise UserError(
            f"{folder}: no run.json, hence no trained model; give results/<dataset>/models/<model>/<repeat>"
        )
    run = read_record(record, _Run)
    if run.family == "blend":
        members = ", ".join(run.settings.members)
        raise UserError(f"{folder}: a blend has no model of its own; predict with its members ({members}) instead")
    results = Results(folder.resolve().parents[2])
    path = results.dataset / NAME
    description = read_description(path)
    if run.view not in description.views:
        raise UserError(
            f"{folder}: its view {run.view!r} is not in {path}; only models of the dataset's list can predict"
        )
    described = description.views[run.view]
    if run.view_hash != described.view_hash or run.classes != description.classes:
        raise UserError(
            f"{folder}: trained on other samples or classes than {path} describes; run the workflow again, with the "
            "model in the dataset's list"
        )
    _warn_of_versions(run.versions)
    view = described.operations
    needed = max(view.minimum_side, description.min_side)
    return Predictor(load(folder), description, run.view, view, needed, _fingerprint(folder, description))


def _fingerprint(folder: Path, description: Description) -> str:
    digest = hashlib.sha256(description.model_dump_json(exclude={"versions"}).encode())
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "predictions.parquet" and not path.name.startswith("."):
            digest.update(f"{path.name} {hash_file(path)}\n".encode())
    return digest.hexdigest()[:12]


def _warn_of_versions(trained: dict[str, str]) -> None:
    here = versions()
    changed = [
        f"{name} {trained[name]} -> {here.get(name, 'none')}" for name in trained if here.get(name) != trained[name]
    ]
    if changed:
        log.warning("other versions than in training, so verdicts may differ slightly: %s", ", ".join(changed))
