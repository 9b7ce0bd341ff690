"""Speed of maps of large images against a plain sliding loop, in one run, and peak memory on a small and a large image.

    python bench/maps.py [--threads 2] [--side 8000]

Networks have random weights, which cost the same. The loop predicts one tile after the other at the same stride; it is
timed on a part of the image. Other models have no maps of their own: their tiles are predicted in batches. Memory is
also that of a model of normal patches on maps of EfficientNet-Lite0, if the package of its weights is installed, which
another process fits.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from gradewise.config.backbones import Backbone, NamedBackbone
from gradewise.config.known_backbones import KNOWN
from gradewise.config.views import View
from gradewise.families import registry
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.training_set import Pretrained, TrainingSet
from gradewise.images.decode import decode
from gradewise.localisation.maps import map_image
from gradewise.views.samples import Samples

NETWORKS = {
    "tiles of 32, 3 blocks": (32, {"channels": (16, 32, 64), "convolutions": 2, "dense": (32,)}),
    "tiles of 64, 4 blocks": (64, {"channels": (16, 32, 64, 96), "dense": (40,)}),
    "tiles of 128, 5 blocks": (128, {"channels": (16, 32, 64, 96, 128), "dense": (40,)}),
}
LOOPED = 256
"""Side of the part that the loop is timed on [px]."""

TILE = 256
"""Side of the tiles that normal patches are learnt from [px]."""


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


def fit_patches(folder):
    """Store a model of normal patches on maps of EfficientNet-Lite0, learnt from noise."""
    section = Backbone.model_validate(KNOWN["lite0"].section)
    pixels = np.random.default_rng(0).integers(0, 256, (8, TILE, TILE, 1), dtype=np.uint8)
    table = pd.DataFrame({"image_id": map(str, range(8)), "role": "train", "label": "good"})
    samples = Samples(table=table.assign(group=table["image_id"]), pixels=pixels)
    pretrained = Pretrained(NamedBackbone(name="lite0", section=section), section.file())
    training = TrainingSet(samples, ["good", "bad"], 1, 1, Path(folder), positive="bad", pretrained=pretrained)
    family = registry.family("patches")
    family.fit(training, family.settings_with(True)()).classifier.write(Path(folder))


def map_one(path, folder):
    """Map one file and tell the highest resident memory [MB]; run in a process of its own.

    The model is a network, or in a folder.
    """
    side, settings = NETWORKS["tiles of 128, 5 blocks"]
    torch.set_num_threads(2)
    classifier = network(side, settings) if folder is None else registry.family("patches").load(Path(folder))
    view = View.model_validate(["grey", {"tile": side if folder is None else TILE}])
    map_image(decode(Path(path)).pixels, view, classifier, "bad")
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
    parser.add_argument("--only-memory", action="store_true", help="leave out speed")
    for hidden in ("--one", "--model", "--fit"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit_patches(arguments.fit)
        return
    if arguments.one:
        map_one(arguments.one, arguments.model)
        return
    if not arguments.only_memory:
        compare_speeds(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare_memory(Path(folder), arguments.side)


def compare_speeds(threads):
    torch.set_num_threads(threads)
    image = np.random.default_rng(0).integers(0, 256, (1024, 1024), dtype=np.uint8)
    for name, (side, settings) in NETWORKS.items():
        classifier = network(side, settings)
        compare(name, image, classifier, side, classifier.stride, threads)
    compare("logistic regression on tiles of 32", image, Linear(32), 32, 8, threads)


def compare_memory(folder, largest):
    """Peak memory of maps of a small and a large image, with each kind of model."""
    models = {"network of 5 blocks": []}
    if KNOWN["lite0"].is_installed():
        alone("--fit", folder)
        models["normal patches, lite0"] = ["--model", folder]
    for side in (1024, largest):
        path = folder / f"{side}.png"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)).save(path)
        for name, options in models.items():
            print(f"{name}, {side} x {side} px: at most {float(alone('--one', path, *options)):.0f} MB", flush=True)


def alone(*options):
    """What this file prints with some options, in a process of its own."""
    return subprocess.run([sys.executable, __file__, *options], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
