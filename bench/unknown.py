"""False alarms, and what is noticed: a class left out, other datasets and bad photos.

    python bench/unknown.py [--data FOLDER] > bench/unknown.txt

FOLDER, by default the environment's GRADEWISE_DATA, holds public photos: `fruit` of the Grocery Store Dataset (Klasson
et al. 2019) with `train.csv`, and `solar-cells` of ELPV (Deitsch et al. 2019) with `labels.csv`. Without it, simulated
images alone are used.

The first part draws strangeness from a known distribution, with groups that differ, and counts how often an image of a
new group exceeds the threshold. The second asks whether the strangeness of an image should be the mean of its tiles or
the highest. The third fits small models of three families to 60 % of the groups, with one class left out, and compares
what tells strange images from the images that were held back: the statistics of pixels that are used, and scores that
families could give: distance in the penultimate layer (Lee et al. 2018, Sun et al. 2022) and between means of feature
maps, distance of principal component scores and the residual, and the share of trees in which the nearest sample of
training does not share the leaf. All but the first line is what was not chosen.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.families import pca, registry
from gradewise.families.cnn.classifier import CnnClassifier, to_floats
from gradewise.families.forest.classifier import ForestClassifier
from gradewise.families.forest.votes import walk
from gradewise.families.pca_svm.classifier import PcaSvmClassifier
from gradewise.families.training_set import Components, TrainingSet
from gradewise.judgement.alarms import attainable, threshold_of
from gradewise.judgement.spoil import KINDS
from gradewise.judgement.strangeness import describe, fit_reference
from gradewise.simulate.simulate import draw
from gradewise.views.samples import Samples

SIDE, ALLOWED = 48, 0.05
SETTINGS = {
    "cnn": {"channels": [16, 32, 64, 96], "dense": [64], "iterations": 250, "dropout": 0.3},
    "pca_svm": {"components": 60},
    "forest": {"trees": 60},
}
Image = tuple[np.ndarray, str, str]
Score = Callable[[np.ndarray], np.ndarray]


def false_alarms(draws: int) -> None:
    """How often images of new groups exceed the threshold."""
    print(f"False alarms in {draws} simulated draws: share of images of new groups above the threshold")
    print("groups  images a group  correlation  asked for  attainable  false alarms  ratio")
    rng = np.random.default_rng(1)
    for groups, size in ((12, 1), (20, 3), (40, 1), (40, 5), (200, 3)):
        for correlation in (0.0, 0.5, 0.9):
            for share in (0.05, 0.1):
                group, shares = np.repeat(np.arange(groups), size), []
                for _ in range(draws):
                    values = _log_normal(group, correlation, rng)
                    new = _log_normal(np.arange(500), correlation, rng)
                    shares.append((new > threshold_of(values, group, share)).mean())
                nominal = attainable(share, groups)
                mean = np.mean(shares)
                counts = f"{groups:6} {size:15} {correlation:12} {share:10} {nominal:11.3f}"
                print(f"{counts} {mean:13.3f} {mean / nominal:6.2f}")


def _log_normal(group: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    shared = rng.normal(size=group.max() + 1)[group]
    return np.exp(np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * rng.normal(size=len(group)))


def simulated(kind: str, images: int) -> list[Image]:
    """Pixels, label and group of simulated images."""
    section = {"mangoes": MangoSimulation, "nanofibres": NanofibreSimulation}[kind]
    simulation = section.model_validate({"kind": kind, "images": images})
    group = {"mangoes": "fruit", "nanofibres": "experiment"}[kind]
    drawings = (draw(simulation, 1, number) for number in range(images))
    return [(drawing.pixels, drawing.label, str(drawing.metadata[group])) for drawing in drawings]


def photos(table: Path, folder: Path, classes: int, each: int, flag: int) -> list[Image]:
    """The same of labelled photos: so many of each of the most frequent classes, each a group of its own."""
    listed = pd.read_csv(table)
    frequent = listed["label"].value_counts().index[:classes].tolist()
    chosen = listed.loc[listed["label"].isin(frequent)].groupby("label").head(each)
    made = []
    for row in chosen.itertuples():
        pixels = cv2.imread(str(folder / row.image_id), flag)
        made.append((pixels[..., ::-1] if pixels.ndim == 3 else pixels, row.label, row.image_id))
    return made


def samples(images: list[np.ndarray], channels: int) -> np.ndarray:
    """Images as samples of a view: resized, in grey or colour."""
    made = []
    for pixels in images:
        if channels == 1 and pixels.ndim == 3:
            pixels = pixels.mean(axis=2).astype(np.uint8)
        if channels == 3 and pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        small = cv2.resize(np.ascontiguousarray(pixels), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        made.append(small.reshape(SIDE, SIDE, channels))
    return np.stack(made)


def tiles(images: list[Image], others: list[Image]) -> None:
    """Print how well the mean and the highest strangeness of an image's tiles tell bad images from good ones."""
    groups = np.array([image[2] for image in images])
    names = np.random.default_rng(0).permutation(np.unique(groups))
    trained = np.isin(groups, names[: round(0.6 * len(names))])
    training = np.concatenate([cut(images[k][0]) for k in np.flatnonzero(trained)])
    reference = fit_reference(describe(training), training.shape[1:], np.random.default_rng(0))
    good = [images[k][0] for k in np.flatnonzero(~trained)]
    strange = {kind: [spoil(pixels) for pixels in good] for kind, spoil in KINDS.items()}
    strange |= {"black spot": [spotted(pixels) for pixels in good], "other": [image[0] for image in others]}
    print(f"\nTiles of simulated nanofibres: {trained.sum()} images of training, {len(good)} held back")
    print(f"{'AUROC':34}" + "".join(f"{kind:>12}" for kind in strange))
    for name, of_tiles in (("mean (used)", np.mean), ("highest", np.max)):
        usual, *kinds = (
            [of_tiles(reference.distances(describe(cut(pixels)))) for pixels in part]
            for part in (good, *strange.values())
        )
        print(f"{name:34}" + "".join(f"{auroc(usual, part):12.2f}" for part in kinds))


