"""How many planted errors are among the labels that are said to be worth a second look, in simulated images.

    python bench/suspect_labels.py > bench/suspect_labels.txt

Labels of about 5 % of the images are replaced by another class: of single images, of whole groups, or of all images of
one kind (cultivar, concentration) and one class. Models of all families are then tested on five folds of groups. For
each, the suspects are compared with as many images of the lowest probability of their label; "first" are the 12
suspects that the report shows as pictures. Figures are means over draws of the errors.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

from gradewise import tables
from gradewise.config.evaluation import Evaluation
from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.families.fit_pca import fit_pca
from gradewise.families.train import train
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.images.split import draw_splits
from gradewise.simulate.simulate import draw
from gradewise.views.schemas import samples_schema

SHARE = 0.05
SHOWN = 12
"""Suspects that the report shows as pictures."""
SIDES = {"mangoes": 32, "mangoes A and C": 32, "nanofibres": 64}
"""Height and width of the images [px]."""
MODELS = {
    "cnn": {"channels": [8, 16, 32], "dense": [16], "epochs": 20, "augment": ["d4"]},
    "pca_svm": {"components": 30, "C": 10.0},
    "forest": {"trees": 100},
}
MEAN = "mean of all"
WAYS = ("both", "prune_by_noise_rate")
"""Filters of cleanlab: the one that gradewise uses, and cleanlab's own choice."""

ERRORS = ("images", "groups", "a kind")


@dataclass(frozen=True)
class Kind:
    """Simulated images of one kind: the table with `image_id`, `label`, `group` and `kind`, and pixels."""

    name: str
    classes: list[str]
    table: pd.DataFrame
    pixels: np.ndarray


def simulated(name: str, images: int) -> Kind:
    """Mangoes of all or of two grades in groups of three photos, or nanofibres in 16 experiments."""
    mangoes, side = name != "nanofibres", SIDES[name]
    simulation: MangoSimulation | NanofibreSimulation = (
        MangoSimulation(kind="mangoes", images=images, side=2 * side)
        if mangoes
        # more and larger defects than in the example, since whole images are shrunk here
        else NanofibreSimulation(kind="nanofibres", images=images, side=4 * side, beads=12, noise=2, defect_share=0.05)
    )
    classes = {"mangoes": ["A", "B", "C"], "mangoes A and C": ["A", "C"], "nanofibres": ["HNF", "NHNF"]}[name]
    drawings = [one for one in (draw(simulation, 1, index) for index in range(images)) if one.label in classes]
    pixels = [cv2.resize(drawing.pixels, (side, side), interpolation=cv2.INTER_AREA) for drawing in drawings]
    table = pd.DataFrame([{"image_id": one.image_id, "label": one.label, **one.metadata} for one in drawings])
    table["group"] = table["fruit" if mangoes else "experiment"].astype(str)
    table["kind"] = table["cultivar" if mangoes else "concentration_wt"].astype(str)
    return Kind(name, classes, table, np.stack(pixels).reshape(len(pixels), side, side, -1))


def plant(data: Kind, errors: str, rng: np.random.Generator) -> np.ndarray:
    """Labels of which about 5 % are wrong."""
    labels = data.table["label"].to_numpy().copy()
    if errors == "images":
        wrong = rng.choice(len(labels), round(SHARE * len(labels)), replace=False)
    elif errors == "groups":
        wrong, order = np.array([], dtype=int), iter(rng.permutation(data.table["group"].unique()))
        while len(wrong) < SHARE * len(labels):
            wrong = np.append(wrong, np.flatnonzero(data.table["group"] == next(order)))
    else:
        kinds = data.table.groupby(["kind", "label"])["group"].agg(["size", "nunique"])
        sizes = kinds.loc[kinds["nunique"] > 1, "size"]
        kind, label = (sizes - SHARE * len(labels)).abs().sort_values(kind="stable").index[rng.integers(2)]
        wrong = np.flatnonzero((data.table["kind"] == kind) & (data.table["label"] == label))
        others = [name for name in data.classes if name != label]
        labels[wrong] = rng.choice(others)
        return labels
    labels[wrong] = [rng.choice([name for name in data.classes if name != labels[row]]) for row in wrong]
    return labels


