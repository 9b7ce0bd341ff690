"""How many data bars drawn below images are found, and how often something else is taken for one.

    python bench/data_bars.py FOLDER [--bars 200]

The images of the folder must have no data bar. Each is searched in four orientations, where whatever is found is a
false alarm. Then bars of several designs are drawn below some of them, and the files saved without loss or as JPEG; a
bar counts as found if its height is right to a row.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gradewise.images.data_bar import find_bar
from gradewise.images.decode import decode, to_uint8
from gradewise.images.listing import IMAGE_SUFFIXES

QUALITIES = (None, 95, 85, 60)
DESIGNS = ("plain", "framed", "two lines", "fields")


def drawn_bar(width: int, height: int, design: str, dark: bool) -> np.ndarray:
    """A bar with text and a scale, grey."""
    background, ink = (0, 255) if dark else (255, 0)
    bar = Image.new("L", (width, height), background)
    draw = ImageDraw.Draw(bar)
    lines = ("HV 5.00 kV  WD 4.1 mm  HFW 2.56 um", "mag 50 000 x  det TLD")[: 2 if design == "two lines" else 1]
    size = max(9, height // (2 * len(lines) + 1))
    for place, line in enumerate(lines):
        draw.text((8, (2 * place + 1) * height / (2 * len(lines)) - size / 2), line, fill=ink, font_size=size)
    draw.line((0.75 * width, height / 2, 0.95 * width, height / 2), fill=ink, width=3)
    if design in ("framed", "fields"):
        draw.rectangle((0, 0, width - 1, height - 1), outline=ink, width=2)
    if design == "fields":
        for left in np.linspace(0, width, 7)[1:-1]:
            draw.line((left, 0, left, height), fill=ink, width=2)
    return np.asarray(bar)


def saved(pixels: np.ndarray, quality: int | None) -> np.ndarray:
    """Pixels as they come back from a JPEG file."""
    if quality is None:
        return pixels
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bars", type=int, default=200)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    false_alarms, seconds = 0, 0.0
    for path in paths:
        decoded = decode(path)
        for turns in range(4):
            turned = np.ascontiguousarray(np.rot90(decoded.pixels, turns))
            start = time.perf_counter()
            false_alarms += find_bar(turned, decoded.bits) > 0
            seconds += time.perf_counter() - start
    print(f"{len(paths)} images: {false_alarms} false alarms in four orientations", end="; ")
    print(f"{1000 * seconds / len(paths) / 4:.1f} ms for each search")
    rng = np.random.default_rng(0)
    found = {(design, quality): [0, 0] for design in DESIGNS for quality in QUALITIES}
    for number in range(arguments.bars):
        design, quality = list(found)[number % len(found)]
        decoded = decode(paths[rng.integers(len(paths))])
        pixels = to_uint8(decoded.pixels, decoded.bits)
        share = rng.uniform(0.05, 0.12)
        height = max(20, round(share * len(pixels)))
        bar = drawn_bar(pixels.shape[1], height, design, dark=bool(rng.integers(2)))
        whole = np.concatenate([pixels, bar if pixels.ndim == 2 else np.repeat(bar[..., None], 3, axis=2)])
        found[design, quality][0] += abs(find_bar(saved(whole, quality)) - height) <= 1
        found[design, quality][1] += 1
    for design in DESIGNS:
        cells = [f"{'lossless' if quality is None else f'JPEG {quality}'} {{}} of {{}}" for quality in QUALITIES]
        counts = [cell.format(*found[design, quality]) for cell, quality in zip(cells, QUALITIES, strict=True)]
        print(f"  {design:10} {', '.join(counts)}")


if __name__ == "__main__":
    main()
