"""What speaks for predictions: where occlusion finds it, and which predictions are explained."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradewise.localisation.attribute import MOST, surest
from gradewise.localisation.occlusion import occlude


class Corner:
    """Predicts the second class the more surely the brighter the top left corner is."""

    def __init__(self):
        self.classes = ["dark", "bright"]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        bright = pixels[:, :8, :8].mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1)


def test_occlusion_finds_the_part_that_a_model_looks_at():
    sample = np.full((32, 40, 1), 60, np.uint8)
    sample[:8, :8] = 200
    weights = occlude(Corner(), sample, 1)
    assert weights.shape == (32, 40)
    assert weights[:8, :8].min() > 0
    assert np.abs(weights[12:, 12:]).max() < 1e-6
    assert np.allclose(occlude(Corner(), sample, 0), -weights, atol=1e-6)


def predictions(classes: int, samples: int) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    names = [f"c{number}" for number in range(classes)]
    said = generator.dirichlet(np.ones(classes), samples)
    frame = pd.DataFrame(said, columns=[f"p_{name}" for name in names])
    return frame.assign(
        sample_id=[f"{number}" for number in range(samples)],
        image_id=[f"{number // 2}" for number in range(samples)],
        label=generator.choice(names, samples),
        predicted=np.take(names, said.argmax(axis=1)),
    )


def test_of_each_class_the_surest_right_and_wrong_predictions_are_explained():
    frame = predictions(3, 200)
    chosen = surest(frame, ["c0", "c1", "c2"])
    assert len(chosen) == 12
    assert set(chosen.groupby(["predicted", "wrong"]).size()) == {2}
    for (predicted, wrong), part in chosen.groupby(["predicted", "wrong"]):
        alike = frame.loc[(frame["predicted"] == predicted) & ((frame["label"] != predicted) == wrong)]
        assert part["probability"].max() == alike[f"p_{predicted}"].max()


def test_of_many_classes_no_more_are_explained_than_a_page_can_show():
    chosen = surest(predictions(20, 800), [f"c{number}" for number in range(20)])
    assert len(chosen) == MOST
    assert chosen["wrong"].all()