def cut(pixels: np.ndarray) -> np.ndarray:
    """All whole tiles of 128 pixels, in grey."""
    grey = pixels.mean(axis=2).astype(np.uint8) if pixels.ndim == 3 else pixels
    rows, columns = (side // 128 for side in grey.shape)
    blocks = grey[: rows * 128, : columns * 128].reshape(rows, 128, columns, 128)
    return np.ascontiguousarray(blocks.swapaxes(1, 2)).reshape(-1, 128, 128, 1)


def spotted(pixels: np.ndarray) -> np.ndarray:
    """With a black square of a tenth of the smaller side."""
    side = min(pixels.shape[:2]) // 10
    pixels = pixels.copy()
    pixels[side : 2 * side, side : 2 * side] = 0
    return pixels


def auroc(usual: Sequence[float] | np.ndarray, strange: Sequence[float] | np.ndarray) -> float:
    """Probability that a strange image is stranger than a usual one."""
    return float(roc_auc_score(np.repeat([0, 1], [len(usual), len(strange)]), [*usual, *strange]))


def divided(images: list[Image]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes and groups of images, and which are for training: those of six in ten groups."""
    labels, groups = (np.array([image[part] for image in images]) for part in (1, 2))
    names = np.random.default_rng(0).permutation(np.unique(groups))
    return labels, groups, np.isin(groups, names[: round(0.6 * len(names))])


def strange_samples(
    images: list[Image], pixels: np.ndarray, others: dict[str, list[Image]], known: np.ndarray, test: np.ndarray
) -> dict[str, np.ndarray]:
    """Samples of a class that is left out, of other images, and of bad photos of those that are held back."""
    channels = pixels.shape[3]
    strange = {"left out": pixels[~known]}
    strange |= {kind: samples([image[0] for image in part], channels) for kind, part in others.items()}
    return strange | {kind: samples([spoil(images[k][0]) for k in test], channels) for kind, spoil in KINDS.items()}


def real(data: Path) -> dict[str, list[Image]]:
    """Photos of fruit in shops and of solar cells."""
    solar = data / "solar-cells"
    return {
        "shops": photos(data / "fruit/train.csv", data / "fruit/train", 6, 60, cv2.IMREAD_COLOR),
        "cells": photos(solar / "labels.csv", solar / "images", 4, 60, cv2.IMREAD_GRAYSCALE),
    }


def cases(
    mangoes: list[Image], fibres: list[Image], data: Path | None
) -> Iterator[tuple[str, list[Image], dict[str, list[Image]], str]]:
    """Arguments of `measure`: each dataset with images of the others, and the class that is left out."""
    datasets = {"simulated mangoes": (mangoes, "C")}
    if data is not None:
        photographed = real(data)
        fruit = photographed["shops"]
        datasets |= {"fruit in shops": (fruit, fruit[0][1]), "solar cells": (photographed["cells"], "D")}
    for name, (images, left_out) in datasets.items():
        others = {other.split()[-1]: part[:60] for other, (part, _) in datasets.items() if other != name}
        yield name, images, others | {"nanofibres": fibres[:60]}, left_out


def measure(name: str, images: list[Image], others: dict[str, list[Image]], left_out: str) -> None:
    """Fit models without a class, and print what each score tells apart."""
    labels, groups, trained = divided(images)
    channels = 3 if images[0][0].ndim == 3 else 1
    pixels = samples([image[0] for image in images], channels)
    known = labels != left_out
    test = np.flatnonzero(known & ~trained)
    strange = strange_samples(images, pixels, others, known, test)
    table = pd.DataFrame(
        {
            "sample_id": np.arange(known.sum()).astype(str),
            "image_id": np.arange(known.sum()).astype(str),
            "group": groups[known],
            "role": np.where(trained, "train", "test")[known],
            "label": labels[known],
            "row": 0,
            "column": 0,
        }
    )
    classes = sorted(set(labels[known]))
    print(f"\n{name} without {left_out}: {(known & trained).sum()} images of training, {len(test)} held back")
    print(f"{'AUROC':34}" + "".join(f"{kind:>12}" for kind in strange))
    training = pixels[known & trained]
    reference = fit_reference(describe(training), pixels.shape[1:], np.random.default_rng(0))
    scores: dict[str, Score] = {"pixels (used)": lambda part: reference.distances(describe(part))}
    accuracy = {}
    for family, settings in SETTINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            classifier = fit(family, settings, Samples(table=table, pixels=pixels[known]), classes, Path(folder))
        predicted = np.take(classes, classifier.predict_proba(pixels[test]).argmax(axis=1))
        accuracy[family] = (predicted == labels[test]).mean()
        scores |= {f"{family}: {score}": function for score, function in of_family(classifier, training)}
    for score, function in scores.items():
        usual = function(pixels[test])
        values = [auroc(usual, function(part)) for part in strange.values()]
        print(f"{score:34}" + "".join(f"{value:12.2f}" for value in values))
    usual = scores["pixels (used)"](pixels[test])
    limit = threshold_of(usual, np.unique(groups[test], return_inverse=True)[1], ALLOWED)
    flagged = [(scores["pixels (used)"](part) > limit).mean() for part in strange.values()]
    print(f"{'flagged at 5 % false alarms':34}" + "".join(f"{share:12.2f}" for share in flagged))
    print("accuracy: " + ", ".join(f"{family} {share:.2f}" for family, share in accuracy.items()))


def fit(family: str, settings: dict, data: Samples, classes: list[str], folder: Path):
    """A model of a family."""
    kind = registry.family(family)
    section = kind.settings.model_validate(settings)
    training = TrainingSet(data, classes, 1, 1, folder)
    count = kind.components(section)
    if count is not None:
        fitted = pca.fit(data.pixels, training.train[0], count)
        components = Components(fitted, fitted.project(data.pixels), 0.0)
        training = TrainingSet(data, classes, 1, 1, folder, components)
    return kind.fit(training, section).classifier


def of_family(classifier: object, training: np.ndarray) -> Iterator[tuple[str, Score]]:
    """Scores that a family could give."""
    yield "least probable class", lambda part: 1 - classifier.predict_proba(part).max(axis=1)
    if isinstance(classifier, CnnClassifier):
        far = [mahalanobis(part) for part in activations(classifier, training)]
        yield "penultimate layer", lambda part: far[0](activations(classifier, part)[0])
        yield "means of feature maps", lambda part: far[1](activations(classifier, part)[1])
    if isinstance(classifier, PcaSvmClassifier):
        yield "scores", lambda part: np.square(parts_of(classifier, part)[0]).sum(axis=1)
        yield "residual", lambda part: parts_of(classifier, part)[1]
    if isinstance(classifier, ForestClassifier):
        yield "shared leaves", lambda part: unshared(classifier, training, part)


def activations(classifier: CnnClassifier, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values before the last layer, and means of the maps after each block."""
    network, last, means = classifier.network, [], []
    layers = list(network.features.named_children())
    ends = {name for (name, _), (following, _) in pairwise(layers) if following.startswith("conv")}
    with torch.inference_mode():
        for start in range(0, len(pixels), 64):
            maps, of_batch = classifier.normalise(to_floats(pixels[start : start + 64], classifier.device)), []
            for name, layer in layers:
                maps = layer(maps)
                if name in ends or name == layers[-1][0]:
                    of_batch.append(maps.mean(dim=(2, 3)))
            means.append(torch.cat(of_batch, 1).numpy())
            last.append(network.head[:-1](maps.flatten(1)).numpy())
    return np.concatenate(last).astype(float), np.concatenate(means).astype(float)


def mahalanobis(training: np.ndarray) -> Score:
    """Squared distance from the mean, by a covariance that is shrunk (Ledoit & Wolf 2004)."""
    return LedoitWolf().fit(training).mahalanobis


def parts_of(classifier: PcaSvmClassifier, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores in standard deviations, and the squared length of what components leave."""
    scores = classifier.pca.project(pixels)
    rest = pixels.reshape(len(pixels), -1) - classifier.pca.mean - scores @ classifier.pca.components
    return scores / np.sqrt(classifier.pca.explained_variance), np.square(rest).sum(axis=1) + 1


def unshared(classifier: ForestClassifier, training: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Share of trees in which the sample of training that shares most leaves does not share it."""
    known, new = (walk(classifier.forest, classifier.features.project(part), 1).T for part in (training, pixels))
    return np.array([1 - (known == leaves).mean(axis=1).max() for leaves in new])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADEWISE_DATA"))
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--draws", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    false_alarms(arguments.draws)
    with threadpool_limits(1):
        mangoes, fibres = (simulated(kind, arguments.images) for kind in ("mangoes", "nanofibres"))
        tiles(fibres, mangoes[:40])
        for case in cases(mangoes, fibres, None if arguments.data is None else Path(arguments.data)):
            measure(*case)


if __name__ == "__main__":
    main()
