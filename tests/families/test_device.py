"""Processes spread over the GPUs of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradewise.families.cnn import device
from gradewise.families.cnn.device import choose_device, take_place


@pytest.fixture(autouse=True)
def released():
    yield
    while device._held:
        device._held.pop().close()


def test_each_device_has_one_process_before_any_has_two(tmp_path: Path) -> None:
    assert [take_place(["a", "b", "c"], tmp_path) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_process_that_sees_some_of_the_devices_knows_them_by_name(tmp_path: Path) -> None:
    assert take_place(["b"], tmp_path) == 0
    assert take_place(["a", "b"], tmp_path) == 0
    assert take_place(["a", "b"], tmp_path) == 0  # second place on a, which comes before that on b


def test_places_are_free_again_once_their_process_has_ended(tmp_path: Path) -> None:
    assert [take_place(["a", "b"], tmp_path) for _ in range(2)] == [0, 1]
    device._held.pop(0).close()  # as the system does
    assert [take_place(["a", "b"], tmp_path) for _ in range(2)] == [0, 0]


def test_of_several_gpus_one_is_made_current_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    device._choose_gpu.cache_clear()
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: type("", (), {"uuid": f"gpu-{number}"}))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert [str(choose_device()) for _ in range(2)] == ["cuda", "cuda"]
    assert chosen == [0]
    device._choose_gpu.cache_clear()


def test_without_a_gpu_the_processor_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
