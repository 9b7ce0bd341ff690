"""Classifies image files with a trained model, or with a blend of several.

Files are decoded, cut into samples and gathered to verdicts by the functions that the workflow uses (`decode`,
`make_samples`, `gather`), with the facts of `prediction.json`. Images are read by threads while the model predicts, and
only a few are held in memory at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import pandas as pd

from gradewise.config.views import Positions, View
from gradewise.evaluation.blend import blend_probabilities
from gradewise.families.backbones.embedded import EmbeddedClassifier
from gradewise.families.classifier import Classifier
from gradewise.images.budget import map_ahead
from gradewise.images.decode import Decoded, decode, to_uint8
from gradewise.images.files import UnreadableError
from gradewise.images.microscopes import read_micrograph
from gradewise.images.reasons import not_examined
from gradewise.judgement.record import Judgement
from gradewise.judgement.shares import Shares
from gradewise.judgement.strangeness import Stranger
from gradewise.predict.description import Blend, Description, Expected
from gradewise.provenance import derive_seed
from gradewise.results import view_of
from gradewise.verdicts import gather
from gradewise.views.apply import make_samples

BATCH_IMAGES, BATCH_BYTES = 256, 2**26
"""The model predicts when this many images, or samples of this size, are waiting."""
AHEAD = 8
"""Images that are read ahead for each thread."""

_Samples: TypeAlias = dict[str, tuple[np.ndarray, Positions]]
"""Samples of an image and their positions, by view."""


@dataclass(frozen=True)
class SampleProbabilities:
    """What one member says of each sample of an image.

    Attributes
    ----------
    member : str
    view : str
        Name of the view that cut the samples.
    positions : list of (row, column)
        Of each sample in the grid of tiles; (0, 0) without tiles.
    probabilities : ndarray of float32, shape (n, classes)
    """

    member: str
    view: str
    positions: Positions
    probabilities: np.ndarray


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
    of_samples : tuple of SampleProbabilities
        What it is gathered from, one entry a member.
    strangeness : float or None
        How unlike the images of training it is; None if that cannot be told.
    unknown : bool or None
        Whether it is stranger than nearly all images of the same kind.
    """

    path: Path
    predicted: str | None
    probabilities: dict[str, float]
    samples: int
    error: str | None = None
    of_samples: tuple[SampleProbabilities, ...] = field(default=(), compare=False, repr=False)
    strangeness: float | None = None
    unknown: bool | None = None


@dataclass(frozen=True)
class Member:
    """One of the models whose probabilities make a verdict.

    Attributes
    ----------
    name : str
        Its name in the configuration.
    view : str
        Name of the view whose samples it takes.
    classifier : Classifier
    features : str or None
        Name of the features that a backbone makes of the view's samples; None if it learns from pixels.
    """

    name: str
    view: str
    classifier: Classifier
    features: str | None = None


