"""The network that settings describe: sizes, parameters and options."""

from __future__ import annotations

import itertools
from collections import OrderedDict

import pytest
import torch
from torch import nn

from gradewise.families.cnn.convnet import ConvNet, layer_table
from gradewise.families.cnn.settings import CnnSettings

NANOFIBRE = CnnSettings(channels=(16, 32, 64, 96, 128), dense=(40,), norm="before", init_std=0.01, iterations=300)
MANGO = CnnSettings(
    channels=(32, 64, 128, 256, 512),
    convolutions=2,
    activation="prelu",
    norm="after",
    dense=(512, 256, 64),
    dropout=0.5,
    epochs=60,
)
OPTIONS = list(itertools.product(("relu", "leaky_relu", "prelu"), ("before", "after", "none"), ("max", "stride")))


def test_nanofibre_network_has_the_layers_of_table_2() -> None:
    # The paper prints 4 x 4 as the input of pool5; its conv5 puts out 8 x 8, and so does this network.
    expected = [
        ("conv1", (128, 128), 16, (3, 3), 1, 1, (128, 128)),
        ("pool1", (128, 128), 16, (2, 2), 2, None, (64, 64)),
        ("conv2", (64, 64), 32, (3, 3), 1, 1, (64, 64)),
        ("pool2", (64, 64), 32, (2, 2), 2, None, (32, 32)),
        ("conv3", (32, 32), 64, (3, 3), 1, 1, (32, 32)),
        ("pool3", (32, 32), 64, (2, 2), 2, None, (16, 16)),
        ("conv4", (16, 16), 96, (3, 3), 1, 1, (16, 16)),
        ("pool4", (16, 16), 96, (2, 2), 2, None, (8, 8)),
        ("conv5", (8, 8), 128, (3, 3), 1, 1, (8, 8)),
        ("pool5", (8, 8), 128, (2, 2), 2, None, (4, 4)),
        ("FC1", (2048,), None, None, None, None, (40,)),
        ("FC2", (40,), None, None, None, None, (2,)),
    ]
    rows = layer_table(ConvNet(NANOFIBRE, (128, 128, 1), 2), (128, 128, 1))
    found = [(row.name, row.input, row.filters, row.filter_size, row.stride, row.padding, row.output) for row in rows]
    assert found == expected


def test_nanofibre_parameters_follow_from_table_2() -> None:
    def conv(before: int, after: int) -> int:
        return 9 * before * after + after + 2 * after  # weights, biases, batch norm

    expected = {
        "conv1": conv(1, 16),
        "conv2": conv(16, 32),
        "conv3": conv(32, 64),
        "conv4": conv(64, 96),
        "conv5": conv(96, 128),
        "FC1": 128 * 4 * 4 * 40 + 40 + 2 * 40,
        "FC2": 40 * 2 + 2,
    }
    rows = layer_table(ConvNet(NANOFIBRE, (128, 128, 1), 2), (128, 128, 1))
    assert {row.name: row.parameters for row in rows if row.parameters} == expected


def test_mango_network_has_the_sizes_of_the_report() -> None:
    rows = {row.name: row for row in layer_table(ConvNet(MANGO, (224, 224, 3), 3), (224, 224, 3))}
    convolutions = [row.filters for name, row in rows.items() if name.startswith("conv")]
    assert convolutions == [32, 32, 64, 64, 128, 128, 256, 256, 512, 512]
    assert [rows[f"pool{block}"].output for block in range(1, 6)] == [(side, side) for side in (112, 56, 28, 14, 7)]
    dense = [(rows[f"FC{number}"].input[0], rows[f"FC{number}"].output[0]) for number in range(1, 5)]
    assert dense == [(512 * 7 * 7, 512), (512, 256), (256, 64), (64, 3)]


def test_mango_parameters_follow_from_the_report() -> None:
    def conv(before: int, after: int) -> int:
        return 9 * before * after + after + after + 2 * after  # weights, biases, slopes, batch norm

    def dense(before: int, after: int) -> int:
        return before * after + after + 1 + 2 * after  # one slope for the whole layer

    sides = [3, 32, 64, 128, 256, 512]
    blocks = sum(conv(before, after) + conv(after, after) for before, after in itertools.pairwise(sides))
    head = dense(512 * 7 * 7, 512) + dense(512, 256) + dense(256, 64) + 64 * 3 + 3
    assert sum(row.parameters for row in layer_table(ConvNet(MANGO, (224, 224, 3), 3), (224, 224, 3))) == blocks + head


