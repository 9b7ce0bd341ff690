"""Learns what normal patches look like, and sets the threshold, from normal samples alone.

The threshold comes from normal samples that are left out, a group at a time where there are few: each is compared with
a memory of the other groups. No defective sample is needed, and none is used.
"""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gradewise.command import UserError
from gradewise.families.backbones.embedding import read_published
from gradewise.families.family import Fitted
from gradewise.families.patches import reconstruction
from gradewise.families.patches.classifier import Normal, PatchesClassifier, score_of, standardised
from gradewise.families.patches.describers import Describer, places
from gradewise.families.patches.memory import remember
from gradewise.families.patches.network import take_maps
from gradewise.families.patches.settings import CommonSettings, MapsSettings, PatchesSettings
from gradewise.families.patches.texture import Texture
from gradewise.families.training_set import TrainingSet

PATCHES = 40_000
"""Normal patches that a memory is fitted to, at most; drawn at random from all samples."""

SAMPLES = 300
"""Samples that set the threshold, at most; drawn at random. Those that a basis is learnt from are as many."""

FOLDS = 5
"""Parts of the groups that are left out one after the other; of fewer groups, each is."""

KEPT_BYTES = 2**28
"""Memory for all patches of the samples that set the threshold."""

SMALLEST_SPREAD = 1e-6
"""Of distances; samples that are all alike have none."""

log = logging.getLogger(__name__)


def fit(training: TrainingSet, settings: CommonSettings) -> Fitted:
    """Fit a classifier to the normal training samples.

    Raises
    ------
    UserError
        If it is unknown which class is normal, or there are too few normal samples or patches.
    """
    positive = training.positive
    if positive is None or len(training.classes) != 2:
        raise UserError(
            "the family patches learns what is normal, so it needs two classes and positive, the one that is not; "
            f"there are {', '.join(training.classes)} and positive: {positive or 'null'}; combine classes by merge, or "
            "take the model out"
        )
    normal = next(name for name in training.classes if name != positive)
    positions = _normal_positions(training, normal)
    folds = _folds(training, positions)
    describer = _describer(training, settings, np.random.default_rng(training.seed).permutation(positions)[:SAMPLES])
    pool, origin, whole = _collect(training, describer, positions)
    if len(pool) < 2 * settings.gaussians + 2:
        raise UserError(
            f"the {len(positions)} normal samples have {len(pool)} patches, too few; use larger samples or a smaller "
            "stride"
        )
    # as many as there are beside the largest part, so that what is left out is compared with as many
    most = len(pool) - int(np.bincount(folds[origin]).max())
    memory = remember(pool, settings, training.seed, most)
    known = _left_out(pool, folds[origin], whole, folds, most, settings, training.seed)
    classifier = PatchesClassifier(describer, memory, known, training.classes, positive, training.shape, settings)
    facts: dict[str, object] = {
        "normal": normal,
        "normal_samples": len(positions),
        "patches": len(pool),
        "features": describer.length,
        "described_by": describer.in_words,
        "compared_with": memory.in_words,
        "sees_px": 2 * describer.reach,
        "threshold": known.threshold,
        "threshold_samples": len(whole),
        "threshold_folds": int(folds.max()) + 1,
    }
    if training.pretrained is not None:
        facts["backbone"] = training.pretrained.backbone.described()
    size = sum(array.size for array in (*memory.tensors.values(), *describer.tensors.values()))
    return Fitted(classifier, size, facts=facts)


def _normal_positions(training: TrainingSet, normal: str) -> np.ndarray:
    samples = training.samples
    is_normal = (samples.table["label"] == normal) & (samples.table["role"] == "train")
    positions = np.flatnonzero(is_normal.to_numpy())
    if len(positions) < 2:
        raise UserError(
            f"{len(positions)} training samples of class {normal}, where at least two are needed: one is left out to "
            "set the threshold; add images of it, or use a view with more samples"
        )
    return positions