@dataclass(frozen=True)
class Predictor:
    """A trained model, or a blend of several, with everything that leads from an image file to a verdict.

    Attributes
    ----------
    name : str
        Of the model in the configuration.
    members : tuple of Member
    blend : Blend or None
        How the probabilities of several members become one.
    description : Description
        Of the dataset that they were trained on; its views are those of the members.
    fingerprint : str
        Twelve hexadecimal digits for the models and all that their verdicts depend on, except libraries.
    judgement : Judgement or None
        What its probabilities mean in use; None for a model that is not handed over.
    stranger : Stranger or None
        Tells images that are unlike those of training; None where only a model that is handed over could.
    expected : Expected or None
        What to expect of its verdicts; None where only a model that is handed over knows it.
    """

    name: str
    members: tuple[Member, ...]
    blend: Blend | None
    description: Description
    fingerprint: str
    judgement: Judgement | None = None
    stranger: Stranger | None = None
    expected: Expected | None = None

    @property
    def views(self) -> dict[str, View]:
        """Operations of each view that a member takes samples of."""
        return {name: view.operations for name, view in self.description.views.items()}

    @property
    def shares(self) -> Shares | None:
        """The mixes of classes between which probabilities of verdicts are adjusted; None where they are not."""
        return None if self.judgement is None else self.judgement.shares

    @property
    def needed(self) -> int:
        """Smallest side of an image that can be used [px]."""
        return max(self.description.min_side, *(view.minimum_side for view in self.views.values()))

    def predict(self, images: Iterable[Path], threads: int | None = None) -> Iterator[Verdict]:
        """Classify image files; see `predict_files`."""
        threads = threads or available_threads()
        cv2.setNumThreads(1)
        with ThreadPoolExecutor(threads) as pool:
            waiting: list[_Read] = []
            for image in map_ahead(pool, self._read, images, AHEAD * threads):
                waiting.append(image)
                if len(waiting) == BATCH_IMAGES or sum(read.size for read in waiting) >= BATCH_BYTES:
                    yield from self._classify(waiting)
                    waiting = []
            yield from self._classify(waiting)

    def samples_of(self, path: Path) -> dict[str, tuple[np.ndarray, Positions]]:
        """Samples of an image file and their positions, by view; see `views.apply.make_samples`.

        Raises
        ------
        UnreadableError
            If the image cannot be used; the message is the reason.
        """
        decoded = self.decode(path)
        pixels, bar_rows = self.pixels_of(path, decoded)
        content = decoded.pixel_hash()
        samples = {}
        for name, view in self.views.items():
            rng = np.random.default_rng(derive_seed(self.description.seed, name, content))
            samples[name] = make_samples(pixels, view, rng, bar_rows)
        return samples

    def decode(self, path: Path) -> Decoded:
        """Read an image file as those of training were read; UnreadableError if that cannot be done."""
        return decode(path, self.description, self.description.max_megapixels)

    def pixels_of(self, path: Path, decoded: Decoded) -> tuple[np.ndarray, int]:
        """Pixels of an image in 8 bits, with grey levels as in training, and the height of the data bar to cut off.

        Raises
        ------
        UnreadableError
            If the image is too small, or its grey levels are not comparable.
        """
        height, width = decoded.pixels.shape[:2]
        cuts_data_bar = any(view.cuts_data_bar for view in self.views.values())
        bar_rows = read_micrograph(path, decoded).bar_rows if cuts_data_bar else 0
        if min(height - bar_rows, width) < self.needed:
            above = " above the data bar" if bar_rows else ""
            raise UnreadableError(
                f"{width} x {height - bar_rows} pixels{above}; the model needs at least {self.needed} a side"
            )
        if decoded.bits > self.description.bits:
            raise UnreadableError(
                f"uses {decoded.bits} bits for grey levels, the images of training {self.description.bits}; "
                "its grey levels are not comparable with theirs"
            )
        return to_uint8(decoded.pixels, self.description.bits), bar_rows

    def _read(self, path: Path) -> _Read:
        """Samples of an image file; whatever is wrong with it sets only this file aside."""
        try:
            return _Read(path, self.samples_of(path))
        except UnreadableError as error:
            reason = str(error)
        except Exception as error:
            reason = not_examined(path, error)
        return _Read(path, {}, reason)

    def _classify(self, images: list[_Read]) -> Iterator[Verdict]:
        """Verdicts on a batch of images, in order."""
        usable = [image.samples for image in images if image.error is None]
        samples = self._stacked(usable) if usable else {}
        verdicts = iter(self._verdicts(usable, samples) if usable else [])
        strangeness = iter(self._strangeness(usable, samples))
        for image in images:
            if image.error is not None:
                yield Verdict(image.path, None, {}, 0, image.error)
            else:
                predicted, probabilities, of_samples = next(verdicts)
                named = dict(zip(self.description.classes, probabilities, strict=True))
                count = sum(len(samples) for samples, _ in image.samples.values())
                verdict = Verdict(image.path, predicted, named, count, of_samples=of_samples)
                if self.stranger is not None:
                    strange = next(strangeness)
                    verdict = replace(verdict, strangeness=strange, unknown=strange > self.stranger.threshold)
                yield verdict

    def _stacked(self, images: list[_Samples]) -> dict[str, np.ndarray]:
        """Samples of all images by view, and features of them where strangeness takes these, too."""
        stacked = {name: np.concatenate([image[name][0] for image in images]) for name in self.views}
        for member in self.members:
            taken = self.stranger is not None and member.features in self.stranger.references
            if taken and member.features is not None and isinstance(member.classifier, EmbeddedClassifier):
                stacked[member.features] = member.classifier.embedding.embed(stacked[member.view])
        return stacked

    def _strangeness(self, images: list[_Samples], samples: dict[str, np.ndarray]) -> list[float]:
        """How unlike those of training each image is; none where that cannot be told."""
        if self.stranger is None or not images:
            return []
        counts = {name: [len(image[view_of(name)][0]) for image in images] for name in self.stranger.references}
        strangeness: list[float] = self.stranger.of_images(samples, counts).tolist()
        return strangeness

    def _verdicts(
        self, images: list[_Samples], samples: dict[str, np.ndarray]
    ) -> list[tuple[str, list[float], tuple[SampleProbabilities, ...]]]:
        """Class and probabilities of each image, and what members say of its samples."""
        counts = {name: [len(image[name][0]) for image in images] for name in self.views}
        frames = [self._as_predictions(_probabilities(member, samples), counts[member.view]) for member in self.members]
        of_samples = [self._by_image(member, frame, images) for member, frame in zip(self.members, frames, strict=True)]
        if self.blend is not None:
            if self.blend.level == "image":
                frames = [self._gather(frame) for frame in frames]
            stacked = np.stack([frame[self._columns].to_numpy(dtype=np.float64) for frame in frames])
            of_image = frames[0]["image_id"].to_numpy()
            frames = [self._as_predictions(blend_probabilities(stacked, self.blend.by), np.bincount(of_image))]
        costs = None if self.description.costs is None else np.array(self.description.costs)
        verdicts = self._gather(frames[0], costs)
        if self.shares is not None:
            verdicts = self.shares.adjust_verdicts(verdicts, self.description.classes, costs)
        gathered = verdicts[self._columns].to_numpy().tolist()
        return list(zip(verdicts["predicted"], gathered, zip(*of_samples, strict=True), strict=True))

    def _by_image(self, member: Member, frame: pd.DataFrame, images: list[_Samples]) -> list[SampleProbabilities]:
        """What a member says of the samples of each image."""
        positions = [image[member.view][1] for image in images]
        ends = np.cumsum([len(places) for places in positions])[:-1]
        parts = np.split(frame[self._columns].to_numpy(), ends)
        return [
            SampleProbabilities(member.name, member.view, places, part)
            for places, part in zip(positions, parts, strict=True)
        ]

    @property
    def _columns(self) -> list[str]:
        return [f"p_{name}" for name in self.description.classes]

    def _as_predictions(self, probabilities: np.ndarray, counts: Sequence[int] | np.ndarray) -> pd.DataFrame:
        """Probabilities of samples as `predictions.parquet` has them, which is in 32 bits; counts of each image."""
        samples = pd.DataFrame(np.asarray(probabilities, dtype=np.float32), columns=self._columns)
        return samples.assign(image_id=np.repeat(np.arange(len(counts)), counts), group=None, role=None)

    def _gather(self, samples: pd.DataFrame, costs: np.ndarray | None = None) -> pd.DataFrame:
        facts = self.description
        return gather(samples, pd.Series(dtype=object), list(facts.classes), facts.positive, facts.aggregate, costs)


def _probabilities(member: Member, samples: dict[str, np.ndarray]) -> np.ndarray:
    """Class probabilities of samples, from features where they were computed already."""
    if member.features in samples and isinstance(member.classifier, EmbeddedClassifier):
        return member.classifier.head.predict_proba(samples[member.features])
    return member.classifier.predict_proba(samples[member.view])


@dataclass(frozen=True)
class _Read:
    """The samples of an image file by view; none and the reason if it cannot be used."""

    path: Path
    samples: _Samples
    error: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the samples."""
        return sum(samples.nbytes for samples, _ in self.samples.values())


def available_threads() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
