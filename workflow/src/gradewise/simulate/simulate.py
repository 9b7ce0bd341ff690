"""Writes a simulated dataset: images, their label table and exact masks. Nothing in it was photographed or measured.

Every image has random numbers of its own, derived from the seed and its number, so neither the number of processes
nor the order in which they finish changes a byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.processes import end_with_parent
from gradewise.progress import track
from gradewise.simulate import mangoes, nanofibres
from gradewise.simulate.drawing import Drawing

LABELS, IMAGES = "labels.csv", "images"

CHUNK = 12
"""Number of images that a process draws in a row, most often all photos of some fruits."""

Row = dict[str, str | int | float]


def simulate(*, simulation: NanofibreSimulation | MangoSimulation, seed: int, threads: int, output: Path) -> None:
    """Simulate a dataset of labelled images.

    Parameters
    ----------
    simulation : NanofibreSimulation or MangoSimulation
        What to simulate, as JSON, e.g. ``{"kind": "nanofibres", "images": 160}``.
    seed : int
        Seed of all random numbers.
    threads : int
        How many images are drawn at a time.
    output : Path
        Folder for ``labels.csv`` (image_id, label and what else is known of an image), ``images/`` and ``masks/``
        (visible defects, 255 on 0, one mask per image under the same name); for mangoes also ``objects/``, masks of
        the main fruit. Results of an earlier run are replaced.
    """
    for folder in (IMAGES, "masks", "objects"):
        shutil.rmtree(output / folder, ignore_errors=True)
    (output / LABELS).unlink(missing_ok=True)
    write = partial(_draw_and_write, simulation, seed, output)
    rows = list(track(_each(write, range(simulation.images), threads), simulation.images, "images simulated"))
    with tables.replacing(output / LABELS) as unfinished:
        pd.DataFrame(rows).sort_values("image_id").to_csv(unfinished, index=False)


def _each(function: Callable[[int], Row], numbers: Iterable[int], processes: int) -> Iterator[Row]:
    if processes == 1:
        yield from map(function, numbers)
        return
    # Forked processes can hang on locks that OpenCV's threads held at that moment.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_prepare_worker) as pool:
        yield from pool.map(function, numbers, chunksize=CHUNK)


def _prepare_worker() -> None:
    # idle workers would wait for ever for a parent that was killed, and whoever reads their output would wait for them
    end_with_parent()
    # there is a process for each core, and threads of libraries that wait for work would keep the cores busy
    cv2.setNumThreads(1)
    threadpool_limits(1)


def draw(simulation: NanofibreSimulation | MangoSimulation, seed: int, index: int) -> Drawing:
    """Draw one image of a dataset, `index` counting from 0."""
    if isinstance(simulation, NanofibreSimulation):
        return nanofibres.draw(simulation, seed, index)
    return mangoes.draw(simulation, seed, index)


def _draw_and_write(simulation: NanofibreSimulation | MangoSimulation, seed: int, output: Path, index: int) -> Row:
    drawing = draw(simulation, seed, index)
    _write_png(drawing.pixels, output / IMAGES / drawing.image_id)
    for folder, mask in drawing.masks.items():
        _write_png(mask, output / folder / drawing.image_id)
    return {"image_id": drawing.image_id, "label": drawing.label, **drawing.metadata}


def _write_png(pixels: np.ndarray, path: Path) -> None:
    bgr = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    _, encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    with tables.replacing(path) as unfinished:
        unfinished.write_bytes(encoded.tobytes())


if __name__ == "__main__":
    command.run(simulate)
