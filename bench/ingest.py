"""Reading large photos: the manifest and a polar view, compared with a plain script that makes the view alone.

    python bench/ingest.py [--images 48] [--runs 5]

The plain script decodes each photo with Pillow, shrinks it and turns it into polar coordinates with scikit-image. Ours
decodes it once as well, for facts, hashes and a fingerprint, and keeps what the view makes of it; with `shrink` it
keeps the pixels, for all views. Photos are 2048 x 1536 JPEG, with colours or grey stored as colour.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from sides import Sides, compare, show
from skimage.transform import warp_polar

from gradewise.config.sources import Source
from gradewise.config.views import View
from gradewise.images.kept import keeping, name_of
from gradewise.images.listing import list_images
from gradewise.images.manifest import manifest
from gradewise.images.read_images import inspect_images, read_images
from gradewise.views.view import view

SIDE, CLASSES = 192, ["a", "b"]


def write(folder: Path, images: int, *, grey: bool) -> None:
    rng = np.random.default_rng(0)
    for number in range(images):
        coarse = rng.normal(128, 40, (48, 64, 1 if grey else 3)).astype(np.float32)
        photo = cv2.resize(coarse, (2048, 1536), interpolation=cv2.INTER_CUBIC).reshape(1536, 2048, -1)
        photo = np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8).repeat(3 if grey else 1, axis=2)
        path = folder / CLASSES[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(path, quality=90)


def plain(files: list[Path], output: Path) -> None:
    """The view alone, as a short script would make it."""
    samples = []
    for path in files:
        small = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
        polar = warp_polar(np.asarray(small), output_shape=(SIDE, SIDE), channel_axis=-1, preserve_range=True)
        samples.append(polar.astype(np.uint8).transpose(1, 0, 2))
    np.save(output, samples)


def measure(images: int, runs: int) -> list[Sides]:
    """Both sides for photos with colours and grey ones, at their size and at a quarter of their width and height."""
    cv2.setNumThreads(1)
    sides = []
    for kind, shrink in (("with colours", None), ("grey", None), ("with colours", 4), ("grey", 4)):
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            write(root / "photos", images, grey=kind == "grey")
            source = Source(images=str(root / "photos"), classes=CLASSES, shrink=shrink)
            read_images(source=source, threads=1, output=root / "read")
            tables = {name: root / f"{name}.parquet" for name in ("fingerprints", "duplicates")}
            where = {"output": root / "manifest.parquet", "quarantine": root / "quarantine.csv", **tables}
            manifest(read=root / "read", min_side=1, join_duplicates=True, **where)
            operations = View.model_validate({"operations": ["rgb", {"resize": SIDE}, "polar"]})
            make_view = partial(view, manifest=root / "manifest.parquet", operations=operations, name="polar")
            make_view = partial(make_view, reading=source.reading)
            listed = list_images(source)

            def ours(source=source, listed=listed, operations=operations, make_view=make_view, root=root) -> None:
                with keeping(root / "kept.parquet") as keep:
                    inspect_images(listed, source, 1, {name_of(operations): operations}, keep)
                where = {"kept": root / "kept.parquet", "output": root / "view.parquet"}
                make_view(classes=CLASSES, seed=0, threads=1, **where)

            work = f"{images} JPEG of 2048 x 1536 px, {kind}: manifest and polar view"
            work += f", shrink: {shrink}" if shrink else ""
            files = sorted((root / "photos").rglob("*.jpg"))
            sides.append(compare(work, partial(plain, files, root / "plain.npy"), ours, runs))
    return sides


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    show(measure(arguments.images, arguments.runs))
