"""PReLU is PyTorch's, and so is its gradient."""

import pytest
import torch
from torch import nn

from gradewise.families.cnn.prelu import PReLU

SHAPES = [(4, 3, 5, 6), (2, 7, 3, 3), (5, 4), (3, 1, 4, 4)]


def pair(channels, dtype=torch.float32):
    """Ours and PyTorch's, with the same slopes, one of them negative and one zero."""
    slopes = torch.linspace(-0.1, 0.6, 7)[:channels]
    made = PReLU(channels), nn.PReLU(channels)
    for layer in made:
        layer.weight.data = slopes.to(dtype).clone()
    return made


def gradients(layer, values, gradient):
    values = values.clone().requires_grad_()
    layer.zero_grad()
    out = layer(values)
    out.backward(gradient)
    return out.detach(), values.grad, layer.weight.grad


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_are_those_of_pytorch(shape):
    generator = torch.Generator().manual_seed(1)
    values, gradient = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    values.view(-1)[:2] = 0
    ours, theirs = (gradients(layer, values, gradient) for layer in pair(shape[1], torch.float64))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_in_16_bits_gradients_are_as_exact_as_those_of_pytorch():
    generator = torch.Generator().manual_seed(2)
    values, gradient = (torch.randn((8, 7, 33, 31), generator=generator).bfloat16() for _ in range(2))
    exact = gradients(pair(7, torch.float64)[1], values.double(), gradient.double())
    errors = []
    for layer in pair(7):
        with torch.autocast("cpu", torch.bfloat16):
            found = gradients(layer, values, gradient)
        assert found[0].dtype == torch.bfloat16
        errors.append([float((mine.double() - true).abs().max()) for mine, true in zip(found, exact, strict=True)])
    ours, theirs = errors
    assert ours[0] == theirs[0]
    assert ours[1] <= theirs[1] + 1e-6
    assert ours[2] <= max(theirs[2], 0.01 * float(exact[2].abs().max()))


def test_one_slope_for_all_channels_and_predictions_are_left_to_pytorch():
    values = torch.randn(3, 4, 5, 5)
    ours, theirs = pair(1)
    torch.testing.assert_close(ours(values), theirs(values))
    ours, theirs = pair(4)
    with torch.no_grad():
        assert torch.equal(ours(values), theirs(values))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