def _folds(training: TrainingSet, positions: np.ndarray) -> np.ndarray:
    """The part that each sample is left out with, shape (n,); samples of one group share it if there are several."""
    names, groups = np.unique(training.groups(positions), return_inverse=True)
    if len(names) < 2:
        log.warning("all normal samples are of one group, so the threshold says nothing about other groups")
        names, groups = positions, np.arange(len(positions))
    order = np.random.default_rng(training.seed).permutation(len(names))
    parts: np.ndarray = order[groups] % min(FOLDS, len(names))
    return parts


def _describer(training: TrainingSet, settings: CommonSettings, positions: np.ndarray) -> Describer:
    if isinstance(settings, MapsSettings):
        assert training.pretrained is not None, "models with these settings have a backbone"
        backbone = training.pretrained.backbone.section
        embedding = read_published(training.pretrained.weights, backbone, _enlarged(training.shape, settings.enlarge))
        return take_maps(embedding, settings)
    assert isinstance(settings, PatchesSettings)
    if settings.describe == "texture":
        return Texture(settings.stride)
    pixels = training.samples.pixels
    sparse = settings.describe == "dictionary"
    return reconstruction.learn((pixels[k] for k in positions), settings.patch, settings.stride, sparse, training.seed)


def _enlarged(shape: tuple[int, int, int], factor: int) -> tuple[int, int, int]:
    """What the network is given of a sample."""
    return factor * shape[0], factor * shape[1], shape[2]


def _collect(
    training: TrainingSet, describer: Describer, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """Features of patches of the samples.

    Returns
    -------
    pool : ndarray of float32, shape (m, d)
        Patches drawn at random, the same number of each sample.
    origin : ndarray of int, shape (m,)
        Their samples, as places in `positions`.
    whole : dict of ndarray of float32, shape (patches, d)
        All patches of some samples, by place in `positions`.
    """
    count = -(-PATCHES // len(positions))
    rows, columns = (places(side, describer.stride) for side in training.shape[:2])
    affordable = max(2, KEPT_BYTES // (4 * rows * columns * describer.length))
    order = np.random.default_rng(training.seed).permutation(len(positions))
    kept = set(order[: min(SAMPLES, affordable)].tolist())

    def describe(place: int) -> tuple[np.ndarray, np.ndarray | None]:
        features = describer.describe(training.samples.pixels[positions[place]]).reshape(-1, describer.length)
        drawn = np.random.default_rng([training.seed, place]).permutation(len(features))[:count]
        return features[np.sort(drawn)], features if place in kept else None

    with ThreadPoolExecutor(training.threads) as pool:
        described = list(pool.map(describe, range(len(positions))))
    origin = np.repeat(np.arange(len(positions)), [len(drawn) for drawn, _ in described])
    whole = {place: features for place, (_, features) in enumerate(described) if features is not None}
    return np.concatenate([drawn for drawn, _ in described]), origin, whole


def _left_out(
    pool: np.ndarray,
    part_of_patch: np.ndarray,
    whole: dict[int, np.ndarray],
    part_of_sample: np.ndarray,
    most: int,
    settings: CommonSettings,
    seed: int,
) -> Normal:
    """Distances and scores of samples, compared with the patches of all other parts."""
    distances: list[np.ndarray] = []
    for part in np.unique(part_of_sample):
        left_out = [features for place, features in whole.items() if part_of_sample[place] == part]
        if left_out:
            memory = remember(pool[part_of_patch != part], settings, seed, most)
            distances += [memory.distances(features) for features in left_out]
    together = np.concatenate(distances)
    mean, spread = float(together.mean(dtype=np.float64)), max(float(together.std(dtype=np.float64)), SMALLEST_SPREAD)
    scores = np.sort([score_of(standardised(values, mean, spread), settings.top) for values in distances])
    return Normal(mean, spread, float(np.median(scores)), float(scores[_rank(len(scores), settings.false_alarms) - 1]))


def _rank(count: int, share: float) -> int:
    """Which of so many scores a further one exceeds with at most a stated probability; the highest if too few."""
    return min(count, math.ceil((count + 1) * (1 - share)))
