"""Time and memory of every step but training at growing numbers of tiny images, with fitted exponents.

    python bench/scale.py [--images 1000 10000] [--threads 2]

Images are noise of 16 x 16 px, in two classes and 10 images a group, of which one is a copy of another, rotated by 90
degrees. Two models have made-up predictions. Each step runs as the
workflow runs it, in a process of its own. An exponent is the slope of the logarithm of processor time, or of memory,
against that of the number of images, between the two largest numbers: 1 where both grow alike, 0 where a step takes the
same. Memory includes what the libraries take, and start-up is part of the time.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import sys
import tempfile
from pathlib import Path

import image_memory
import many_classes
import peak
from peak import Used, in_process

CLASSES = ["a", "b"]
SIDE = 16


def turn_some(photos: Path, images: int) -> None:
    """Make the ninth image of each ten a rotated copy of the first."""
    import cv2

    for first in range(0, images - 8, 10):
        kind = CLASSES[first % 2]
        picture = cv2.imread(str(photos / kind / f"{first}.png"))
        cv2.imwrite(str(photos / kind / f"{first + 8}.png"), cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE))


def run(step: str, **flags: object) -> Used:
    """As `peak.run`; tells at once what a step took, since all together they take long."""
    used = peak.run(step, **flags)
    print(f"{step:28}{used.seconds:8.1f} s {used.megabytes:7.0f} MB", file=sys.stderr, flush=True)
    return used


def measure(images: int, threads: int, root: Path) -> dict[str, Used]:
    """What each step takes."""
    photos, results = root / "images", root / "results"
    photos.mkdir()
    in_process(image_memory.write, photos, images, SIDE, ".png")
    in_process(turn_some, photos, images)
    source = {"images": str(photos), "classes": CLASSES, "group": {"regex": "([0-9]+?)[0-9]?\\.png$"}}
    table = {name: results / f"{name}.parquet" for name in ("manifest", "fingerprints", "duplicates", "splits")}
    quarantine = results / "quarantine.csv"
    used = {"read_images": run("images.read_images", source=source, threads=threads, output=results / "read")}
    used["manifest"] = run(
        "images.manifest",
        read=results / "read",
        min_side=1,
        join_duplicates=True,
        output=table["manifest"],
        quarantine=quarantine,
        fingerprints=table["fingerprints"],
        duplicates=table["duplicates"],
    )
    used["audit"] = run(
        "images.audit",
        **{name: table[name] for name in ("manifest", "fingerprints", "duplicates")},
        quarantine=quarantine,
        classes=CLASSES,
        joined=True,
        seed=0,
        output=results / "audit.parquet",
        clue_predictions=results / "clues.parquet",
    )
    used["split"] = run(
        "images.split",
        manifest=table["manifest"],
        evaluation={"folds": 5, "repeats": 1},
        classes=CLASSES,
        limited_by_class=True,
        seed=0,
        output=table["splits"],
    )
    used["view"] = run(
        "views.view",
        manifest=table["manifest"],
        operations={"operations": ["rgb", {"resize": SIDE}]},
        name="small",
        classes=CLASSES,
        seed=0,
        threads=threads,
        output=results / "views/small.parquet",
    )
    made_up = root / "results/many"
    in_process(many_classes.make, made_up, 2, max(5, images // 10), images, 1, 2)
    names = json.loads((made_up / "plan/settings.json").read_text())["classes"]
    for step, flags in many_classes.steps(root, made_up, names).items():
        used[step] = run(f"{many_classes.STAGES[step]}.{step}", dataset="many", results=made_up, **flags)
    return used


def exponent(before: float, after: float, factor: float) -> float:
    return math.log(after / before) / math.log(factor)


def main() -> None:
    """Print a line for each step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    found: list[dict[str, Used]] = []
    for images in given.images:
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()):
            found.append(measure(images, given.threads, Path(root)))
    print("step            " + "".join(f"{images:>12,} images     " for images in given.images) + "exponents")
    for step in found[0]:
        of_step = [sizes[step] for sizes in found]
        texts = [f"{used.seconds:8.1f} s {used.megabytes:7.0f} MB    " for used in of_step]
        slopes = ""
        if len(found) > 1:
            (first, last), factor = of_step[-2:], given.images[-1] / given.images[-2]
            slopes = f"time {exponent(first.seconds, last.seconds, factor):.2f}, "
            slopes += f"memory {exponent(first.megabytes, last.megabytes, factor):.2f}"
        print(f"{step:16}" + "".join(texts) + slopes)


if __name__ == "__main__":
    main()
