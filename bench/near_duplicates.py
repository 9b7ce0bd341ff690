"""How many planted copies of real or simulated images are found, and how many pairs are found that are none.

    python bench/near_duplicates.py FOLDER [--images 1000] [--copies 40]

Draws images from a folder, writes changed copies of some beside them into a temporary folder, and looks for duplicates
among the images alone and then among images and copies. A pair found with a copy of another image, and not among the
images alone, is a false alarm.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from gradewise.images.decode import decode, to_uint8
from gradewise.images.duplicates import find_duplicates
from gradewise.images.fingerprints import SIDE, fingerprint
from gradewise.images.listing import IMAGE_SUFFIXES

KINDS = ("recompressed", "resized", "turned", "cropped", "cropped, 8 % a side", "all at once")


def changed(pixels: np.ndarray, kind: str, rng: np.random.Generator) -> tuple[Image.Image, dict[str, int]]:
    """A changed copy and how to save it: JPEG quality 60 to 90, side x 0.4 to 1.5, turned, 0 to 8 % cut off a side."""
    image = Image.fromarray(pixels)
    every = kind == "all at once"
    if every or kind == "turned":
        turn = int(rng.integers(1, 8))
        array = np.asarray(image)
        image = Image.fromarray(np.ascontiguousarray(np.rot90(array[:, ::-1] if turn > 3 else array, turn % 4)))
    if every or kind.startswith("cropped"):
        left, top, right, bottom = np.full(4, 0.08) if "8 %" in kind else rng.uniform(0, 0.05 if every else 0.08, 4)
        width, height = image.size
        image = image.crop(
            (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
        )
    if every or kind == "resized":
        scale = rng.uniform(0.4, 1.5)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    return image, {"quality": int(rng.integers(60, 91))} if every or kind == "recompressed" else {}


def facts(path: Path) -> tuple[int, str, bytes]:
    decoded = decode(path)
    return decoded.bits, decoded.pixel_hash(), fingerprint(decoded, path)["thumbnail"]


def search(paths: list[Path]) -> tuple[pd.DataFrame, float, float]:
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        rows = pd.DataFrame(list(pool.map(facts, paths)), columns=["bits", "pixel_hash", "thumbnail"])
    frame = rows.assign(path=[str(path) for path in paths], image_id=[str(place) for place in range(len(paths))])
    thumbnails = np.frombuffer(b"".join(frame.pop("thumbnail")), dtype=np.uint8).reshape(-1, SIDE, SIDE)
    read = time.perf_counter()
    found = find_duplicates(frame, thumbnails, threads=2)
    return found, read - start, time.perf_counter() - read


def main(folder: Path, images: int, copies: int) -> None:
    rng = np.random.default_rng(1)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    files = [files[place] for place in np.sort(rng.permutation(len(files))[:images])]
    clean, _, _ = search(files)
    with tempfile.TemporaryDirectory() as scratch:
        planted, origin, kinds = [], list(range(len(files))), []
        for kind in KINDS:
            for source in rng.choice(len(files), min(copies, len(files)), replace=False):
                decoded = decode(files[source])
                copy, options = changed(to_uint8(decoded.pixels, decoded.bits), kind, rng)
                path = Path(scratch, f"{len(planted)}.{'jpg' if options else 'png'}")
                copy.save(path, **options)
                planted.append(path)
                origin.append(int(source))
                kinds.append(kind)
        found, reading, searching = search(files + planted)
    alike = {frozenset(pair) for pair in zip(clean["image_id"], clean["other_image_id"], strict=True)}
    joined = {place: set() for place in range(len(origin))}
    false, of_copies = [], 0
    for row in found.itertuples(index=False):
        one, other = int(row.image_id), int(row.other_image_id)
        joined[one].add(other)
        joined[other].add(one)
        sources = frozenset((str(origin[one]), str(origin[other])))
        if max(one, other) >= len(files):
            of_copies += 1
            if len(sources) == 2 and sources not in alike:
                false.append((row.image_id, row.other_image_id, round(row.similarity, 4)))
    print(f"{len(files)} images of one folder, {len(planted)} copies planted")
    print(f"among the images alone: {(clean['kind'] == 'exact').sum()} exact, {(clean['kind'] == 'near').sum()} near")
    linked = 0
    for kind in KINDS:
        mine = [place for place, name in enumerate(kinds) if name == kind]
        # a copy is found where it is paired with its original or with another copy of it
        hits = sum(any(origin[k] == origin[len(files) + m] for k in joined[len(files) + m]) for m in mine)
        linked += hits
        print(f"  {kind:22} found {hits:4} of {len(mine):4}  recall {hits / len(mine):.3f}")
    print(
        f"  all kinds: recall {linked / len(planted):.3f}, precision {1 - len(false) / max(1, of_copies):.3f}", end=""
    )
    print(f" ({len(false)} false of {of_copies} pairs with a copy)", *false[:5])
    print(f"  {reading:.1f} s to read and take fingerprints, {searching:.1f} s to search\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=40)
    cv2.setNumThreads(1)
    arguments = parser.parse_args()
    main(arguments.folder, arguments.images, arguments.copies)
