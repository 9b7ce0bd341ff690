"""The state of unfinished training in one file, so that an interrupted run can continue.

Tensors are stored as safetensors, everything else as JSON in the same file's metadata. The file is written atomically,
and reading it runs no code.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from gradewise import tables
from gradewise.families.stored import FAILURES, open_tensors

log = logging.getLogger(__name__)


def write_checkpoint(
    path: Path, fingerprint: str, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]
) -> None:
    """Write a checkpoint.

    Parameters
    ----------
    path : Path
    fingerprint : str
        Hash of everything that the result depends on; a checkpoint is only read back under the same one.
    tensors : dict
        Named sets of tensors.
    state : dict
        Further state, representable as JSON.
    """
    flat = {f"{part}/{name}": value.contiguous() for part, values in tensors.items() for name, value in values.items()}
    # A set may be empty, as the momentum is before the first step; its name must be restored all the same.
    record = json.dumps({"fingerprint": fingerprint, "parts": list(tensors), "state": state}, allow_nan=False)
    with tables.replacing(path) as partial:
        partial.write_bytes(save(flat, {"gradewise": record, "sha256": _digest(record, flat)}))


def read_checkpoint(path: Path, fingerprint: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """Read the tensors and state given to `write_checkpoint`; None if there is no usable checkpoint.

    A checkpoint with another fingerprint, or one that was truncated by a full disk or is damaged in any other way, is
    reported in the log and ignored.
    """
    if not path.exists():
        return None
    try:
        with open_tensors(path, "pt") as file:
            metadata = file.metadata() or {}
            record = json.loads(metadata["gradewise"])
            if record["fingerprint"] != fingerprint:
                log.info("%s belongs to other settings or data; starting anew", path)
                return None
            flat = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        if _digest(metadata["gradewise"], flat) != metadata["sha256"]:
            raise ValueError("its content differs from its hash")
    except FAILURES as error:
        log.warning("%s cannot be read (%s: %s); starting anew", path, type(error).__name__, error)
        return None
    tensors: dict[str, dict[str, Tensor]] = {part: {} for part in record["parts"]}
    for key, value in flat.items():
        part, name = key.split("/", 1)
        tensors[part][name] = value
    return tensors, record["state"]


def _digest(record: str, flat: dict[str, Tensor]) -> str:
    """SHA-256 of what a checkpoint holds: altered weights would be trained on, altered shapes fail only later."""
    digest = hashlib.sha256(record.encode())
    for name, value in sorted(flat.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The running averages of an optimiser, by parameter number and name."""
    return {
        f"{number}.{name}": value
        for number, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore the result of `optimiser_tensors` in an optimiser."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
