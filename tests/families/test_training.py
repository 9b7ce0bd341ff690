"""Training: reproducible, resumable, stopping in time."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gradewise.command import UserError
from gradewise.families.cnn import classifier, training
from gradewise.families.cnn.classifier import floats
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.cnn.training import choose_precision, class_weights, learning_rate, train_network
from gradewise.views.samples import Samples, read_samples

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

SMALL = {"channels": [4, 8], "dense": [8], "batch_size": 8, "optimiser": {"name": "adam", "lr": 0.01}}


@pytest.fixture
def samples(cache) -> Samples:
    made = cache(groups=30, contrast=80)
    return read_samples(made.samples, made.splits, made.manifest, 0)


@pytest.fixture
def train(samples: Samples, tmp_path: Path) -> Callable[..., training.Trained]:
    """`train(epochs=3, ..)` with small settings, these changed; `seed=`, `data=` and `checkpoint=` may be given."""

    def run(seed: int = 1, data: Samples = samples, checkpoint: str = "checkpoint", **settings) -> training.Trained:
        given = CnnSettings.model_validate({**SMALL, **settings})
        return train_network(data, ["A", "B", "C"], given, seed, tmp_path / checkpoint)

    return run


def without(samples: Samples, role: str) -> Samples:
    """The samples with those of a role taken out."""
    keep = (samples.table["role"] != role).to_numpy()
    return Samples(pixels=samples.pixels[keep], table=samples.table[keep].reset_index(drop=True))


def test_what_can_be_learnt_is_learnt(train, samples: Samples) -> None:
    trained = train(epochs=20)
    at = samples.of("test")
    right = trained.classifier.predict_proba(samples.pixels[at]).argmax(1) == samples.targets(["A", "B", "C"])[at]
    assert right.mean() >= 0.9
    assert trained.curves["train_loss"][-1] < trained.curves["train_loss"][0]


def test_the_same_seed_gives_the_same_network(train, samples: Samples) -> None:
    first = train(epochs=2, dropout=0.5, augment=["d4"], checkpoint="a")
    second = train(epochs=2, dropout=0.5, augment=["d4"], checkpoint="b")
    assert first.curves["train_loss"] == second.curves["train_loss"]
    assert np.array_equal(*(each.classifier.predict_proba(samples.pixels) for each in (first, second)))


def test_nothing_waits_for_the_device_before_an_epoch_is_over(train, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors of the device `meta` have no values: asking for one, as waiting for a GPU does, is an error."""
    batches = []
    monkeypatch.setattr(classifier, "choose_device", lambda: torch.device("meta"))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # unknown on this device
    monkeypatch.setattr(training, "floats", lambda batch: batches.append(len(batch)) or floats(batch))
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        train(epochs=1, dropout=0.5, augment=["d4", {"rotate": 20}, {"colour_jitter": [0.8, 1.2]}], mixup=0.2)
    assert batches == [8, 8, 8, 8, 4]


def test_another_seed_gives_another_network(train) -> None:
    first, second = (train(epochs=1, seed=seed, checkpoint=f"{seed}").curves for seed in (1, 2))
    assert first["train_loss"] != second["train_loss"]


