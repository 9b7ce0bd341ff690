"""Whether a model's own doubt, beside statistics of pixels, helps to notice images unlike those of training.

    python bench/unknown_by_doubt.py [--data FOLDER] > bench/unknown_by_doubt.txt

FOLDER is that of `bench/unknown.py`. Each class is left out of training in turn. Images are flagged by pixels alone at
10 % false alarms, by the probability of the most probable class alone at 10 %, or by either at 5 %. `false` is what is
flagged of images held back, with the threshold from the other half of these; all else with that from all of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from unknown import SETTINGS, Image, Score, divided, fit, of_family, real, samples, simulated, strange_samples

from gradewise.judgement.alarms import threshold_of
from gradewise.judgement.strangeness import describe, fit_reference
from gradewise.views.samples import Samples

ALLOWED = 0.1
FAMILIES = ("pca_svm", "forest")


def measure(images: list[Image], others: dict[str, list[Image]], left_out: str) -> list[dict[str, object]]:
    """Shares of images that are flagged, by kind of image: a row for each way to flag them."""
    labels, groups, trained = divided(images)
    pixels = samples([image[0] for image in images], 3 if images[0][0].ndim == 3 else 1)
    known = labels != left_out
    test = np.flatnonzero(known & ~trained)
    strange = strange_samples(images, pixels, others, known, test)
    table = pd.DataFrame({"group": groups, "label": labels, "role": np.where(trained, "train", "test")})[known]
    table = table.assign(sample_id=table.index.astype(str), image_id=table.index.astype(str), row=0, column=0)
    training, usual = pixels[known & trained], pixels[test]
    reference = fit_reference(describe(training), pixels.shape[1:], np.random.default_rng(0))
    group = np.unique(groups[test], return_inverse=True)[1]

    def by_pixels(part: np.ndarray) -> np.ndarray:
        return reference.distances(describe(part))

    rows = [{"flagged by": "pixels"} | flagged([by_pixels], ALLOWED, usual, group, strange)]
    for family in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            data = Samples(table=table.reset_index(drop=True), pixels=pixels[known])
            classifier = fit(family, SETTINGS[family], data, sorted(set(labels[known])), Path(folder))
        doubt = dict(of_family(classifier, training))["least probable class"]
        rows += [
            {"flagged by": f"doubt of {family}"} | flagged([doubt], ALLOWED, usual, group, strange),
            {"flagged by": f"either, {family}"} | flagged([by_pixels, doubt], ALLOWED / 2, usual, group, strange),
        ]
    return rows


def flagged(
    scores: Sequence[Score], allowed: float, usual: np.ndarray, group: np.ndarray, strange: dict[str, np.ndarray]
) -> dict[str, float]:
    """Share of images of each kind for which any of the scores is above its threshold."""
    half = np.random.default_rng(0).permutation(group.max() + 1)[group] % 2
    false = np.zeros(len(usual), dtype=bool)
    found = {kind: np.zeros(len(part), dtype=bool) for kind, part in strange.items()}
    for score in scores:
        values = score(usual)
        for number in (0, 1):
            others = np.unique(group[half != number], return_inverse=True)[1]
            false[half == number] |= values[half == number] > threshold_of(values[half != number], others, allowed)
        for kind, part in strange.items():
            found[kind] |= score(part) > threshold_of(values, group, allowed)
    return {"false": float(false.mean())} | {kind: float(part.mean()) for kind, part in found.items()}


def main() -> None:
    """Print means over the classes that are left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADEWISE_DATA"), required=False)
    folder = Path(parser.parse_args().data)
    cv2.setNumThreads(1)
    datasets = {"mangoes": simulated("mangoes", 120), **real(folder)}
    with threadpool_limits(1):
        for name, images in datasets.items():
            others = {other: part[:40] for other, part in datasets.items() if other != name}
            classes = sorted({label for _, label, _ in images})
            rows = pd.DataFrame([row for left_out in classes for row in measure(images, others, left_out)])
            means = rows.groupby("flagged by", sort=False).mean()
            print(f"{name}: means over {len(classes)} classes left out in turn")
            print(means.to_string(float_format="%.2f"), flush=True)


if __name__ == "__main__":
    main()