@pytest.mark.parametrize(("activation", "norm", "pool"), OPTIONS)
def test_every_option_computes_scores_and_gradients(activation: str, norm: str, pool: str) -> None:
    settings = CnnSettings(
        channels=(4, 6), convolutions=2, activation=activation, norm=norm, pool=pool, dense=(5,), dropout=0.2, epochs=1
    )
    network = ConvNet(settings, (13, 10, 3), 4)
    scores = network(torch.rand(3, 3, 13, 10))
    scores.sum().backward()
    assert scores.shape == (3, 4)
    assert all(value.grad is not None and value.grad.isfinite().all() for value in network.parameters())


@pytest.mark.parametrize(("activation", "norm", "pool"), OPTIONS)
def test_table_counts_every_parameter_once(activation: str, norm: str, pool: str) -> None:
    settings = CnnSettings(
        channels=(4, 6), convolutions=2, activation=activation, norm=norm, pool=pool, dense=(5,), epochs=1
    )
    total = sum(value.numel() for value in ConvNet(settings, (16, 16, 3), 4).parameters())
    assert sum(row.parameters for row in layer_table(ConvNet(settings, (16, 16, 3), 4), (16, 16, 3))) == total


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_pooling_first_gives_what_the_usual_order_gives(activation: str) -> None:
    torch.manual_seed(0)
    settings = CnnSettings(channels=(4, 6), activation=activation, norm="before", dense=(), epochs=1)
    network = ConvNet(settings, (16, 16, 1), 2)
    layers = OrderedDict(network.features.named_children())
    usual = nn.Sequential(
        *(layers[f"{kind}{block}"] for block in (1, 2) for kind in ("conv", "norm", activation, "pool"))
    )
    batch = torch.rand(3, 1, 16, 16)
    network.eval()
    torch.testing.assert_close(network.features(batch), usual(batch), rtol=0, atol=0)


def test_pool_by_stride_is_a_2x2_convolution_of_stride_2() -> None:
    settings = CnnSettings(channels=(4,), pool="stride", epochs=1)
    row = layer_table(ConvNet(settings, (16, 16, 1), 2), (16, 16, 1))[1]
    assert (row.name, row.filter_size, row.stride, row.output) == ("pool1", (2, 2), 2, (8, 8))
    assert row.parameters == 4 * 4 * 2 * 2 + 4


def test_gaussian_initialisation_reaches_every_weight_and_zeroes_every_bias() -> None:
    torch.manual_seed(0)
    network = ConvNet(NANOFIBRE, (128, 128, 1), 2)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert all((layer.bias == 0).all() for layer in layers)
    weights = torch.cat([layer.weight.flatten() for layer in layers])
    assert weights.std().item() == pytest.approx(0.01, rel=0.02)
    assert abs(weights.mean().item()) < 1e-4


def test_samples_too_small_for_the_blocks_are_refused_with_the_size_needed() -> None:
    with pytest.raises(ValueError, match=r"16 x 40 px are too small for 5 blocks.* 32 px"):
        ConvNet(NANOFIBRE, (16, 40, 1), 2)


def test_a_network_that_slides_over_a_larger_sample_scores_each_of_its_windows() -> None:
    """Filters of one pixel do not look beyond a window, so here scores are those of the windows cut out."""
    settings = CnnSettings(channels=(4, 6), kernel=1, dense=(5,), norm="before", activation="prelu", epochs=1)
    torch.manual_seed(0)
    network = ConvNet(settings, (16, 16, 1), 3).eval()
    larger = torch.rand(2, 1, 28, 36)
    with torch.inference_mode():
        scores = network.slide(larger)
        assert scores.shape == (2, 3, 4, 6)
        for row, column in itertools.product(range(4), range(6)):
            window = larger[..., 4 * row : 4 * row + 16, 4 * column : 4 * column + 16]
            assert torch.allclose(scores[..., row, column], network(window), atol=1e-6)


def test_a_sample_of_the_size_of_training_is_one_window() -> None:
    network = ConvNet(CnnSettings(channels=(4, 6), dense=(5,), epochs=1), (16, 16, 1), 3).eval()
    sample = torch.rand(2, 1, 16, 16)
    with torch.inference_mode():
        assert torch.allclose(network.slide(sample)[..., 0, 0], network(sample), atol=1e-6)
