"""Reference images: a dozen images that travel with a model, and the probabilities that it must give them anywhere."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise.command import UserError
from gradewise.predict.predictor import Predictor
from gradewise.provenance import derive_seed

NUMBER = 12
FOLDER, TABLE = "reference", "reference.csv"


def copy_references(manifest: pd.DataFrame, classes: list[str], seed: int, folder: Path) -> list[Path]:
    """Copy `NUMBER` images, drawn from the smaller half of each class's files, to the subfolder `FOLDER`.

    Parameters
    ----------
    manifest : DataFrame
        image_id, path, label.
    classes : list of str
        Each has as many images as the others, as far as there are enough.
    seed : int
    folder : Path

    Returns
    -------
    list of Path
        The copies, relative to `folder`.

    Raises
    ------
    UserError
        If a file is gone.
    """
    rng = np.random.default_rng(derive_seed(seed, "references"))
    queues = []
    for name in classes:
        paths = [Path(path) for path in manifest.loc[manifest["label"] == name, "path"]]
        sizes = [path.stat().st_size if path.exists() else _gone(path) for path in paths]
        small = [paths[place] for place in np.argsort(sizes, kind="stable")[: (len(paths) + 1) // 2]]
        queues.append([small[place] for place in rng.permutation(len(small))])
    chosen: list[Path] = []
    while len(chosen) < NUMBER and any(queues):
        for queue in queues:
            if queue and len(chosen) < NUMBER:
                chosen.append(queue.pop())
    (folder / FOLDER).mkdir()
    copies = []
    for number, path in enumerate(chosen, start=1):
        copy = Path(FOLDER) / f"{number:02d}{path.suffix}"
        shutil.copyfile(path, folder / copy)
        copies.append(copy)
    return copies


def _gone(path: Path) -> int:
    raise UserError(f"{path}: does not exist any more, though the model was trained on it; put it back")


def write_references(predictor: Predictor, images: list[Path], folder: Path) -> None:
    """Write `TABLE`: the class and probabilities of each reference image."""
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "class", *(f"p_{name}" for name in predictor.description.classes)])
        for image, verdict in zip(images, predictor.predict(folder / image for image in images), strict=True):
            if verdict.error is not None:
                raise UserError(f"{verdict.path}: copied from the images of training, but now {verdict.error}")
            writer.writerow([image.as_posix(), verdict.predicted, *verdict.probabilities.values()])


def largest_difference(predictor: Predictor, folder: Path) -> tuple[int, float]:
    """Number of reference images, and the largest difference of a probability from `TABLE`.

    Raises
    ------
    UserError
        If an image cannot be classified or has another class.
    """
    table = pd.read_csv(folder / TABLE, keep_default_na=False, dtype={"file": str, "class": str})
    columns = [f"p_{name}" for name in predictor.description.classes]
    verdicts = list(predictor.predict(folder / name for name in table["file"]))
    for verdict, predicted in zip(verdicts, table["class"], strict=True):
        if verdict.error is not None:
            raise UserError(f"{verdict.path}: {verdict.error}")
        if verdict.predicted != predicted:
            raise UserError(f"{verdict.path}: predicted {verdict.predicted}, but {TABLE} says {predicted}")
    told = np.array([list(verdict.probabilities.values()) for verdict in verdicts])
    return len(table), float(np.abs(told - table[columns].to_numpy()).max())
