"""Checkpoints give back what they were given, and only to the training they belong to."""

from __future__ import annotations

import json
import logging
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from gradewise.families.cnn.checkpoint import optimiser_tensors, read_checkpoint, restore_optimiser, write_checkpoint


def test_tensors_and_state_come_back(tmp_path: Path) -> None:
    tensors = {"network": {"a.weight": torch.rand(3, 2), "a.count": torch.tensor(7)}, "best": {}}
    state = {"iteration": 3, "curves": {"loss": [0.1, None]}}
    write_checkpoint(tmp_path / "c", "mine", tensors, state)
    found = read_checkpoint(tmp_path / "c", "mine")
    assert found is not None
    assert found[1] == state
    assert found[0]["best"] == {}
    assert all(torch.equal(found[0]["network"][name], value) for name, value in tensors["network"].items())


def test_nothing_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "c", "mine") is None


def test_a_checkpoint_of_other_settings_is_passed_over(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", "other", {}, {})
    assert read_checkpoint(tmp_path / "c", "mine") is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def holes(path: Path) -> None:
    """Claim 16 GiB of numbers, none of which was ever written."""
    header = json.dumps({"network/a": {"dtype": "F32", "shape": [2**32], "data_offsets": [0, 2**34]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(path, 8 + len(header) + 2**34)


def replace(old: bytes, new: bytes) -> Callable[[Path], None]:
    def alter(path: Path) -> None:
        content = path.read_bytes()
        assert len(old) == len(new), "a header has a fixed length"
        assert old in content
        path.write_bytes(content.replace(old, new))

    return alter


DAMAGES = {
    "cut": cut,
    "a number changed": replace(struct.pack("<f", 0.1), struct.pack("<f", 0.2)),
    "holes": holes,
    "no metadata": lambda path: path.write_bytes(save({"network/a": torch.rand(3)})),
    "no state": lambda path: path.write_bytes(save({"network/a": torch.rand(3)}, {"gradewise": "{}"})),
    "no JSON": replace(rb"{\"fingerprint", rb"{\"fingerprin,"),
    "a key renamed": replace(b"iteration", b"iterative"),
    "a shape changed": replace(b"[2,2]", b"[4,1]"),
    "a tensor renamed": replace(b"network/a", b"networka/"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_told_and_passed_over(damage, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_checkpoint(tmp_path / "c", "mine", {"network": {"a": torch.full((2, 2), 0.1)}}, {"iteration": 3})
    damage(tmp_path / "c")
    with caplog.at_level(logging.WARNING):
        assert read_checkpoint(tmp_path / "c", "mine") is None
    assert [record.getMessage().startswith(f"{tmp_path / 'c'} cannot be read (") for record in caplog.records] == [True]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_an_optimiser_goes_on_as_if_never_stopped(kind, tmp_path: Path) -> None:
    def step(network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        network(torch.ones(2, 3)).square().sum().backward()
        optimiser.step()

    extra = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    one = kind(first.parameters(), lr=0.01, **extra)
    step(first, one)
    tensors = {"network": first.state_dict(), "optimiser": optimiser_tensors(one)}
    write_checkpoint(tmp_path / "c", "mine", tensors, {})
    found = read_checkpoint(tmp_path / "c", "mine")
    assert found is not None
    second.load_state_dict(found[0]["network"])
    other = kind(second.parameters(), lr=0.01, **extra)
    restore_optimiser(other, found[0]["optimiser"])
    step(first, one)
    step(second, other)
    assert torch.equal(first.weight, second.weight)
