"""The state of unfinished training in one file, so that an interrupted run can continue.

Tensors are stored as safetensors, everything else as JSON in the same file's metadata. The file is written atomically,
and reading it runs no code.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gradewise import tables

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
    record = {"fingerprint": fingerprint, "parts": list(tensors), "state": state}
    with tables.replacing(path) as partial:
        partial.write_bytes(save(flat, {"gradewise": json.dumps(record, allow_nan=False)}))


def read_checkpoint(path: Path, fingerprint: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """Read the tensors and state given to `write_checkpoint`; None if there is no usable checkpoint.

    A checkpoint with another fingerprint, or one truncated by a full disk, is reported in the log and ignored.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads(file.metadata()["gradewise"])
            if record["fingerprint"] != fingerprint:
                log.info("%s belongs to other settings or data; starting anew", path)
                return None
            tensors: dict[str, dict[str, Tensor]] = {part: {} for part in record["parts"]}
            for key in file.keys():  # noqa: SIM118 (not a dict)
                part, name = key.split("/", 1)
                tensors[part][name] = file.get_tensor(key)
    except SafetensorError as error:
        log.warning("%s cannot be read (%s); starting anew", path, error)
        return None
    return tensors, record["state"]


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
