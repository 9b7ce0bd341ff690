"""How many planted copies of real or simulated images are found, how many false pairs, and how long the search takes.

    python bench/near_duplicates.py recall FOLDER [--table CSV] [--images 1000] [--copies 40] [--lists]
    python bench/near_duplicates.py time FOLDER --images 10000

`recall` draws images from a folder (with `--table`, only those listed), writes changed copies of some of them into a
temporary folder, and searches first the images alone, then images and copies together. A pair with a copy of another
image is a false alarm unless the two images form a pair themselves. With `--lists`, all that is repeated with the lists
by which large sets are searched, and the pairs in which the two searches differ are counted. `time` searches a dataset
of any size: if the folder holds too few images, further ones are made by adding a different smooth pattern to each, so
that every image has look-alikes.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image

from gradewise.images import duplicates
from gradewise.images.decode import decode, to_uint8
from gradewise.images.fingerprints import SIDE, fingerprint
from gradewise.images.listing import IMAGE_SUFFIXES

KINDS = ("recompressed", "resized", "turned", "cropped", "cropped, 8 % a side", "all at once")


def changed(pixels: np.ndarray, kind: str, rng: np.random.Generator) -> tuple[Image.Image, dict[str, int]]:
    """A changed copy and how to save it: JPEG quality 60 to 90, side x 0.4 to 1.5, turned, 0 to 8 % cut off a side."""
    image = Image.fromarray(pixels)
    changes_all = kind == "all at once"
    if changes_all or kind == "turned":
        turn = int(rng.integers(1, 8))
        array = np.asarray(image)
        image = Image.fromarray(np.ascontiguousarray(np.rot90(array[:, ::-1] if turn > 3 else array, turn % 4)))
    if changes_all or kind.startswith("cropped"):
        largest = 0.05 if changes_all else 0.08
        left, top, right, bottom = np.full(4, 0.08) if "8 %" in kind else rng.uniform(0, largest, 4)
        width, height = image.size
        image = image.crop(
            (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
        )
    if changes_all or kind == "resized":
        scale = rng.uniform(0.4, 1.5)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    return image, {"quality": int(rng.integers(60, 91))} if changes_all or kind == "recompressed" else {}


def facts(path: Path) -> tuple[int, str, bytes]:
    decoded = decode(path)
    return decoded.bits, decoded.pixel_hash(), fingerprint(decoded, path)["thumbnail"]


def draw(folder: Path, table: Path | None, images: int, rng: np.random.Generator) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if table:
        named = set(pd.read_csv(table, dtype=str)["image_id"])
        files = [path for path in files if path.name in named]
    return [files[index] for index in np.sort(rng.permutation(len(files))[:images])]


def search(paths: list[Path], threads: int) -> tuple[pd.DataFrame, str]:
    start, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        rows = pd.DataFrame(list(pool.map(facts, paths)), columns=["bits", "pixel_hash", "thumbnail"])
    frame = rows.assign(path=[str(path) for path in paths], image_id=[str(index) for index in range(len(paths))])
    thumbnails = np.frombuffer(b"".join(frame.pop("thumbnail")), dtype=np.uint8).reshape(-1, SIDE, SIDE)
    read, spent_reading = time.perf_counter(), time.process_time()
    pairs = duplicates.find_duplicates(frame, thumbnails, threads=threads)
    took = (
        f"{read - start:.0f} s ({spent_reading - spent:.0f} s of processor time) to read and take fingerprints, "
        f"{time.perf_counter() - read:.0f} s ({time.process_time() - spent_reading:.0f} s) to search, "
        f"threads: {threads}"
    )
    return pairs, took


def recall(folder: Path, table: Path | None, images: int, copies: int, threads: int, lists: bool) -> None:
    rng = np.random.default_rng(1)
    files = draw(folder, table, images, rng)
    with tempfile.TemporaryDirectory() as scratch:
        planted: list[Path] = []
        origin, kinds = list(range(len(files))), []
        for kind in KINDS:
            for source in rng.choice(len(files), min(copies, len(files)), replace=False):
                decoded = decode(files[source])
                copy, options = changed(to_uint8(decoded.pixels, decoded.bits), kind, rng)
                path = Path(scratch, f"{len(planted)}.{'jpg' if options else 'png'}")
                copy.save(path, **options)
                planted.append(path)
                origin.append(int(source))
                kinds.append(kind)
        print(f"{len(files)} images of one folder, {len(planted)} copies planted")
        found = []
        for few in (duplicates.FEW, 0) if lists else (duplicates.FEW,):
            duplicates.FEW = few
            everything, _ = search(files, threads)
            pairs, took = search(files + planted, threads)
            tell(len(files), origin, kinds, everything, pairs)
            print(f"  {took}\n", flush=True)
            found.append({(row.image_id, row.other_image_id, row.kind) for row in pairs.itertuples()})
    if lists:
        of_all, of_lists = found
        print(f"{len(of_all - of_lists)} pairs of {len(of_all)} found by comparing all pairs alone, ", end="")
        print(f"{len(of_lists - of_all)} by lists alone: {Counter(kind for *_, kind in of_all ^ of_lists)}\n")


def tell(images: int, origin: list[int], kinds: list[str], everything: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Print recall and precision; `everything` are the pairs among the images alone, `pairs` those with copies, too."""
    clean = everything.loc[everything["kind"] != "alike"]
    pairs = pairs.loc[pairs["kind"] != "alike"]
    alike = {frozenset(pair) for pair in zip(clean["image_id"], clean["other_image_id"], strict=True)}
    joined: dict[int, set[int]] = {index: set() for index in range(len(origin))}
    false, of_copies = [], 0
    for row in pairs.itertuples(index=False):
        first, second = int(row.image_id), int(row.other_image_id)
        joined[first].add(second)
        joined[second].add(first)
        sources = frozenset((str(origin[first]), str(origin[second])))
        if max(first, second) >= images:
            of_copies += 1
            if len(sources) == 2 and sources not in alike:
                false.append((row.image_id, row.other_image_id, round(row.similarity, 4)))
    print(
        f"among the images alone: {(clean['kind'] == 'exact').sum()} exact and {(clean['kind'] == 'near').sum()} near "
        f"copies, {(everything['kind'] == 'alike').sum()} pairs alike"
    )
    linked = 0
    for kind in KINDS:
        of_kind = [images + number for number, name in enumerate(kinds) if name == kind]
        # A copy counts as found if it is paired with its original or with another copy of it.
        hits = sum(any(origin[other] == origin[copy] for other in joined[copy]) for copy in of_kind)
        linked += hits
        print(f"  {kind:22} found {hits:4} of {len(of_kind):4}  recall {hits / len(of_kind):.3f}")
    print(f"  all kinds: recall {linked / len(kinds):.3f}, precision {1 - len(false) / max(1, of_copies):.3f}", end="")
    print(f" ({len(false)} false of {of_copies} pairs with a copy)", *false[:5])


