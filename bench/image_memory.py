"""Peak memory of the steps that read images.

    python bench/image_memory.py [--sets tiny png ..]

Each set is made in a temporary folder (about 1 GB in all) and read with two threads. `tiles` and `ten times` list the
same files once and ten times: their peaks should hardly differ.
"""

import argparse
import tempfile
from pathlib import Path

from peak import in_process, run

THREADS = 2
CLASSES = ("a", "b")


def write(folder: Path, number: int, side: int, suffix: str, kind: str = "colour") -> None:
    """Different blocks of random pixels, enlarged, so that large files are written quickly."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    block = 16 if side > 2000 else 1
    channels = {"colour": 3, "deep": 3, "transparent": 4, "grey": 1}[kind]
    dtype = np.uint16 if kind == "deep" else np.uint8
    for position in range(number):
        path = folder / CLASSES[position % 2] / f"{position}{suffix}"
        path.parent.mkdir(exist_ok=True)
        small = rng.integers(0, np.iinfo(dtype).max, (side // block, side // block, channels), dtype=dtype)
        pixels = small.repeat(block, axis=0).repeat(block, axis=1)
        options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if suffix == ".png" else []
        assert cv2.imwrite(str(path), pixels, options), path


SMALL = ["rgb", {"resize": 64}]
SETS: dict[str, tuple[str, tuple, list]] = {
    "tiny": ("20,000 of 16 x 16 px, PNG", (20_000, 16, ".png"), ["rgb", {"resize": 16}]),
    "png": ("3 of 10,000 x 10,000 px, PNG", (3, 10_000, ".png"), SMALL),
    "jpeg": ("10 of 8,000 x 8,000 px, JPEG", (10, 8_000, ".jpg"), SMALL),
    "deep": ("2 of 10,000 x 10,000 px, PNG of 16-bit colour", (2, 10_000, ".png", "deep"), SMALL),
    "transparent": ("2 of 10,000 x 10,000 px, PNG with alpha", (2, 10_000, ".png", "transparent"), SMALL),
    "tiles": (
        "60 of 1,024 x 1,024 px, 64 tiles each",
        (60, 1024, ".png", "grey"),
        ["grey", {"tile": 128, "keep": "all"}],
    ),
}
"""What is told of a set, what `write` is given, and the view made of it."""


def list_ten_times(once: Path, output: Path) -> None:
    import pandas as pd

    from gradewise import tables
    from gradewise.images.schemas import MANIFEST

    images = tables.read(once)
    often = pd.concat([images.assign(image_id=images["image_id"] + f"-{n}") for n in range(10)], ignore_index=True)
    tables.write(often, output, MANIFEST)


def measure(name: str, root: Path) -> None:
    told, arguments, operations = SETS[name]
    images, read = root / "images", root / "read"
    images.mkdir()
    in_process(write, images, *arguments)
    print(told, flush=True)

    run(
        "images.read_images",
        source={"images": str(images), "classes": CLASSES},
        threads=THREADS,
        output=read,
    )
    run(
        "images.manifest",
        read=read,
        min_side=1,
        join_duplicates=True,
        output=root / "manifest.parquet",
        quarantine=root / "quarantine.csv",
        fingerprints=root / "fingerprints.parquet",
        duplicates=root / "duplicates.parquet",
    )
    view = {"name": "view", "classes": CLASSES, "seed": 0, "threads": THREADS, "operations": {"operations": operations}}
    run("views.view", manifest=root / "manifest.parquet", output=root / "view.parquet", **view)
    if name == "tiles":
        in_process(list_ten_times, root / "manifest.parquet", root / "often.parquet")
        run("views.view", "ten times", manifest=root / "often.parquet", output=root / "view.parquet", **view)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    for name in parser.parse_args().sets:
        with tempfile.TemporaryDirectory() as root:
            measure(name, Path(root))


if __name__ == "__main__":
    main()