def test_the_callers_random_numbers_are_left_alone(train) -> None:
    before = torch.get_rng_state()
    train(epochs=1, dropout=0.5, augment=["d4"])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 4, "dropout": 0.5, "augment": ["d4", {"rotate": 20}, "perspective"], "mixup": 0.2, "patience": 3},
        {"iterations": 25, "optimiser": {"name": "sgd", "lr": 0.05, "schedule": "cosine"}},
    ],
    ids=["epochs", "iterations"],
)
def test_a_killed_training_ends_as_an_undisturbed_one(
    settings: dict, train, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", math.inf)
    undisturbed = train(**settings, checkpoint="undisturbed")
    written = training.write_checkpoint

    def write_twice_then_die(*args) -> None:
        written(*args)
        write_twice_then_die.calls += 1
        if write_twice_then_die.calls == 2:
            raise KeyboardInterrupt

    write_twice_then_die.calls = 0
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_checkpoint", write_twice_then_die)
        with pytest.raises(KeyboardInterrupt):
            train(**settings, checkpoint="killed")
    resumed = train(**settings, checkpoint="killed")
    assert resumed.seconds_before > 0
    assert resumed.kept == undisturbed.kept
    for name in set(resumed.curves) - {"seconds"}:
        assert resumed.curves[name] == undisturbed.curves[name]
    assert np.array_equal(*(each.classifier.predict_proba(samples.pixels) for each in (undisturbed, resumed)))


@pytest.mark.parametrize(("share", "expected"), [(math.inf, [1, 2, 3, 4]), (1e-9, [1, 4])])
def test_checkpoints_take_a_share_of_the_time_at_most(share: float, expected: list, train, monkeypatch) -> None:
    """The first and the last one are always written."""
    written = []
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", share)
    monkeypatch.setattr(training, "write_checkpoint", lambda *given: written.append(len(given[3]["curves"]["epoch"])))
    train(epochs=4)
    assert written == expected


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(train) -> None:
    train(epochs=1)
    assert train(epochs=1, dropout=0.1).seconds_before == 0


def test_a_checkpoint_of_other_pixels_is_not_gone_on_from(train, samples: Samples) -> None:
    train(epochs=1)
    assert train(epochs=1, data=replace(samples, pixels=255 - samples.pixels)).seconds_before == 0


def test_patience_stops_and_keeps_the_weights_of_the_lowest_validation_loss(train, samples: Samples) -> None:
    trained = train(epochs=200, patience=2, optimiser={"name": "sgd", "lr": 0.2})
    losses = trained.curves["validation_loss"]
    at, device = samples.of("validation"), trained.classifier.device
    with torch.autocast(device.type, torch.bfloat16, enabled=trained.precision == "bf16"):
        scores = torch.cat([part.float() for part in trained.classifier.predict_scores(samples.pixels, at)])
    targets = torch.from_numpy(samples.targets(["A", "B", "C"])[at]).to(device)
    assert len(losses) < 200
    assert trained.kept == int(np.argmin(losses)) == len(losses) - 3
    assert torch.nn.functional.cross_entropy(scores, targets).item() == pytest.approx(min(losses), rel=1e-6)


def test_without_patience_the_last_weights_are_kept(train) -> None:
    assert train(epochs=3).kept == 2


def test_patience_without_validation_samples_is_refused(train, samples: Samples) -> None:
    with pytest.raises(UserError, match="patience: 2 needs a validation loss"):
        train(epochs=3, patience=2, data=without(samples, "validation"))


def test_without_validation_samples_their_curves_are_empty(train, samples: Samples) -> None:
    curves = train(epochs=2, data=without(samples, "validation")).curves
    assert curves["validation_accuracy"] == [None, None]
    assert all(loss > 0 for loss in curves["train_loss"])


def test_few_iterations_are_evaluated_ten_times(train) -> None:
    curves = train(iterations=20, batch_size=2).curves
    assert curves["iteration"] == list(range(2, 21, 2))
    assert curves["epoch"][-1] == pytest.approx(20 / 18)


def test_many_iterations_are_evaluated_each_epoch(train) -> None:
    curves = train(iterations=50, batch_size=18).curves
    assert curves["iteration"] == list(range(2, 51, 2))
    assert curves["epoch"] == list(range(1, 26))


def test_a_batch_of_one_is_left_out(train) -> None:
    assert train(epochs=1, batch_size=5).curves["iteration"] == [7]


def test_divergence_is_told_with_the_learning_rate(train) -> None:
    with pytest.raises(UserError, match=r"lower optimiser\.lr \(1e\+20\)"):
        train(epochs=3, norm="none", optimiser={"name": "sgd", "lr": 1e20})


def test_samples_too_small_for_the_blocks_are_told(train) -> None:
    with pytest.raises(UserError, match="8 x 8 px are too small for 5 blocks"):
        train(epochs=1, channels=[2] * 5)


def test_balanced_weights_make_up_for_frequencies() -> None:
    targets = torch.tensor([0] * 6 + [1] * 3 + [2])
    weights = class_weights(targets, 3, balanced=True)
    torch.testing.assert_close(weights, torch.tensor([10 / 18, 10 / 9, 10 / 3]))
    assert torch.equal(class_weights(targets, 3, balanced=False), torch.ones(3))


def test_balanced_weights_find_the_rare_class_more_often(train, samples: Samples) -> None:
    rows = samples.table
    rare = rows.index[(rows["role"] == "train") & (rows["label"] == "C")][2:]
    noise = np.random.default_rng(0).integers(0, 256, samples.pixels.shape, dtype=np.uint8)
    kept = rows.drop(index=rare).reset_index(drop=True)
    unbalanced = Samples(pixels=np.delete(noise, rare, axis=0), table=kept)
    shares = [
        train(epochs=2, class_weight=weight, data=unbalanced, checkpoint=str(weight))
        .classifier.predict_proba(unbalanced.pixels)[:, 2]
        .mean()
        for weight in ("balanced", None)
    ]
    assert shares[0] > shares[1]


def test_cosine_falls_from_the_learning_rate_to_zero() -> None:
    optimiser = CnnSettings.model_validate({"epochs": 1, "optimiser": {"lr": 0.2, "schedule": "cosine"}}).optimiser
    rates = [learning_rate(optimiser, iteration, 100) for iteration in (0, 50, 100)]
    assert rates == pytest.approx([0.2, 0.1, 0.0])


def test_precision_is_what_was_asked_for() -> None:
    device = torch.device("cpu")
    assert [choose_precision(setting, device) for setting in ("fp32", "bf16")] == ["fp32", "bf16"]


@pytest.mark.parametrize(
    ("able", "expected"),
    [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_bf16": False, "avx2": True}, "fp32")],
)
def test_auto_precision_goes_by_what_the_processor_can(able: dict, expected: str, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert choose_precision("auto", torch.device("cpu")) == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_both_precisions_learn(precision: str, train) -> None:
    trained = train(epochs=8, precision=precision)
    assert trained.precision == precision
    assert trained.curves["validation_accuracy"][-1] >= 0.8


def test_prediction_lets_cuda_convolve_in_32_bits_and_training_in_its_own_format(train, samples: Samples) -> None:
    trained = train(epochs=1).classifier
    shortened = []
    trained.network.features.conv1.register_forward_hook(lambda *_: shortened.append(torch.backends.cudnn.allow_tf32))
    before = torch.backends.cudnn.allow_tf32
    trained.predict_proba(samples.pixels)
    assert set(shortened) == {False}
    assert torch.backends.cudnn.allow_tf32 == before
