"""Pixels copied from a view's cache by each job, against pixels mapped into memory: time, disk and page cache.

    python bench/mapped_samples.py [--samples 5600] [--side 224] [--runs 5] [--jobs 3]

Samples are random RGB pixels, each with a role. A job reads the samples of a repeat and passes over all of them once,
in random batches of 32, as training does. `copied` has only the parquet cache, so each job copies the pixels into a
temporary file of its own; `mapped` also has the array. The two alternate; jobs of one turn run at the same time and
keep their samples until all have finished. Cold: the files were dropped from the page cache before the turn. Page
cache: the memory that it holds for the files in use and for the temporary files of the jobs, while these wait.
"""

import argparse
import ctypes
import hashlib
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gradewise import tables
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.views.samples import pixels_file, read_samples, writing_pixels
from gradewise.views.schemas import samples_schema

SIDES = ("copied", "mapped")

UNKNOWN = {"pixel_size_nm": None, "bar_rows": 0, "mask_hash": None, "file_hash": None}


def write_tables(folder: Path, number: int, side: int) -> None:
    """Write one cache under two names; `mapped` also has its array."""
    names = [str(position) for position in range(number)]
    images = pd.DataFrame({"image_id": names, "path": names, "label": "a", "group": names, "role": None, "mask": None})
    images = images.assign(width=side, height=side, mode="RGB", bits=8, pixel_hash="", **UNKNOWN)
    tables.write(images, folder / "manifest.parquet", MANIFEST)
    splits = pd.DataFrame({"repeat": 0, "image_id": names, "role": "train"})
    tables.write(splits, folder / "splits.parquet", SPLITS)
    shape = (side, side, 3)
    schema = samples_schema(side * side * 3, {"shape": shape, "view": ["rgb", {"resize": side}]})
    rng = np.random.default_rng(0)
    writing = {"parquet": 0.0, "array": 0.0}
    cache = folder / "mapped.parquet"
    with (
        pq.ParquetWriter(cache, schema, compression="none", use_dictionary=False) as writer,
        writing_pixels(pixels_file(cache), shape) as append,
    ):
        for start in range(0, number, 28):
            part = names[start : start + 28]
            pixels = pa.py_buffer(rng.integers(0, 256, (len(part), *shape), dtype=np.uint8))
            column = pa.FixedSizeBinaryArray.from_buffers(schema.field("pixels").type, len(part), [None, pixels])
            columns = {"sample_id": part, "image_id": part, "row": [0] * len(part), "column": [0] * len(part)}
            columns |= {"label": ["a"] * len(part), "masked_fraction": [None] * len(part), "pixels": column}
            table = pa.table([columns[name] for name in schema.names], schema=schema)
            begin = time.perf_counter()
            writer.write_table(table)
            middle = time.perf_counter()
            append(column)
            writing["parquet"] += middle - begin
            writing["array"] += time.perf_counter() - middle
    os.link(cache, folder / "copied.parquet")
    print(f"the step writes the parquet cache in {writing['parquet']:.1f} s, the array in {writing['array']:.1f} s")


def resident(address: int, size: int) -> int:
    """Bytes of a mapping that are in the page cache."""
    pages = -(-size // mmap.PAGESIZE)
    states = (ctypes.c_ubyte * pages)()
    start = address - address % mmap.PAGESIZE
    if ctypes.CDLL(None, use_errno=True).mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), states):
        raise OSError(ctypes.get_errno(), "mincore")
    return sum(state & 1 for state in states) * mmap.PAGESIZE


def resident_of_file(path: Path) -> int:
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    return resident(mapped.ctypes.data, mapped.nbytes)


def job(folder: Path, side: str) -> None:
    """Read the samples, pass over them, print the measurements, and keep the samples until told to end."""
    start = time.perf_counter()
    pixels = read_samples(folder / f"{side}.parquet", folder / "splits.parquet", folder / "manifest.parquet", 0).pixels
    opened = time.perf_counter()
    order = np.random.default_rng(1).permutation(len(pixels))
    digest = hashlib.blake2b()
    for position in range(0, len(order), 32):
        digest.update(pixels[order[position : position + 32]])
    passed = time.perf_counter()
    # The base of a memory-mapped array holds the address of its file; the mapped array begins after the header.
    base = pixels.base if isinstance(pixels.base, np.ndarray) else pixels
    own = resident(base.ctypes.data, pixels.nbytes) if side == "copied" else 0
    print(json.dumps({"open": opened - start, "pass": passed - opened, "own": own, "hash": digest.hexdigest()}))
    sys.stdout.flush()
    sys.stdin.readline()


def turn(folder: Path, side: str, jobs: int, cold: bool) -> tuple[list[dict], int]:
    """Measurements of jobs that run at the same time, and the bytes of page cache that they use together."""
    files = [folder / "mapped.parquet", folder / "mapped.npy"]
    used = files if side == "mapped" else files[:1]
    if cold:
        for file in files:
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    command = [sys.executable, __file__, "--job", side, "--folder", str(folder)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(jobs)]
    measurements = [json.loads(process.stdout.readline()) for process in running]
    cached = sum(map(resident_of_file, used)) + sum(measured["own"] for measured in measurements)
    for process in running:
        process.communicate("\n")
    return measurements, cached


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5600)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--job", choices=SIDES)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.job:
        return job(arguments.folder, arguments.job)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, arguments.samples, arguments.side)
        size = arguments.samples * arguments.side**2 * 3
        megabytes = f"{size / 1e6:.0f} MB"
        print(f"{arguments.samples} samples of {arguments.side} x {arguments.side} x 3 = {megabytes}")
        print(f"{arguments.runs} turns")
        print(f"disk: copied {megabytes} and {megabytes} for each running job, mapped twice {megabytes} and no more")
        hashes = set()
        for jobs, cold in ((1, True), (1, False), (arguments.jobs, True)):
            print(f"{jobs} at a time, {'cold' if cold else 'warm'}: median (range) of a job's seconds, and of MB")
            measurements: dict[str, list[dict]] = {side: [] for side in SIDES}
            cached: dict[str, list[float]] = {side: [] for side in SIDES}
            for _ in range(arguments.runs):
                for side in SIDES:
                    of_turn, bytes_cached = turn(folder, side, jobs, cold)
                    measurements[side] += of_turn
                    cached[side].append(bytes_cached / 1e6)
            for side in SIDES:
                opened, passed = ([measured[key] for measured in measurements[side]] for key in ("open", "pass"))
                pages = spread(cached[side])
                print(f"  {side}: samples read {spread(opened)}, passed over {spread(passed)}, page cache {pages}")
                hashes |= {measured["hash"] for measured in measurements[side]}
        print("the same pixels on both sides, byte for byte" if len(hashes) == 1 else "DIFFERENT PIXELS")


if __name__ == "__main__":
    main()
