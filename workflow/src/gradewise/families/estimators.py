"""scikit-learn estimators as skops files: without pickle, restricted to what a family stores.

skops restricts the types in a file but neither their contents nor the size that the file unpacks to, and scikit-learn's
trees follow indices without checking them. Therefore sizes, arrays and the arguments of trees are checked before
anything is built. The family checks what has been built.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import skops.io

from gradewise import tables
from gradewise.families.stored import LARGEST_RATIO, parse_json, reading, refuse, require

SCHEMA = "schema.json"
"""The file in the archive that describes the estimator; all others are arrays."""

LARGEST_SCHEMA = 2**28
"""Bytes; a tree takes some 20 kB."""

LOADERS = {"ObjectNode", "DictNode", "ListNode", "TupleNode", "JsonNode", "TypeNode", "NdArrayNode", "TreeNode"}
"""What skops may build: plain values, arrays, estimators and trees, but no functions."""


def write_estimator(estimator: object, path: Path) -> None:
    """Write an estimator atomically as a compressed file."""
    with tables.replacing(path) as partial:
        skops.io.dump(estimator, partial, compression=ZIP_DEFLATED)


def read_estimator(path: Path, trusted: tuple[str, ...]) -> Any:
    """Read an estimator. Its attributes may still hold anything: check them before it predicts.

    Parameters
    ----------
    path : Path
    trusted : tuple of str
        Dotted names of the types in the family's files that skops does not trust by itself.

    Raises
    ------
    UserError
        If the file is not a skops file, unpacks to far more than a model does, or contains any other type, and so was
        not written by gradewise.
    """
    with reading(path):
        with ZipFile(path) as archive:
            _check_sizes(path, archive)
            _check_schema(path, archive.read(SCHEMA))
            for name in archive.namelist():
                if name != SCHEMA:
                    _check_array(path, name, archive.read(name))
        types = skops.io.get_untrusted_types(file=path)
        foreign = sorted(set(types) - set(trusted))
        require(not foreign, path, f"contains types that this family never uses ({', '.join(foreign)}); not loaded")
        return skops.io.load(path, trusted=list(trusted))


def _check_sizes(path: Path, archive: ZipFile) -> None:
    entries = archive.infolist()
    unpacked, packed = (sum(sizes) for sizes in zip(*((e.file_size, e.compress_size) for e in entries), strict=True))
    packed = min(packed, path.stat().st_size)
    require(
        unpacked <= LARGEST_RATIO * packed,
        path,
        f"unpacks to {unpacked} bytes, {unpacked // max(packed, 1)} times its size, as no model does",
    )
    require(archive.getinfo(SCHEMA).file_size <= LARGEST_SCHEMA, path, f"its {SCHEMA} is too large")


def _check_schema(path: Path, text: bytes) -> None:
    """Check what skops will build. A node with the number of an earlier one stands for it, so both must be equal."""
    schema = parse_json(text)
    numbered: dict[object, dict[str, Any]] = {}
    for node in _nodes(schema):
        loader = node["__loader__"]
        if loader not in LOADERS:
            refuse(path, f"contains {loader!r}, which no model needs")
        number = node.get("__id__")
        if number and numbered.setdefault(number, node) != node:
            refuse(path, f"two different parts have the number {number}")
        if loader == "TreeNode":
            outputs = node["__reduce__"]["args"]["content"][2]
            # scikit-learn copies the numbers of classes of as many outputs as this says, from wherever that leads.
            if outputs["__loader__"] != "JsonNode" or outputs["content"] != "1":
                refuse(path, "a tree has another number of outputs than 1")


def _nodes(schema: object) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _check_array(path: Path, name: str, content: bytes) -> None:
    """Check that an array has the bytes that its header says, since memory is reserved for the latter."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    require(version == (1, 0), path, f"{name} has an unknown format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    size = math.prod(shape) * dtype.itemsize
    require(
        min(shape, default=0) >= 0 and not dtype.hasobject and size == len(content) - stream.tell(),
        path,
        f"{name} has {len(content) - stream.tell()} bytes, but should have {size}",
    )
