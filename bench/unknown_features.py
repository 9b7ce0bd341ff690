"""What features of a backbone notice of strange images, beside statistics of pixels.

    python bench/unknown_features.py --data FOLDER > bench/unknown_features.txt

FOLDER and the images are those of `bench/unknown.py`: 60 % of the groups are known, one class is left out, and photos
are spoilt. Scores are the distance to the third nearest known image by statistics of pixels (as used), by features of
EfficientNet-Lite0 (mean and maximum of the last map at 224 px), standardised, whitened along 50 principal components,
or by the angle between them, and the larger of pixels and each of them, both in units of what 5 % of the images that
were held back exceed.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits
from unknown import ALLOWED, Image, auroc, cases, divided, samples, simulated

from gradewise.config.backbones import Backbone
from gradewise.config.known_backbones import KNOWN
from gradewise.families import pca
from gradewise.families.backbones.embedding import Embedding, read_published
from gradewise.judgement.alarms import threshold_of
from gradewise.judgement.spoil import KINDS
from gradewise.judgement.strangeness import Reference, describe, fit_reference

SIDE, COMPONENTS, THREADS = 224, 50, 1
BACKBONE = Backbone.model_validate(KNOWN["lite0"].section | {"maps": 1})


def embed(images: list[np.ndarray], embedding: Embedding) -> np.ndarray:
    """Features of images, shape (n, d)."""
    channels = embedding.shape[2]
    made = []
    for pixels in images:
        colours = pixels if pixels.ndim == 3 else pixels[..., None]
        if colours.shape[2] != channels:
            grey = colours.mean(axis=2, keepdims=True).astype(np.uint8)
            colours = grey.repeat(channels, axis=2)
        resized = cv2.resize(np.ascontiguousarray(colours), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        made.append(resized.reshape(SIDE, SIDE, channels))
    return embedding.embed(np.stack(made), THREADS).reshape(len(images), -1)


def unit(features: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def measure(name: str, images: list[Image], others: dict[str, list[Image]], left_out: str) -> None:
    """Print what each score tells apart, and what it flags."""
    labels, groups, trained = divided(images)
    channels = 3 if images[0][0].ndim == 3 else 1
    embedding = read_published(BACKBONE.file(), BACKBONE, (SIDE, SIDE, channels))
    known = labels != left_out
    parts = {
        "training": [images[k][0] for k in np.flatnonzero(known & trained)],
        "test": [images[k][0] for k in np.flatnonzero(known & ~trained)],
        "left out": [images[k][0] for k in np.flatnonzero(~known)],
    }
    parts |= {kind: [image[0] for image in part] for kind, part in others.items()}
    parts |= {kind: [spoil(pixels) for pixels in parts["test"]] for kind, spoil in KINDS.items()}
    statistics = {kind: describe(samples(part, channels)) for kind, part in parts.items()}
    features = {kind: embed(part, embedding) for kind, part in parts.items()}
    rng = np.random.default_rng(0)
    fitted = pca.fit(features["training"][:, None, None], np.arange(len(features["training"])), COMPONENTS)
    white = {kind: fitted.project(part[:, None, None]) for kind, part in features.items()}
    angles = {kind: unit(part) for kind, part in features.items()}
    single = {"pixels (used)": distances(statistics, rng), "features": distances(features, rng)}
    single["features, whitened"] = distances(white, rng)
    plain = Reference((1, 1, 1), np.ones(angles["training"].shape[1], np.float32), angles["training"])
    single["features, angles"] = {kind: plain.distances(part) for kind, part in angles.items()}
    group = np.unique(groups[known & ~trained], return_inverse=True)[1]
    limits = {score: threshold_of(of["test"], group, ALLOWED) for score, of in single.items()}
    for score in list(single)[1:]:
        single[f"larger of pixels and {score}"] = {
            kind: np.maximum(of / limits["pixels (used)"], single[score][kind] / limits[score])
            for kind, of in single["pixels (used)"].items()
        }
    kinds = list(parts)[2:]
    print(f"\n{name} without {left_out}: {len(parts['training'])} images of training, {len(parts['test'])} held back")
    print(f"{'AUROC':44}" + "".join(f"{kind:>12}" for kind in kinds))
    for score, of in single.items():
        print(f"{score:44}" + "".join(f"{auroc(of['test'], of[kind]):12.2f}" for kind in kinds))
    print(f"{'flagged at 5 % false alarms':44}")
    for score, of in single.items():
        limit = threshold_of(of["test"], group, ALLOWED)
        print(f"{score:44}" + "".join(f"{(of[kind] > limit).mean():12.2f}" for kind in kinds))


def distances(parts: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Distances of all parts to the third nearest image of training."""
    reference = fit_reference(parts["training"], (1, 1, 1), rng)
    return {kind: reference.distances(part) for kind, part in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADEWISE_DATA"), required=False)
    parser.add_argument("--images", type=int, default=120)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        mangoes, fibres = (simulated(kind, arguments.images) for kind in ("mangoes", "nanofibres"))
        for case in cases(mangoes, fibres, None if arguments.data is None else Path(arguments.data)):
            measure(*case)


if __name__ == "__main__":
    main()
