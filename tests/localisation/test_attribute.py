"""Where models look: what occlusion finds, and the step from stored runs to maps over images."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.section import to_json
from gradewise.config.views import View
from gradewise.evaluation.recommendation import Baseline, Criterion, Ground, Outcome, Recommendation
from gradewise.evaluation.schemas import COMPARISONS, METRICS, STANDINGS, verdicts_schema
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.linear.classifier import LinearClassifier
from gradewise.families.schemas import predictions_schema
from gradewise.images.schemas import AUDIT, MANIFEST
from gradewise.localisation.attribute import attribute
from gradewise.localisation.occlusion import log_odds, occlude
from gradewise.views.apply import make_samples
from gradewise.views.schemas import samples_schema

CLASSES = ["good", "bad"]
SIZE = (48, 64)
VIEWS = {
    "whole": ["grey", {"resize": 16}],
    "middle": ["grey", {"centre_crop": 32}, {"resize": 16}],
    "tiles": ["grey", {"tile": 16}],
}


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
    assert np.abs(weights[13:, 13:]).max() < 1e-6
    assert np.allclose(occlude(Corner(), sample, 0), -weights, atol=1e-6)


class Sure(Corner):
    """The same, but never less sure than nine nines."""

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        doubt = 1e-9 * super().predict_proba(pixels)[:, 0]
        return np.stack([doubt, 1 - doubt], axis=1)


def test_occlusion_also_finds_it_where_a_model_is_all_but_certain():
    sample = np.full((32, 40, 1), 60, np.uint8)
    sample[:8, :8] = 200
    weights = occlude(Sure(), sample, 1)
    assert weights[:8, :8].min() > 0.01
    assert np.abs(weights[13:, 13:]).max() < 1e-6


def test_log_odds_are_finite_for_votes_and_exact_for_all_else():
    given = np.array([[1.0, 0.0, 0.0], [0.5, 0.25, 0.25], [1 - 1e-12, 1e-12, 0.0]])
    assert log_odds(given, 0) == pytest.approx([np.log(1e4), 0.0, 12 * np.log(10)])
    assert log_odds(given, 2)[0] == pytest.approx(-np.log(1e4))


def linear(corner: slice = slice(0, 8)) -> LinearClassifier:
    """Predicts bad the more surely the brighter the top left quarter of a sample of 16 x 16 px is."""
    weights = np.zeros((16, 16, 2))
    weights[corner, corner, 1] = 1 / 4000
    return LinearClassifier(weights.reshape(-1, 2), np.zeros(2), CLASSES, (16, 16, 1))


def network() -> CnnClassifier:
    torch.manual_seed(0)
    settings = CnnSettings(channels=(4, 8), dense=(8,), epochs=1)
    return CnnClassifier(ConvNet(settings, (16, 16, 1), 2).eval(), settings, (16, 16, 1), CLASSES, [0.5], [0.2])


MODELS = {
    "linear-whole": ("linear", "whole", linear),
    "linear-middle": ("linear", "middle", linear),
    "linear-tiles": ("linear", "tiles", linear),
    "cnn-tiles": ("cnn", "tiles", network),
    "both": ("blend", "whole, tiles", None),
}


@pytest.fixture
def results(tmp_path):
    """Eight images whose top left quarter is bright, tested by models in two repeats; all are recommended by turns."""
    folder = tmp_path / "results/made-up"
    generator = np.random.default_rng(0)
    pixels = {f"{number}.png": generator.integers(0, 100, SIZE, dtype=np.uint8) for number in range(8)}
    mask = np.zeros(SIZE, np.uint8)
    mask[:24, :32] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    for image in pixels.values():
        image[:24, :32] += 120
    images = pd.DataFrame({"image_id": list(pixels), "path": "", "label": CLASSES * 4, "group": list(pixels)})
    images = images.assign(mode="L", bits=8, bar_rows=0, height=SIZE[0], width=SIZE[1], pixel_hash="0")
    images = images.assign(mask=str(tmp_path / "mask.png"), mask_hash="0", file_hash=None)
    absent = dict.fromkeys(set(MANIFEST.names) - set(images))
    tables.write(images.assign(**absent), folder / "manifest.parquet", MANIFEST)
    samples = {name: _cache(folder, name, pixels, images) for name in VIEWS}
    verdicts = []
    for model, (family, views, make) in MODELS.items():
        for repeat in range(2):
            classifier = None if make is None else make()
            frame = _run(folder, model, family, views, repeat, classifier, samples[views.split(", ")[0]])
            verdicts.append(frame.assign(model=model, repeat=np.int32(repeat)))
    gathered = pd.concat(verdicts).groupby(["model", "repeat", "image_id", "group", "role", "label"], as_index=False)
    verdict = gathered[["p_good", "p_bad"]].mean()
    # one image of each class is predicted wrongly
    verdict["predicted"] = verdict["label"].where(~verdict["image_id"].isin(["6.png", "7.png"]), "bad")
    verdict = verdict.astype({"repeat": "int32"})
    tables.write(verdict, folder / "verdicts.parquet", verdicts_schema(CLASSES))
    section = {"images": "data", "classes": CLASSES, "positive": "bad", "models": list(MODELS)}
    (folder / "plan").mkdir()
    (folder / "plan/settings.json").write_text(to_json(Dataset.model_validate(section)))
    (folder / "plan/runs.json").write_text(json.dumps({"repeats": 2, "models": {"": list(MODELS)}}))
    measured = pd.DataFrame({"dataset": ["made-up"], "model": ["linear-whole"], "metric": ["accuracy"]})
    measured = measured.assign(role="test", level="image", value=0.5, images=8, groups=8, **{"class": None})
    measured = measured.assign(**dict.fromkeys(set(METRICS.names) - set(measured)))
    tables.write(measured, folder / "metrics.parquet", METRICS)
    for name, schema in (("comparisons", COMPARISONS), ("standings", STANDINGS), ("audit", AUDIT)):
        tables.write(schema.empty_table().to_pandas(), folder / f"{name}.parquet", schema)
    return folder


def _cache(folder, name, pixels, images):
    view = View.model_validate(VIEWS[name])
    rows = []
    for image in images.itertuples():
        made, positions = make_samples(pixels[image.image_id], view, np.random.default_rng(0))
        for sample, (row, column) in zip(made, positions, strict=True):
            sample_id = f"{image.image_id}:{row}:{column}"
            facts = {"sample_id": sample_id, "image_id": image.image_id, "label": image.label, "group": image.group}
            rows.append(facts | {"row": row, "column": column, "masked_fraction": None, "pixels": sample.tobytes()})
    frame = pd.DataFrame(rows).astype({"row": "int32", "column": "int32", "masked_fraction": "float32"})
    schema = samples_schema(256, {"shape": [16, 16, 1], "view": VIEWS[name]})
    tables.write(frame[schema.names], folder / f"views/{name}.parquet", schema)
    return frame


def _run(folder, model, family, views, repeat, classifier, samples):
    run = folder / f"models/{model}/{repeat}"
    run.mkdir(parents=True)
    record = {"model": model, "repeat": repeat, "family": family, "classes": CLASSES, "view": views}
    record["samples_per_image"] = len(samples) / 8
    record["settings"] = {"members": ["linear-whole", "cnn-tiles"], "repeats": [repeat], "level": "image"}
    (run / "run.json").write_text(json.dumps(record))
    said = np.full((len(samples), 2), 0.5)
    if classifier is not None:
        classifier.write(run)
        stacked = np.stack([np.frombuffer(part, np.uint8).reshape(16, 16, 1) for part in samples["pixels"]])
        said = classifier.predict_proba(stacked)
    frame = samples.drop(columns=["pixels", "masked_fraction"]).assign(
        role="test", predicted=np.take(CLASSES, said.argmax(axis=1)), p_good=said[:, 0], p_bad=said[:, 1]
    )
    frame = frame.astype({"p_good": "float32", "p_bad": "float32"})
    schema = predictions_schema(CLASSES)
    tables.write(frame[schema.names], run / "predictions.parquet", schema)
    return frame


def maps_of(results, model):
    """The table with a model recommended, and its maps by image."""
    recommended = Recommendation(
        dataset="made-up",
        choice=model,
        criterion=Criterion(),
        ground=Ground(images=8, groups=8, repeats=2),
        baseline=Baseline(predicted="good", value=0.5),
        outcome=Outcome(state="promising", reason="errors remain", least_avoided=0.8),
    )
    (results / "recommendation.json").write_text(recommended.model_dump_json())
    attribute(results=results, dataset="made-up", threads=1, output=results / "attributions.parquet")
    table = tables.read(results / "attributions.parquet")
    return table, [np.reshape(row.weights, (row.rows, row.columns)) for row in table.itertuples()]


def test_occlusion_lies_over_the_image_and_speaks_for_the_predicted_class(results):
    table, maps = maps_of(results, "linear-whole")
    assert set(table["method"]) == {"occlusion"}
    assert set(table["kind"]) == {"typical", "borderline", "wrong"}
    for row, mapped in zip(table.itertuples(), maps, strict=True):
        assert mapped.shape == (48, 64)
        sign = 1 if row.predicted == "bad" else -1
        assert (sign * mapped[:20, :28] > 0).all()
        assert np.abs(mapped[32:, 44:]).max() < 1e-6
    bad = table.loc[table["predicted"] == "bad"]
    assert (bad["share"] > 0.8).all()
    assert bad["area"].to_numpy() == pytest.approx(0.25)


def test_parts_that_a_view_cuts_off_are_unknown(results):
    _, maps = maps_of(results, "linear-middle")
    for mapped in maps:
        assert np.isfinite(mapped).sum() == 32 * 32
        assert np.isfinite(mapped[8:40, 16:48]).all()


def test_of_several_samples_each_has_what_is_predicted_for_it(results):
    table, maps = maps_of(results, "linear-tiles")
    assert set(table["method"]) == {"samples"}
    for row, mapped in zip(table.itertuples(), maps, strict=True):
        said = tables.read(results / f"models/linear-tiles/{row.repeat}/predictions.parquet")
        said = said.loc[(said["image_id"] == row.image_id) & (said["row"] == 1) & (said["column"] == 2)]
        assert np.ptp(mapped[16:32, 32:48]) == 0
        assert mapped[20, 40] == pytest.approx(
            log_odds(said[["p_good", "p_bad"]].to_numpy(), CLASSES.index(row.predicted))[0], abs=1e-5
        )


def test_a_network_is_explained_by_what_speaks_for_its_prediction(results):
    table, maps = maps_of(results, "cnn-tiles")
    assert set(table["method"]) == {"grad_cam"}
    assert min(mapped.min() for mapped in maps) == 0
    assert max(mapped.max() for mapped in maps) > 0


def test_a_blend_looks_where_its_members_do(results):
    table, blended = maps_of(results, "both")
    assert set(table["method"]) == {"occlusion, grad_cam"}
    by_unit = {}
    for model in ("linear-whole", "cnn-tiles"):
        other, maps = maps_of(results, model)
        keys = zip(other["unit"], other["repeat"], other["predicted"], strict=True)
        by_unit[model] = dict(zip(keys, maps, strict=True))
    shared = 0
    for row, mapped in zip(table.itertuples(), blended, strict=True):
        parts = [maps.get((row.unit, row.repeat, row.predicted)) for maps in by_unit.values()]
        if all(part is not None for part in parts):
            shared += 1
            mean = sum(part / np.abs(part).max() for part in parts) / 2
            np.testing.assert_allclose(mapped, mean, atol=1e-5)
    assert shared


def test_runs_of_the_repeat_that_tested_an_image_are_asked(results):
    linear(slice(8, 16)).write(results / "models/linear-whole/1")
    table, maps = maps_of(results, "linear-whole")
    for row, mapped in zip(table.itertuples(), maps, strict=True):
        seen = np.abs(mapped[32:, 44:]).max() > 1e-6
        assert seen == (row.repeat == 1)
