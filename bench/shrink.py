"""What `shrink` changes: grey levels of samples, and the accuracy of a support vector machine on them.

    python bench/shrink.py FOLDER LABELS [--side 64]

FOLDER holds photos, and LABELS is a CSV table with the columns image_id (the path in FOLDER) and label. Photos are read
at their size and shrunk, then resized to the same side. Accuracy is that of a support vector machine on standardised
pixels in five stratified folds, the same for all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from gradewise.config.sources import Reading
from gradewise.config.views import View
from gradewise.images.decode import decode
from gradewise.views.apply import make_samples


def samples(paths: list[Path], side: int, shrink: int | None) -> np.ndarray:
    """Samples as the view [rgb, {resize: side}] makes them, uint8 (n, side, side, 3)."""
    view = View.model_validate(["rgb", {"resize": side}])
    rng = np.random.default_rng(0)
    reading = Reading(shrink=shrink)
    return np.concatenate([make_samples(decode(path, reading).pixels, view, rng, 0)[0] for path in paths])


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    table = pd.read_csv(arguments.labels)
    paths = [arguments.folder / name for name in table["image_id"]]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    whole = samples(paths, arguments.side, None)
    print(f"{len(paths)} photos of {table['label'].nunique()} classes, resized to {arguments.side} px")
    for shrink in (None, 2, 4):
        pixels = samples(paths, arguments.side, shrink)
        change = np.abs(pixels.astype(int) - whole)
        model = make_pipeline(StandardScaler(), SVC(C=10))
        accuracy = cross_val_score(model, pixels.reshape(len(pixels), -1), table["label"], cv=folds).mean()
        print(
            f"shrink: {shrink or 'null':4}  change of grey levels: mean {change.mean():.2f}, 99 % below "
            f"{np.quantile(change, 0.99):.0f}    accuracy {100 * accuracy:.1f} %"
        )


if __name__ == "__main__":
    main()
