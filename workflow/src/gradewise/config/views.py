"""Views: lists of operations that turn images into samples, and the registry that operations come from.

An operation is one class: its settings, what it does to pixels, to sizes and to masks, and its words. Those of
gradewise lie in `gradewise.views.operations`. A package installed beside gradewise adds one through an entry point of
the group `gradewise.operations`. The workflow checks views while it is parsed, so libraries that work on pixels are
imported only by the methods that do.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    GetJsonSchemaHandler,
    PlainValidator,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gradewise.config.section import Section, suggestion

if TYPE_CHECKING:
    import numpy as np

Size = tuple[int, int]
"""Height and width [px]."""
Positions = list[tuple[int, int]]
"""Rows and columns of samples in the grid of tiles of their image."""

ENTRY_POINTS = "gradewise.operations"
BUILT_IN = ("colour", "polar", "resize", "crop", "tile")


class Operation(Section):
    """What every operation of a view says of itself; an operation is a `Transform`, a `Colour` or a `Tiling`.

    Attributes
    ----------
    key : str
        Its name in the configuration: the key of its main setting, or a bare word where it has no settings.
    effect : {"values", "size", "part"}
        What it changes: only the values of pixels, so that masks stay as they are; the size in which everything is
        shown; or which part is shown, or where in the sample it appears.
    needs_fixed_size : bool
        Whether an operation before it must have given all images one size.
    """

    key: ClassVar[str]
    effect: ClassVar[Literal["values", "size", "part"]]
    needs_fixed_size: ClassVar[bool] = False

    @abstractmethod
    def in_words(self) -> str:
        """What it does, as a part of a sentence: 'resized to 256 x 256 px'."""

    @property
    def need(self) -> Size:
        """Smallest height and width that it can work on."""
        return (1, 1)

    def size_after(self, size: Size | None) -> Size | None:
        """Size of what it makes, from the size of what it is given; None where sizes differ between images."""
        return size

    @model_serializer(mode="wrap")
    def write_bare_word(self, write: SerializerFunctionWrapHandler) -> Any:
        return write(self) if type(self).model_fields else self.key

    def __str__(self) -> str:
        """As the configuration has it."""
        return _in_yaml(self.model_dump(mode="json", exclude_unset=True))


class Transform(Operation):
    """An operation that makes one array of one array."""

    @abstractmethod
    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Transform an image, uint8 (height, width, channels), one channel or three; masks have one, 0 to 255."""


class Colour(Transform):
    """The first operation of a view: fixes the number of channels.

    Attributes
    ----------
    channels : int
        How many `apply` makes of pixels of shape (height, width) or (height, width, 3).
    """

    effect = "values"
    channels: ClassVar[int]


class Tiling(Operation):
    """An operation that makes several samples of one image."""

    effect = "part"

    @property
    @abstractmethod
    def depends_on_pixels(self) -> bool:
        """Whether chance or the values of pixels decide which samples an image gives."""

    @abstractmethod
    def choose(self, image: np.ndarray, rng: np.random.Generator) -> Positions:
        """Which samples to take of an image, uint8 (height, width, channels)."""

    @abstractmethod
    def take(self, image: np.ndarray, positions: Positions) -> np.ndarray:
        """Samples at some positions of an image or mask, uint8 (n, height, width, channels)."""

    @abstractmethod
    def covers(self, size: Size) -> bool:
        """Whether all samples of an image of this size show all of it."""


Kind = TypeVar("Kind", bound=Operation)

_registry: dict[str, type[Operation]] = {}


def operation(kind: type[Kind]) -> type[Kind]:
    """Register a class of operations, as a decorator.

    Raises
    ------
    ValueError
        Where its key is taken, or is not among its settings.
    """
    if kind.model_fields and kind.key not in kind.model_fields:
        raise ValueError(f"{kind.__qualname__}: its key {kind.key!r} is none of its settings {list(kind.model_fields)}")
    owner = _registry.setdefault(kind.key, kind)
    if owner is not kind:
        raise ValueError(
            f"the view operation {kind.key!r} is defined twice: {owner.__module__}.{owner.__qualname__} and "
            f"{kind.__module__}.{kind.__qualname__}"
        )
    return kind


def known_operations() -> Mapping[str, type[Operation]]:
    """All operations by key, of gradewise and of packages installed beside it; bare words first."""
    _load()
    return dict(sorted(_registry.items(), key=lambda item: (bool(item[1].model_fields), item[0])))


@cache
def _load() -> None:
    for module in BUILT_IN:
        import_module(f"gradewise.views.operations.{module}")
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except ImportError as error:
            raise ImportError(f"{ENTRY_POINTS}: {entry.name} = {entry.value} cannot be loaded: {error}") from error


def _in_yaml(value: Any) -> str:
    return json.dumps(value).replace('"', "")


