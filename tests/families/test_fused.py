"""Layers that are computed as one give what PyTorch's layers give one after the other."""

import copy

import pytest
import torch
from torch import nn

from gradewise.families.cnn.fused import Blocks

ACTIVATIONS = {"none": None, "relu": nn.ReLU(), "leaky": nn.LeakyReLU(), "prelu": nn.PReLU(8), "one slope": nn.PReLU()}


def layers_of(activation, pool, channels=8):
    """An activation or none, a batch norm with factors of both signs, a pooling or none."""
    norm = nn.BatchNorm2d(channels)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    # the largest of equal values, of which the gradient is one, is any of them
    norm.weight.data[0] = -0.5 if pool else 0
    chosen = ACTIVATIONS[activation]
    return [*([] if chosen is None else [copy.deepcopy(chosen)]), norm, *([nn.MaxPool2d(2)] if pool else [])]


def trained(network, batch, gradient):
    """Values, gradients and running statistics after a step of training."""
    batch = batch.clone().requires_grad_()
    values = network.train()(batch)
    values.backward(gradient[..., : values.shape[2], : values.shape[3]].to(values.dtype))
    return [values.detach(), batch.grad, *(value.grad for value in network.parameters()), *network.buffers()]


@pytest.mark.parametrize("sides", [(12, 16), (7, 9), (2, 130)], ids=str)
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_gradients_and_statistics_are_those_of_pytorch(activation, pool, sides):
    torch.manual_seed(1)
    layers = layers_of(activation, pool)
    batch, gradient = torch.randn(2, 5, 8, *sides)
    ours, theirs = (kind(*copy.deepcopy(layers)) for kind in (Blocks, nn.Sequential))
    for mine, other in zip(trained(ours, batch, gradient), trained(theirs, batch, gradient), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pool", [False, True])
def test_in_16_bits_they_are_as_exact_as_those_of_pytorch(pool):
    torch.manual_seed(2)
    layers = [nn.Conv2d(3, 8, 3, padding=1), *layers_of("leaky", pool)]
    batch, gradient = torch.randn(4, 3, 20, 20), torch.randn(4, 8, 20, 20)
    exact = trained(nn.Sequential(*copy.deepcopy(layers)).double(), batch.double(), gradient.double())
    errors = []
    for kind in (Blocks, nn.Sequential):
        with torch.autocast("cpu", torch.bfloat16):
            found = trained(kind(*copy.deepcopy(layers)).to(memory_format=torch.channels_last), batch, gradient)
        assert found[0].dtype == torch.bfloat16
        errors.append([float((mine.double() - true).square().mean()) for mine, true in zip(found, exact, strict=True)])
    # which of four almost equal values is the largest depends on rounding, so that gradients differ in places
    for ours, theirs in zip(*errors, strict=True):
        assert ours <= 1.5 * theirs + 1e-9


def test_results_do_not_depend_on_the_number_of_threads():
    torch.manual_seed(3)
    layers = layers_of("prelu", pool=True)
    batch, gradient = torch.randn(2, 7, 8, 24, 24)
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(trained(Blocks(*copy.deepcopy(layers)), batch, gradient))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(mine, value) for mine, value in zip(found[0], other, strict=True))


def test_what_is_not_a_number_is_passed_on():
    batch = torch.randn(2, 8, 4, 4)
    batch[0, 3, 1, 1] = torch.nan
    values = Blocks(*layers_of("relu", pool=True)).train()(batch)
    assert values[:, 3].isnan().all()
    assert values[:, :3].isfinite().all()


def test_prediction_is_that_of_pytorch():
    torch.manual_seed(4)
    layers = layers_of("prelu", pool=True)
    ours, theirs = (kind(*copy.deepcopy(layers)).eval() for kind in (Blocks, nn.Sequential))
    batch = torch.randn(3, 8, 6, 6)
    assert torch.equal(ours(batch), theirs(batch))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