def measure_time(folder: Path, images: int, threads: int) -> None:
    rng = np.random.default_rng(2)
    files = draw(folder, None, images, rng)
    with tempfile.TemporaryDirectory() as scratch:
        paths = list(files)
        while len(paths) < images:
            decoded = decode(files[len(paths) % len(files)])
            pixels = to_uint8(decoded.pixels, decoded.bits).astype(np.float32)
            pattern = cv2.resize(rng.normal(0, 12, (12, 12)).astype(np.float32), pixels.shape[1::-1])
            pattern = pattern.reshape(pattern.shape + (1,) * (pixels.ndim - 2))
            paths.append(Path(scratch, f"{len(paths)}.jpg"))
            Image.fromarray(np.clip(pixels + pattern, 0, 255).astype(np.uint8)).save(paths[-1], quality=95)
        pairs, took = search(paths, threads)
    print(f"{len(paths)} images, {len(paths) - len(files)} of them made by adding patterns to the others")
    print(f"  {pairs['kind'].value_counts().to_dict()}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {took}; at most {peak:.0f} MB\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("recall", "time"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--lists", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    cv2.setNumThreads(1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.what == "time":
        measure_time(arguments.folder, arguments.images, arguments.threads)
    else:
        recall(
            arguments.folder, arguments.table, arguments.images, arguments.copies, arguments.threads, arguments.lists
        )