def _parse(section: Any) -> Operation:
    """An operation from a bare word or a section; which one is told by the first key that names one."""
    if isinstance(section, Operation):
        return section
    kinds = known_operations()
    if isinstance(section, dict):
        kind = next((kinds[key] for key in section if key in kinds and kinds[key].model_fields), None)
    else:
        kind = kinds.get(section) if isinstance(section, str) else None
    if kind is None or (isinstance(section, str) and kind.model_fields):
        word = next(iter(section), "") if isinstance(section, dict) else section
        near = "" if str(word) in kinds else suggestion(word, kinds)
        raise PydanticCustomError(
            "operation", "not an operation.{near} Operations: {known}", {"near": near, "known": _examples()}
        )
    return kind.model_validate({} if isinstance(section, str) else section)


def _examples() -> str:
    """Every operation as the configuration may have it."""
    examples = [
        _in_yaml({kind.key: (kind.model_fields[kind.key].examples or [".."])[0]}) if kind.model_fields else kind.key
        for kind in known_operations().values()
    ]
    return ", ".join(examples)


class _AnyOperation:
    """The JSON schema of an operation: one of the bare words, or a section of one of the kinds."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        kinds = known_operations().values()
        words = [kind.key for kind in kinds if not kind.model_fields]
        sections = [kind.__pydantic_core_schema__ for kind in kinds if kind.model_fields]
        return handler(core_schema.union_schema([core_schema.literal_schema(words), *sections]))


class View(Section):
    """Operations that turn an image into samples of one fixed size, applied in order; written as their list."""

    operations: tuple[Annotated[SerializeAsAny[Operation], PlainValidator(_parse), _AnyOperation()], ...]

    @model_validator(mode="before")
    @classmethod
    def wrap_list(cls, section: Any) -> Any:
        return {"operations": section} if isinstance(section, list | tuple) else section

    @model_validator(mode="after")
    def check_order(self) -> View:
        colours = [operation for operation in self.operations if isinstance(operation, Colour)]
        if len(colours) != 1 or self.operations[0] is not colours[0]:
            known = [key for key, kind in known_operations().items() if issubclass(kind, Colour)]
            raise ValueError(f"a view begins with the colour it works in: {' or '.join(known)}, once")
        if sum(isinstance(operation, Tiling) for operation in self.operations) > 1:
            raise ValueError("a view tiles at most once")
        sizes = self._sizes(None)
        for operation, size in zip(self.operations, sizes, strict=False):
            if operation.needs_fixed_size and size is None:
                raise ValueError(f"{operation} needs a fixed size: put resize, centre_crop, crop or tile before it")
            if not _fits(operation, size):
                height, width = operation.need
                raise ValueError(f"{operation} needs {height} x {width} pixels of {' x '.join(map(str, size or ()))}")
        if sizes[-1] is None:
            raise ValueError("samples need one fixed size: add resize, centre_crop, crop or tile")
        return self

    def _sizes(self, image: Size | None) -> list[Size | None]:
        """Sizes before each operation and after the last, from an image's size; None where they differ."""
        sizes = [image]
        for operation in self.operations:
            sizes.append(operation.size_after(sizes[-1]))
        return sizes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the samples."""
        size, colour = self._sizes(None)[-1], self.operations[0]
        assert size is not None, "check_order refuses views without a fixed size"
        assert isinstance(colour, Colour), "check_order refuses views without a colour"
        return (*size, colour.channels)

    @property
    def minimum_side(self) -> int:
        """Smallest side of an image that all operations can work on [px]."""

        def suffices(side: int) -> bool:
            return all(map(_fits, self.operations, self._sizes((side, side))))

        return bisect_left(range(1, 10**9), True, key=suffices) + 1

    @property
    def tiling(self) -> Tiling | None:
        """The operation that makes several samples of one image, if there is one."""
        return next((operation for operation in self.operations if isinstance(operation, Tiling)), None)

    @property
    def tiles_whole_images(self) -> bool:
        """Whether tiles are cut from images of differing sizes."""
        return any(
            isinstance(operation, Tiling) and size is None
            for operation, size in zip(self.operations, self._sizes(None), strict=False)
        )

    @property
    def cut(self) -> tuple[Operation, ...] | None:
        """What decides which part of an image each sample shows; None where chance or the pixels' values do.

        Views of equal cuts have samples of the same names that show the same part, in another size or colour perhaps.
        Empty where images stay whole.
        """
        if self.tiling and self.tiling.depends_on_pixels:
            return None
        moving = [operation for operation in self.operations if operation.effect != "values"]
        while moving and moving[-1].effect != "part":
            moving.pop()
        return tuple(moving)

    @property
    def modules(self) -> list[str]:
        """Modules that define the operations, for the code version of what is made with them."""
        return sorted({type(operation).__module__ for operation in self.operations})

    def in_words(self) -> str:
        """All operations in words: 'colour, resized to 256 x 256 px, middle 224 x 224 px'."""
        return ", ".join(operation.in_words() for operation in self.operations)


def _fits(operation: Operation, size: Size | None) -> bool:
    return size is None or (operation.need[0] <= size[0] and operation.need[1] <= size[1])
