"""How well models can tell the shape of an image, tall, square or wide, from what fills the margins of its square.

Rectangles of equal area and random shape are cut from simulated images, so that nothing but their shape differs. The
less of it a model finds, the less can shape become a mark of a class. Run from the root of the project:

    python bench/margins.py > bench/margins.txt
"""

from __future__ import annotations

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.simulate.simulate import draw
from gradewise.views.operations.resize import Resize

IMAGES, SIDE = 240, 32
SHAPES = ((1.6, 1.0), (1.0, 1.0), (1.0, 1.6))
MODELS = {
    "forest": RandomForestClassifier(200, random_state=0),
    "PCA + SVM": make_pipeline(PCA(50, random_state=0), SVC(C=10)),
}


def rectangles(images: list[np.ndarray], shapes: np.ndarray) -> list[np.ndarray]:
    """The middle rectangle of each image, of a shape of `SHAPES`; all of the same area."""
    cut = []
    for image, shape in zip(images, shapes, strict=True):
        tall, wide = SHAPES[shape]
        scale = 0.95 * min(image.shape) / np.sqrt(1.6)
        height, width = (round(scale * side / np.sqrt(tall * wide)) for side in (tall, wide))
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        cut.append(image[top : top + height, left : left + width, None])
    return cut


def banded(image: np.ndarray, colour: str) -> np.ndarray:
    """An image fitted into a square between bands of one grey level."""
    scale = SIDE / max(image.shape[:2])
    height, width = (round(scale * length) for length in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    square = np.full((SIDE, SIDE), np.median(border) if colour == "median" else 0, np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    square[top : top + height, left : left + width] = small
    return square


def fillings() -> dict[str, object]:
    """Functions from a rectangle to a square."""
    keep = {kept: Resize(resize={"side": SIDE, "keep_aspect": kept}) for kept in ("pad", "crop")}
    return {
        "black bands": lambda image: banded(image, "black"),
        "bands of the border's median": lambda image: banded(image, "median"),
        "reflection (keep_aspect: pad)": keep["pad"].apply,
        "stretched (resize: 32)": Resize(resize=SIDE).apply,
        "middle square (keep_aspect: crop)": keep["crop"].apply,
    }


def main() -> None:
    """Print the accuracy with which shapes are recognised."""
    simulations = {
        "nanofibres": NanofibreSimulation(kind="nanofibres", images=IMAGES),
        "mangoes": MangoSimulation(kind="mangoes", images=IMAGES),
    }
    shapes = np.random.default_rng(0).integers(0, 3, IMAGES)
    print(f"Accuracy in 5 folds of {IMAGES} images; a guess is right for {np.bincount(shapes).max() / IMAGES:.0%}\n")
    for kind, simulation in simulations.items():
        drawn = [draw(simulation, 1, index).pixels for index in range(IMAGES)]
        grey = [image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in drawn]
        cut = rectangles(grey, shapes)
        print(f"{kind:<36}{''.join(f'{name:>12}' for name in MODELS)}")
        for name, fill in fillings().items():
            features = np.stack([fill(image).reshape(-1) for image in cut]).astype(np.float32)
            scores = [cross_val_score(model, features, shapes, cv=5).mean() for model in MODELS.values()]
            print(f"{name:<36}{''.join(f'{score:>12.0%}' for score in scores)}")
        print()


if __name__ == "__main__":
    main()
