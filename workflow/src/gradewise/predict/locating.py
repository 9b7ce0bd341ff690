"""Marks in new images where the class that a model looks for shows: masks, and a table of regions."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from gradewise.command import UserError
from gradewise.images.files import UnreadableError, escaped
from gradewise.images.microscopes import read_micrograph
from gradewise.localisation.maps import HeatMap, map_image
from gradewise.localisation.record import Localisation
from gradewise.localisation.regions import marked_strips, regions_of
from gradewise.predict.predict import CHUNK, read_verdicts
from gradewise.predict.predictor import Predictor, available_threads
from gradewise.progress import track
from gradewise.spreadsheets import without_formula

REGIONS = "regions.csv"
"""The table of regions in a folder of masks."""

HEADER = ("path", "mask", "top", "left", "bottom", "right", "area_px", "area_um2", "score")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mapped:
    """An image and its map.

    Attributes
    ----------
    frame : ndarray of uint8, shape (height, width, channels)
        What the map is drawn on.
    heat : HeatMap
    size : (int, int)
        Height and width of the image [px].
    pixel_size_nm : float or None
        Width of a pixel of the image, where its microscope stored it [nm].
    """

    frame: np.ndarray
    heat: HeatMap
    size: tuple[int, int]
    pixel_size_nm: float | None


def localisation_of(predictor: Predictor) -> Localisation | None:
    """What a model knows of maps; None where it was handed over without."""
    return None if predictor.judgement is None else predictor.judgement.localisation


def map_file(predictor: Predictor, path: Path, threads: int = 1) -> Mapped:
    """Map the class that a model looks for over an image file.

    Raises
    ------
    UnreadableError
        If the image cannot be used.
    """
    known = localisation_of(predictor)
    assert known is not None, "maps are asked for where the model knows of them"
    (member,) = predictor.members
    decoded = predictor.decode(path)
    pixels, bar_rows = predictor.pixels_of(path, decoded)
    view = predictor.views[member.view]
    heat = map_image(
        pixels, view, member.classifier, known.label, stride=known.stride, bar_rows=bar_rows, threads=threads
    )
    size = (pixels.shape[0], pixels.shape[1])
    return Mapped(view.begin(pixels, bar_rows), heat, size, read_micrograph(path, decoded).pixel_size_nm)


def mask_of(mapped: Mapped, threshold: float) -> np.ndarray:
    """What is marked in an image, uint8 (height, width): 255 where it is, 0 elsewhere."""
    frame = mapped.heat.frame
    marked = np.zeros((frame.height, frame.width), np.uint8)
    for rows, pixels in marked_strips(mapped.heat, threshold):
        marked[rows] = 255 * pixels
    size = (round(frame.width / frame.scale_x), round(frame.height / frame.scale_y))
    resized = np.asarray(cv2.resize(marked, size, interpolation=cv2.INTER_NEAREST))
    if resized.shape == mapped.size:
        return resized
    top, left = round(frame.top), round(frame.left)
    mask = np.zeros(mapped.size, np.uint8)
    # margins of views that pad images lie outside of them
    inside = resized[max(0, -top) :, max(0, -left) :]
    inside = inside[: mapped.size[0] - max(0, top), : mapped.size[1] - max(0, left)]
    mask[max(0, top) :, max(0, left) :][: inside.shape[0], : inside.shape[1]] = inside
    return mask


def check_maps(predictor: Predictor, folder: Path, output: Path) -> None:
    """Check that a model can mark images, and that the folder of masks does not exist.

    Raises
    ------
    UserError
        If not.
    """
    if localisation_of(predictor) is None:
        raise UserError(
            f"{folder}: knows no threshold for maps; hand over a model that localise lists: localise: true in the "
            "section of its dataset"
        )
    if output.exists():
        raise UserError(f"{output}: exists; delete it or give another --maps")


def write_maps(predictor: Predictor, table: Path, output: Path, threads: int | None = None) -> None:
    """Mark the images of a table of verdicts.

    Parameters
    ----------
    predictor : Predictor
    table : Path
        CSV that `gradewise predict` wrote.
    output : Path
        Folder for a PNG file for each image, as large as the image, 255 where it is marked; and `regions.csv`, with a
        row per connected region: its place and area in pixels, its area in square micrometres where the microscope
        stored the size of a pixel, and its highest score.
    threads : int, optional
    """
    known = localisation_of(predictor)
    assert known is not None, "checked before prediction"
    threads = threads or available_threads()
    output.mkdir(parents=True)
    marked = 0
    with (output / REGIONS).open("w", newline="", encoding="utf-8") as stream, threadpool_limits(threads):
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number, path in enumerate(_classified(table)):
            try:
                mapped = map_file(predictor, path, threads)
            except UnreadableError as error:
                log.warning("%s: is not marked: %s", path, error)
                continue
            name = f"{number:06d}-{escaped(Path(path.stem))}.png"
            Image.fromarray(mask_of(mapped, known.threshold)).save(output / name)
            rows = list(_rows(mapped, known.threshold))
            writer.writerows([without_formula(escaped(path)), without_formula(name), *row] for row in rows)
            marked += bool(rows)
    log.info("%s: %d images are marked", output, marked)


def _classified(table: Path) -> Iterable[Path]:
    for chunk in read_verdicts(table, CHUNK):
        paths = chunk.loc[chunk["error"] == "", "path"]
        yield from track(map(Path, paths), len(paths), "images")


def _rows(mapped: Mapped, threshold: float) -> Iterable[list[object]]:
    micrometres = None if mapped.pixel_size_nm is None else (mapped.pixel_size_nm / 1000) ** 2
    for region in regions_of(mapped.heat, threshold):
        area = "" if micrometres is None else round(region.area * micrometres, 6)
        ends = [round(end, 1) for end in (region.top, region.left, region.bottom, region.right)]
        yield [*ends, round(region.area, 1), area, round(region.score, 6)]
