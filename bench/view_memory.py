"""Peak memory of the step `view` on N and on 10 N images, which should hardly differ.

    python bench/view_memory.py [--images 60]

Images are random 1024 x 1024 pixels cut into 64 tiles; the larger manifest lists the same files ten times.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gradewise import tables
from gradewise.images.decode import decode
from gradewise.images.schemas import MANIFEST

VIEW = '{"operations": ["grey", {"tile": 128, "keep": "all"}]}'


def make_images(folder: Path, number: int) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [folder / f"{position}.png" for position in range(number)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (1024, 1024), dtype=np.uint8)).save(path, compress_level=1)
    return paths


def write_manifest(path: Path, images: list[Path]) -> None:
    frame = pd.DataFrame({"image_id": [str(number) for number in range(len(images))], "path": [str(p) for p in images]})
    frame = frame.assign(label="a", group=frame["image_id"], role=None, width=1024, height=1024, mode="L", bits=8)
    hashes = [decode(path).pixel_hash() for path in images]
    unknown = {"mask": None, "mask_hash": None, "pixel_size_nm": None, "bar_rows": 0}
    tables.write(frame.assign(pixel_hash=hashes, **unknown), path, MANIFEST)


def peak_mb(manifest: Path, output: Path) -> float:
    """Highest resident memory of a run of the step [MiB]."""
    command = [sys.executable, "-m", "gradewise.views.view", "--manifest", str(manifest), "--operations", VIEW]
    command += ["--name", "tiles", "--classes", '["a", "b"]', "--seed", "0", "--threads", "2", "--output", str(output)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"the step failed: {' '.join(command)}"
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60)
    number = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = make_images(folder, number)
        peaks = {}
        for factor in (1, 10):
            write_manifest(folder / "manifest.parquet", images * factor)
            peaks[factor] = peak_mb(folder / "manifest.parquet", folder / "view.parquet")
            print(f"{number * factor:6d} images: {peaks[factor]:6.0f} MiB")
        print(f"ratio: {peaks[10] / peaks[1]:.2f}")


if __name__ == "__main__":
    main()