def probabilities(data: Kind, labels: np.ndarray, seed: int, folder: Path) -> dict[str, np.ndarray]:
    """Of each model the probabilities of all images, tested on five folds, shape (n, k)."""
    facts = {"path": "", "role": None, "width": 0, "height": 0, "mode": "L", "bits": 8, "pixel_hash": ""}
    facts |= {"mask": None, "pixel_size_nm": None, "bar_rows": 0, "mask_hash": None, "file_hash": None}
    manifest = data.table[["image_id", "group"]].assign(label=labels, **facts)
    cache = manifest[["image_id", "label"]].assign(sample_id=manifest["image_id"], row=0, column=0)
    cache = cache.assign(masked_fraction=None, pixels=[image.tobytes() for image in data.pixels])
    splits = draw_splits(manifest, Evaluation.model_validate({"folds": 5, "repeats": 1}), data.classes, seed)
    inputs = {name: folder / f"{name}.parquet" for name in ("samples", "splits", "manifest")}
    shape = list(data.pixels.shape[1:])
    tables.write(cache, inputs["samples"], samples_schema(data.pixels[0].size, {"shape": shape, "view": ["grey"]}))
    tables.write(splits, inputs["splits"], SPLITS)
    tables.write(manifest, inputs["manifest"], MANIFEST)
    parts: dict[str, list[pd.DataFrame]] = {family: [] for family in MODELS}
    for repeat in range(5):
        fit_pca(**inputs, repeat=repeat, components=30, threads=1, output=folder)
        for family, settings in MODELS.items():
            components = {"features": folder / "features.parquet", "pca": folder / "pca.safetensors"}
            train(
                family=family,
                **inputs,
                **(components if family == "pca_svm" else {}),
                repeat=repeat,
                dataset=data.name,
                model=family,
                view="small",
                classes=data.classes,
                candidates=[settings],
                seed=seed,
                threads=1,
                output=folder / family,
            )
            parts[family].append(tables.read(folder / family / "predictions.parquet", role="test"))
    columns = [f"p_{name}" for name in data.classes]
    tested = {
        family: pd.concat(frames).set_index("image_id").loc[manifest["image_id"], columns].to_numpy(np.float64)
        for family, frames in parts.items()
    }
    return tested | {MEAN: np.mean(list(tested.values()), axis=0)}


def measured(data: Kind, labels: np.ndarray, errors: str, tested: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """Precision and recall of each way to find suspects, a row for each model."""
    codes, truth = (pd.Categorical(values, data.classes).codes.astype(int) for values in (labels, data.table["label"]))
    wrong, rows = codes != truth, []
    for model, chances in tested.items():
        known = {"images": data.name, "errors": errors, "model": model, "wrong": wrong.sum()}
        known["accuracy"] = (chances.argmax(axis=1) == truth).mean()
        scores = {
            way: get_label_quality_scores(codes, chances, method=way)
            for way in ("self_confidence", "normalized_margin")
        }
        known |= {f"AP {way}": average_precision_score(wrong, -score) for way, score in scores.items()}
        order = np.argsort(scores["self_confidence"], kind="stable")
        for way in WAYS:
            suspects = find_label_issues(codes, chances, filter_by=way, n_jobs=1)
            lowest = np.isin(np.arange(len(codes)), order[: suspects.sum()])
            row = {**known, "way": way, "suspects": suspects.sum()}
            for name, chosen in (("", suspects), (" of lowest", lowest)):
                row[f"precision{name}"] = wrong[chosen].mean() if chosen.any() else np.nan
                row[f"recall{name}"] = chosen[wrong].mean()
            first = order[np.isin(order, np.flatnonzero(suspects))][:SHOWN]
            row["precision of first"] = wrong[first].mean() if len(first) else np.nan
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--images", type=int, default=240)
    given = parser.parse_args()
    logging.disable()
    rows = []
    for name in SIDES:
        data = simulated(name, given.images)
        for errors in ERRORS:
            for seed in range(given.draws):
                labels = plant(data, errors, np.random.default_rng(seed))
                with tempfile.TemporaryDirectory() as folder:
                    rows += measured(data, labels, errors, probabilities(data, labels, seed, Path(folder)))
    frame = pd.DataFrame(rows)
    print(f"{given.images} images drawn of each kind, {given.draws} draws of errors\n")
    keys = ["images", "errors", "model"]
    models = frame.drop_duplicates([*keys, "wrong", "accuracy", "AP self_confidence"])
    print("Accuracy against the true labels, and average precision of two rankings of all images")
    known = ["wrong", "accuracy", "AP self_confidence", "AP normalized_margin"]
    print(models.groupby(keys, sort=False)[known].mean().round(2).to_string())
    print("\nSuspects, and as many images of the lowest probability of their label")
    measures = ["suspects", "precision", "recall", "precision of lowest", "recall of lowest", "precision of first"]
    print(frame.groupby([*keys, "way"], sort=False)[measures].mean().round(2).to_string())


if __name__ == "__main__":
    main()
