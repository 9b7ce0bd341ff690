"""Images per second of `gradewise predict` and of a plain script, in one run, and peak memory on N and on many images.

    python bench/predict_speed.py results/fruit/deployed photos [--rounds 5] [--many 20000]

The plain script reads, resizes and predicts one image after the other, as one writes it in a notebook. It takes models
that look at whole, resized images in colour.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from PIL import Image

from gradewise.predict import load_predictor
from gradewise.predict.predictor import available_threads


def plain(predictor, paths):
    """One image after the other."""
    (member,) = predictor.members
    side = predictor.views[member.view].shape[0]
    for path in paths:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        member.classifier.predict_proba(small[None])


def rate(work, number):
    start = time.perf_counter()
    work()
    return number / (time.perf_counter() - start)


def peak_mb(model, paths, number, folder):
    """Highest resident memory of the command on so many images, the same files again and again [MiB]."""
    links = folder / str(number)
    links.mkdir()
    listed = folder / f"{number}.csv"
    with listed.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path"])
        for place in range(number):
            link = links / f"{place}{paths[place % len(paths)].suffix}"
            link.symlink_to(paths[place % len(paths)].resolve())
            writer.writerow([link])
    command = [sys.executable, "-m", "gradewise", "predict", str(model), str(listed)]
    process = subprocess.Popen([*command, "--output", str(folder / f"{number}-out.csv")], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=20_000)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.images.rglob("*") if path.is_file())
    predictor = load_predictor(arguments.model)
    rates: dict[str, list[float]] = {"plain script": [], "gradewise predict": []}
    for _ in range(arguments.rounds):
        rates["plain script"].append(rate(lambda: plain(predictor, paths), len(paths)))
        rates["gradewise predict"].append(rate(lambda: list(predictor.predict(paths)), len(paths)))
    print(f"{len(paths)} images, {available_threads()} processors, {arguments.rounds} rounds; images per second")
    for name, values in rates.items():
        print(f"{name:20s} median {median(values):7.0f}  range {min(values):.0f} to {max(values):.0f}")
    with tempfile.TemporaryDirectory() as name:
        for number in (arguments.many // 10, arguments.many):
            peak = peak_mb(arguments.model, paths, number, Path(name))
            print(f"peak memory on {number:7d} images: {peak:5.0f} MiB")


if __name__ == "__main__":
    main()
