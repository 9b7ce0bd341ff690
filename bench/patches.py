"""Maps learnt from good images alone, on NanoTWICE: how well they fit the masks, and speed, in one run.

    python bench/patches.py FOLDER [NAME ..]

FOLDER has images/Normal, images/Anomalous and masks. Models learn from tiles of 256 px of the normal images; those of
EfficientNet-Lite0 need the package of its weights. Some thirty variants were compared on the masks of all images, so
that the figures are too high by an unknown amount; images other than those in `CHOSEN_ON`, on which others have chosen
settings, have columns of their own. Speed is that of one thread.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gradewise.config.backbones import Backbone, NamedBackbone
from gradewise.config.known_backbones import KNOWN
from gradewise.config.views import View
from gradewise.families import registry
from gradewise.families.training_set import Pretrained, TrainingSet
from gradewise.localisation import curves
from gradewise.localisation.counted import bins_of, count
from gradewise.localisation.maps import map_image
from gradewise.views.samples import Samples

LITE0 = KNOWN["lite0"].section | {"maps": 1}
MODELS = {
    "lite0, 4 Gaussians": (True, {}),
    "lite0, neighbours": (True, {"memory": "neighbours"}),
    "lite0, enlarged twice": (True, {"enlarge": 2, "depths": (3, 4)}),
    "texture, 8 Gaussians": (False, {"gaussians": 8}),
    "texture, neighbours": (False, {"memory": "neighbours", "stored": 12000}),
    "dictionary": (False, {"describe": "dictionary"}),
    "components": (False, {"describe": "components"}),
}
CHOSEN_ON = ("ITIA1115", "ITIA1127", "ITIA1131", "ITIA1135")
CLASSES, SIDE = ["Normal", "Anomalous"], 256


def read(path):
    return np.asarray(Image.open(path).convert("L"))


def training_set(paths, pretrained):
    rows, pixels = [], []
    for path in paths:
        image = read(path)
        for row in range(image.shape[0] // SIDE):
            for column in range(image.shape[1] // SIDE):
                tile = image[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
                rows.append({"image_id": path.stem, "group": path.stem, "role": "train", "label": "Normal"})
                pixels.append(tile[..., None])
    samples = Samples(table=pd.DataFrame(rows), pixels=np.stack(pixels))
    return TrainingSet(samples, CLASSES, 1, 1, Path(), positive="Anomalous", pretrained=pretrained)


def measures(counted):
    """AUROC of all pixels and by image, share of defective pixels and of a defect marked at 5 % false alarms."""
    without, within = (np.stack([getattr(each, name) for each in counted]) for name in ("without", "within"))
    defects = np.stack([defect.scores for each in counted for defect in each.defects])
    pooled = without.sum(axis=0)[None]
    return [
        curves.auroc(pooled, within.sum(axis=0)[None])[0],
        curves.auroc(without, within).mean(),
        curves.at_rate(pooled, within.sum(axis=0)[None], 0.05)[0],
        np.median(curves.at_rate(np.repeat(pooled, len(defects), axis=0), defects, 0.05)),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(MODELS))
    options = parser.parse_args()
    normal, defective = (sorted((options.folder / "images" / name).glob("*.tif")) for name in CLASSES)
    view = View.model_validate(["grey", {"tile": SIDE, "keep": "all"}])
    family = registry.family("patches")
    print(
        f"{len(normal)} images to learn from, {len(defective)} tested; the second four figures without {len(CHOSEN_ON)}"
    )
    print(f"{'':24}" + 2 * f"{'AUROC':>8}{'by image':>10}{'at 5 %':>8}{'defects':>9}" + f"{'fit':>8}{'MP/s':>7}")
    for name in options.names:
        has_backbone, settings = MODELS[name]
        pretrained = None
        if has_backbone:
            section = Backbone.model_validate(LITE0)
            pretrained = Pretrained(NamedBackbone(name="lite0", section=section), section.file())
        start = time.process_time()
        training = training_set(normal, pretrained)
        classifier = family.fit(training, family.settings_with(has_backbone)(**settings)).classifier
        fitted = time.process_time()
        images = [read(path) for path in defective]
        maps = [map_image(image, view, classifier, "Anomalous") for image in images]
        speed = sum(image.size for image in images) / 1e6 / (time.process_time() - fitted)
        masks = [read(options.folder / "masks" / f"{path.stem}_gt.png") > 127 for path in defective]
        bins = bins_of(maps)
        counted = [count(heat, mask, bins) for heat, mask in zip(maps, masks, strict=True)]
        kept = [each for each, path in zip(counted, defective, strict=True) if path.stem not in CHOSEN_ON]
        figures = "".join(
            f"{pooled:>8.4f}{by_image:>10.4f}{marked:>8.3f}{median:>9.3f}"
            for pooled, by_image, marked, median in map(measures, (counted, kept))
        )
        print(f"{name:24}{figures}{fitted - start:>6.0f} s{speed:>7.2f}", flush=True)


if __name__ == "__main__":
    main()
