"""Speed of maps of large images against a plain sliding loop, in one run, and peak memory on a small and a large image.

    python bench/maps.py [--threads 2] [--side 8000]

Networks have random weights, which cost the same. The loop predicts one tile after the other at the same stride; it is
timed on a part of the image. Other models have no maps of their own: their tiles are predicted in batches.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from gradewise.config.views import View
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.settings import CnnSettings
from gradewise.images.decode import decode
from gradewise.localisation.maps import map_image

NETWORKS = {
    "tiles of 32, 3 blocks": (32, {"channels": (16, 32, 64), "convolutions": 2, "dense": (32,)}),
    "tiles of 64, 4 blocks": (64, {"channels": (16, 32, 64, 96), "dense": (40,)}),
    "tiles of 128, 5 blocks": (128, {"channels": (16, 32, 64, 96, 128), "dense": (40,)}),
}
LOOPED = 256
"""Side of the part that the loop is timed on [px]."""


class Linear:
    """Logistic regression on pixels, without maps of its own."""

    def __init__(self, side):
        noise = np.random.default_rng(0).integers(0, 256, (40, side * side))
        self.model, self.classes = LogisticRegression().fit(noise / 255, np.arange(40) % 2), ["good", "bad"]

    def predict_proba(self, pixels):
        return self.model.predict_proba(pixels.reshape(len(pixels), -1) / 255)


def network(side, settings):
    torch.manual_seed(0)
    section = CnnSettings.model_validate({**settings, "epochs": 1})
    net = ConvNet(section, (side, side, 1), 2).eval()
    return CnnClassifier(net, section, (side, side, 1), ["good", "bad"], [0.5], [0.25])


def loop(image, classifier, side, stride):
    """Probabilities of all tiles, one after the other."""
    for top in range(0, len(image) - side + 1, stride):
        for left in range(0, image.shape[1] - side + 1, stride):
            classifier.predict_proba(image[top : top + side, left : left + side, None][None])


def timed(work):
    """Seconds on the clock, and of processors."""
    clock, processors = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processors


def map_one(path):
    """Map one file and tell the highest resident memory [MB]; run in a process of its own."""
    side, settings = NETWORKS["tiles of 128, 5 blocks"]
    torch.set_num_threads(2)
    map_image(decode(Path(path)).pixels, View.model_validate(["grey", {"tile": side}]), network(side, settings), "bad")
    status = Path("/proc/self/status").read_text()
    print(int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024 / 1e6)


def compare(name, image, classifier, side, stride, threads):
    view = View.model_validate(["grey", {"tile": side}])
    part = image[:LOOPED, :LOOPED]
    looped = timed(lambda: loop(part, classifier, side, stride))
    mapped = timed(lambda: map_image(image, view, classifier, "bad", stride=stride, threads=threads))
    rates = [[pixels.size / 1e6 / seconds for seconds in both] for pixels, both in ((part, looped), (image, mapped))]
    (loop_clock, loop_processors), (map_clock, map_processors) = rates
    print(
        f"{name}, stride {stride}: map {map_clock:.3f} MP/s, loop {loop_clock:.4f} MP/s, {map_clock / loop_clock:.0f} "
        f"times as fast; of processors {map_processors:.3f} and {loop_processors:.4f} MP/s, "
        f"{map_processors / loop_processors:.0f} times",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=8000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        map_one(arguments.one)
        return
    torch.set_num_threads(arguments.threads)
    image = np.random.default_rng(0).integers(0, 256, (1024, 1024), dtype=np.uint8)
    for name, (side, settings) in NETWORKS.items():
        classifier = network(side, settings)
        compare(name, image, classifier, side, classifier.stride, arguments.threads)
    compare("logistic regression on tiles of 32", image, Linear(32), 32, 8, arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        for side in (1024, arguments.side):
            path = Path(folder) / f"{side}.png"
            Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)).save(path)
            done = subprocess.run([sys.executable, __file__, "--one", path], capture_output=True, text=True, check=True)
            print(f"{side} x {side} px: at most {float(done.stdout):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
