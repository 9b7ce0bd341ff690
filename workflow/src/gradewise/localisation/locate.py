"""The step `locate`: asks a fitted model where in its test images the positive class shows."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

import cv2
import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.config.sources import Reading
from gradewise.families.load import load
from gradewise.images.decode import decode, to_uint8
from gradewise.images.files import read_before
from gradewise.localisation.maps import HeatMap, map_image
from gradewise.localisation.schemas import MAPS
from gradewise.progress import track
from gradewise.results import Results
from gradewise.views.stored import read_view

log = logging.getLogger(__name__)


def locate(
    *,
    results: Path,
    model: str,
    repeat: int,
    positive: str,
    reading: Reading,
    threads: int,
    output: Path,
    stride: int | None = None,
) -> None:
    """Map the positive class over the test images of a run.

    Memory holds one image and its map at a time.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its manifest, splits and the run.
    model : str
        Its name in the configuration.
    repeat : int
    positive : str
        The class.
    reading : Reading
        Which page of files with several is read and what numbers are black and white, as JSON.
    threads : int
    output : Path
        The table of maps.
    stride : int, optional
        From one tile to the next [px], see `maps.map_image`.

    Raises
    ------
    UserError
        Where an image is gone or can no longer be read.
    """
    files = Results(results)
    run = files.run(model, repeat)
    view = read_view(files.view(json.loads(run.record.read_text())["view"]))
    classifier = load(run.folder)
    images = tables.read(files.table("manifest"))
    roles = tables.read(files.table("splits"))
    tested = roles.loc[(roles["repeat"] == repeat) & (roles["role"] == "test"), "image_id"]
    bits = int(images["bits"].max())
    images = images.loc[images["image_id"].isin(tested)]
    cv2.setNumThreads(1)
    with tables.appending(output, MAPS) as append, threadpool_limits(threads):
        for image in track(images.itertuples(), len(images), "images"):
            with read_before(image.path):
                pixels = to_uint8(decode(Path(image.path), reading).pixels, bits)
            heat = map_image(
                pixels, view, classifier, positive, stride=stride, bar_rows=int(image.bar_rows), threads=threads
            )
            append(_row(image.image_id, image.group, image.label, heat))
    log.info("%s: maps of %d images", output, len(images))


def _row(image_id: str, group: str, label: str, heat: HeatMap) -> pd.DataFrame:
    rows, columns = heat.scores.shape
    facts = {"image_id": image_id, "group": group, "label": label, "rows": rows, "columns": columns, "cell": heat.cell}
    return pd.DataFrame([{**facts, **asdict(heat.frame), "scores": heat.scores.ravel()}])


if __name__ == "__main__":
    command.run(locate)
