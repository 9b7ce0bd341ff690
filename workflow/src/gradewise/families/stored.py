"""Writes and reads arrays and JSON of stored models, and refuses files that are damaged or were altered.

A model may come from anywhere. Sizes are checked before a file is read, names, types and shapes before numbers are
used, and every failure is one `UserError` that names the file.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol, TypeVar
from zipfile import BadZipFile

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gradewise import tables
from gradewise.command import UserError

LARGEST_JSON = 2**24
"""Bytes of a record beside a model; real ones have a few thousand."""

LARGEST_RATIO = 100
"""Size of a file by what it takes on disk, or of what it unpacks to by its own size. Models reach 30, blanks 1000."""

FAILURES = (
    ArithmeticError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
    zlib.error,
)
"""What libraries raise when they read a damaged file."""

Record = TypeVar("Record", bound=BaseModel)
Tensors = Mapping[str, tuple[str, tuple[int | None, ...]]]
"""Type, such as F32, and shape of each tensor of a file; None: any length from 1."""


class Stored(Protocol):
    """An open safetensors file, which has no types of its own."""

    def metadata(self) -> dict[str, str] | None:
        """Texts beside the tensors."""
        ...

    def keys(self) -> list[str]:
        """Names of the tensors."""
        ...

    def get_slice(self, name: str) -> Any:
        """A tensor of which only type and shape have been read."""
        ...

    def get_tensor(self, name: str) -> Any:
        """A tensor of the framework."""
        ...


def _distinct(classes: list[str]) -> list[str]:
    if len(set(classes)) < len(classes):
        raise ValueError("a class is listed twice")
    return classes


Classes = Annotated[list[str], Field(min_length=2), AfterValidator(_distinct)]
"""Names of the classes in the record of a model."""

Length = Annotated[int, Field(ge=1, le=2**24)]
SampleShape = tuple[Length, Length, Length]
"""Height, width and channels of a sample in the record of a model."""

Positive = Annotated[FiniteFloat, Field(gt=0)]


def refuse(path: Path, problem: str) -> NoReturn:
    """Raise the error about a file that cannot be used.

    Raises
    ------
    UserError
        Always.
    """
    raise UserError(f"{path}: {problem}. The file is damaged or was not written by gradewise; train the model again")


def require(condition: bool, path: Path, problem: str) -> None:
    """Refuse a file unless a condition holds.

    Raises
    ------
    UserError
        If it does not hold.
    """
    if not condition:
        refuse(path, problem)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever libraries raise about a file into an error that names it.

    Raises
    ------
    UserError
        If `path` is no regular file, or the block fails.
    """
    require(path.is_file(), path, "there is no such file")
    try:
        yield
    except FAILURES as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        refuse(path, f"cannot be read ({reason[:300]})")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON, in which numbers are finite.

    Raises
    ------
    ValueError
        If it is none.
    """

    def no_number(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number")

    return json.loads(text, parse_constant=no_number)


def read_json(path: Path) -> Any:
    """Read a JSON file of limited size.

    Raises
    ------
    UserError
        If it is too large or no JSON.
    """
    with reading(path):
        size = path.stat().st_size
        require(size <= LARGEST_JSON, path, f"has {size} bytes, more than any record of a model")
        return parse_json(path.read_bytes())


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read a JSON file into a pydantic model, which says what it must contain.

    Raises
    ------
    UserError
        If a key is missing or unknown or a value is not allowed.
    """
    content = read_json(path)
    with reading(path):
        return kind.model_validate(content)


@contextmanager
def open_tensors(path: Path, framework: str) -> Iterator[Stored]:
    """Open a safetensors file whose tensors fit into memory and take room on disk, as those of a model do.

    A file may claim any size without having it: what was never written to it reads as zeros.

    Raises
    ------
    ValueError
        If it is larger than the memory of this machine, or nearly all of it was never written.
    """
    status = path.stat()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if status.st_size > memory:
        raise ValueError(f"{status.st_size} bytes, more than the memory of this machine, {memory} bytes")
    # a few file systems do not count blocks
    on_disk = 512 * status.st_blocks or status.st_size
    if status.st_size > LARGEST_RATIO * on_disk:
        raise ValueError(f"claims {status.st_size} bytes, of which {on_disk} were ever written")
    with safe_open(path, framework=framework) as stored:
        yield stored


def check_tensors(path: Path, stored: Stored, expected: Tensors) -> None:
    """Check names, types and shapes of the tensors of an open safetensors file before they are read.

    Raises
    ------
    UserError
        If a tensor is missing, unexpected, or has another type or shape.
    """
    names = set(stored.keys())
    missing, unknown = sorted(expected.keys() - names), sorted(names - expected.keys())
    require(not missing, path, f"lacks the tensors {', '.join(missing[:5])}")
    require(not unknown, path, f"has the unknown tensors {', '.join(unknown[:5])}")
    for name, (kind, shape) in expected.items():
        header = stored.get_slice(name)
        actual = tuple(header.get_shape())
        fits = len(actual) == len(shape) and all(
            length >= 1 if needed is None else length == needed for length, needed in zip(actual, shape, strict=True)
        )
        require(
            header.get_dtype() == kind and fits,
            path,
            f"{name} is {header.get_dtype()} of shape {actual}, not {kind} of shape {shape}",
        )


def read_tensors(path: Path, expected: Tensors) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file.

    Raises
    ------
    UserError
        If they do not fit what is expected, or numbers are not finite.
    """
    with reading(path), open_tensors(path, "numpy") as stored:
        check_tensors(path, stored, expected)
        tensors = {name: stored.get_tensor(name) for name in expected}
    for name, values in tensors.items():
        require(bool(np.isfinite(values).all()), path, f"{name} contains values that are not finite")
    return tensors


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], facts: Mapping[str, object] | None = None) -> None:
    """Write arrays atomically to a safetensors file, with facts as JSON under `gradewise` in its metadata."""
    # in order of memory, for safetensors would write the bytes of any other order as if they were in this one
    ordered = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    metadata = None if facts is None else {"gradewise": json.dumps(facts)}
    with tables.replacing(path) as partial:
        # Not `save_file`, which makes files that only their owner may read.
        partial.write_bytes(save(ordered, metadata))


def read_metadata(path: Path) -> Any:
    """Read the JSON under `gradewise` in the metadata of a safetensors file.

    Raises
    ------
    UserError
        If there is none.
    """
    with reading(path), open_tensors(path, "numpy") as stored:
        text = (stored.metadata() or {})["gradewise"]
        require(len(text) <= LARGEST_JSON, path, "its metadata are too large")
        return parse_json(text)
