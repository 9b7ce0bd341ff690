"""Views: lists of operations that turn images into samples, and the registry that operations come from.

An operation is one class with its settings, its effect on pixels, sizes and masks, and its description. Those of
gradewise are in `gradewise.views.operations`. A package installed alongside gradewise adds one through an entry point
of the group `gradewise.operations`. The workflow checks views while it is parsed, so only the methods that process
pixels import the libraries for it.
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
    """Base of all operations; each is a `Transform`, a `Colour` or a `Tiling`.

    Attributes
    ----------
    key : str
        Its name in the configuration: the key of its main setting, or a bare word if it has no settings.
    effect : {"values", "size", "part"}
        What it changes: only pixel values, so that masks stay as they are; the size at which everything is shown; or
        which part of the image is shown, or where it appears in the sample.
    needs_fixed_size : bool
        Whether an earlier operation must have given all images the same size.
    """

    key: ClassVar[str]
    effect: ClassVar[Literal["values", "size", "part"]]
    needs_fixed_size: ClassVar[bool] = False

    @abstractmethod
    def in_words(self) -> str:
        """Description for use in a sentence: 'resized to 256 x 256 px'."""

    @property
    def need(self) -> Size:
        """Smallest height and width of its input [px]."""
        return (1, 1)

    @property
    def shows_all(self) -> bool:
        """Whether its output shows all of its input, and in one piece."""
        return self.effect != "part"

    @property
    def cuts_data_bar(self) -> bool:
        """Whether images are to be cut off above their data bar before any operation; then it stands second."""
        return False

    def size_after(self, size: Size | None) -> Size | None:
        """Size of its output from the size of its input; None if sizes differ between images."""
        return size

    def move(self, points: np.ndarray, size: Size) -> np.ndarray | None:
        """Where its output shows points of its input, from which `views/coverage.py` concludes what a view shows.

        Parameters
        ----------
        points : ndarray of float, shape (n, 2)
            Rows and columns from the top left corner [px].
        size : (int, int)
            Of the input.

        Returns
        -------
        ndarray of float, shape (n, 2), or None
            NaN or outside of the output where it does not show a point. None if the operation does not tell, which is
            the default for those that change more than values.
        """
        return points if self.effect == "values" else None

    @model_serializer(mode="wrap")
    def write_bare_word(self, write: SerializerFunctionWrapHandler) -> Any:
        return write(self) if type(self).model_fields else self.key

    def __str__(self) -> str:
        """The operation as written in the configuration."""
        return _in_yaml(self.model_dump(mode="json", exclude_unset=True))


class Transform(Operation):
    """An operation that turns one array into one array."""

    @abstractmethod
    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Transform an image, uint8 (height, width, channels) with 1 or 3 channels, or a mask, with 1 channel."""


class Colour(Transform):
    """The first operation of a view: fixes the number of channels.

    Attributes
    ----------
    channels : int
        Number that `apply` returns for pixels of shape (height, width) or (height, width, 3).
    """

    effect = "values"
    channels: ClassVar[int]


class Tiling(Operation):
    """An operation that cuts several samples from one image."""

    effect = "part"

    @property
    @abstractmethod
    def depends_on_pixels(self) -> bool:
        """Whether the choice of samples depends on chance or on pixel values."""

    @abstractmethod
    def choose(self, image: np.ndarray, rng: np.random.Generator) -> Positions:
        """Positions of the samples to take from an image, uint8 (height, width, channels)."""

    @abstractmethod
    def take(self, image: np.ndarray, positions: Positions) -> np.ndarray:
        """Samples at given positions of an image or mask, uint8 (n, height, width, channels)."""

    @abstractmethod
    def covers(self, size: Size) -> bool:
        """Whether the samples of an image of this size cover it completely."""


Kind = TypeVar("Kind", bound=Operation)

_registry: dict[str, type[Operation]] = {}


def operation(kind: type[Kind]) -> type[Kind]:
    """Register an operation's class; used as a decorator.

    Raises
    ------
    ValueError
        If its key is already registered or is not among its settings.
    """
    if kind.model_fields and kind.key not in kind.model_fields:
        raise ValueError(f"{kind.__qualname__}: key {kind.key!r} is not among its settings {list(kind.model_fields)}")
    owner = _registry.setdefault(kind.key, kind)
    if owner is not kind:
        raise ValueError(
            f"the view operation {kind.key!r} is defined twice: {owner.__module__}.{owner.__qualname__} and "
            f"{kind.__module__}.{kind.__qualname__}"
        )
    return kind


def known_operations() -> Mapping[str, type[Operation]]:
    """All operations by key, from gradewise and from packages installed alongside it; bare words first."""
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


def _in_yaml(value: object) -> str:
    return json.dumps(value).replace('"', "")


def _parse(section: object) -> Operation:
    """An operation from a bare word, or from a section by the first key that names one."""
    if isinstance(section, Operation):
        return section
    kinds = known_operations()
    if isinstance(section, dict):
        kind = next((kinds[key] for key in section if key in kinds and kinds[key].model_fields), None)
    else:
        kind = kinds.get(section) if isinstance(section, str) else None
    if kind is None or (isinstance(section, str) and kind.model_fields):
        word = next(iter(section), "") if isinstance(section, dict) else section
        near = "" if str(word) in kinds else suggestion(str(word), kinds)
        raise PydanticCustomError(
            "operation", "not an operation.{near} Operations: {known}", {"near": near, "known": _examples()}
        )
    return kind.model_validate({} if isinstance(section, str) else section)


def _examples() -> str:
    """An example of every operation as written in the configuration."""
    examples = [
        _in_yaml({kind.key: (kind.model_fields[kind.key].examples or [".."])[0]}) if kind.model_fields else kind.key
        for kind in known_operations().values()
    ]
    return ", ".join(examples)


class _AnyOperation:
    """The JSON schema of an operation: one of the bare words, or a section."""

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
    def wrap_list(cls, section: object) -> object:
        return {"operations": section} if isinstance(section, list | tuple) else section

    @model_validator(mode="after")
    def check_order(self) -> View:
        colours = [operation for operation in self.operations if isinstance(operation, Colour)]
        if len(colours) != 1 or self.operations[0] is not colours[0]:
            known = [key for key, kind in known_operations().items() if issubclass(kind, Colour)]
            raise ValueError(f"a view begins with the colour it works in: {' or '.join(known)}, once")
        if sum(isinstance(operation, Tiling) for operation in self.operations) > 1:
            raise ValueError("a view tiles at most once")
        if any(operation.cuts_data_bar for operation in self.operations[2:]):
            raise ValueError("crop: {below_data_bar: true} cuts whole images: put it right after the colour, once")
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
        """Sizes before each operation and after the last, from an image's size; None where they vary."""
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
    def cuts_data_bar(self) -> bool:
        """Whether images are cut off above their data bar."""
        return any(operation.cuts_data_bar for operation in self.operations)

    @property
    def tiling(self) -> Tiling | None:
        """The operation that cuts several samples from one image, if there is one."""
        return next((operation for operation in self.operations if isinstance(operation, Tiling)), None)

    @property
    def around_tiles(self) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
        """Operations before and after the tiling; without one, all stand before."""
        place = next((k for k, operation in enumerate(self.operations) if isinstance(operation, Tiling)), None)
        if place is None:
            return self.operations, ()
        return self.operations[:place], self.operations[place + 1 :]

    def above_bar(self, pixels: np.ndarray, bar_rows: int) -> np.ndarray:
        """An image or a mask without the data bar of so many rows, if the view asks for it."""
        return pixels[: len(pixels) - bar_rows] if self.cuts_data_bar else pixels

    def begin(self, pixels: np.ndarray, bar_rows: int = 0) -> np.ndarray:
        """What the operations before the tiling make of an image; without one, its sample.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width) or (height, width, 3)
        bar_rows : int
            Height of the image's data bar [px], left off if the view asks for it.

        Returns
        -------
        ndarray of uint8, shape (height, width, channels)
        """
        begun = self.above_bar(pixels, bar_rows)
        for operation in self.around_tiles[0]:
            assert isinstance(operation, Transform), "what cuts several samples is the tiling"
            begun = operation.apply(begun)
        return begun

    def shape_begun(self, size: Size) -> tuple[int, int, int] | None:
        """Shape of what `begin` makes of an image of a size; None where an operation does not tell."""
        colour, begun = self.operations[0], self._sizes(size)[len(self.around_tiles[0])]
        assert isinstance(colour, Colour), "check_order refuses views without a colour"
        return None if begun is None else (*begun, colour.channels)

    @property
    def window(self) -> int:
        """Smaller side of what one sample shows of an image as it is cut, before it is resized once more [px]."""
        if self.tiling is None:
            return min(self.shape[:2])
        return min(self.tiling.need)

    @property
    def straight(self) -> bool:
        """Whether maps of its samples can be laid over images: it shifts and stretches them, but never bends or turns
        them, and tiles are at most resized."""
        before, after = self.around_tiles
        if any(not operation.shows_all for operation in after):
            return False
        side = max(self.minimum_side, 64)
        sizes = self._sizes((side, side))
        return all(_is_straight(operation, size) for operation, size in zip(before, sizes, strict=False) if size)

    @property
    def tiles_whole_images(self) -> bool:
        """Whether tiles are cut from images of differing sizes."""
        return any(
            isinstance(operation, Tiling) and size is None
            for operation, size in zip(self.operations, self._sizes(None), strict=False)
        )

    @property
    def cut(self) -> tuple[Operation, ...] | None:
        """The operations that decide which part of an image each sample shows; None if it depends on pixels or chance.

        Samples of the same name in views with equal cuts show the same part, perhaps in another size or colour. Empty
        if images stay whole.
        """
        if self.tiling and self.tiling.depends_on_pixels:
            return None
        moving = [operation for operation in self.operations if operation.effect != "values"]
        while moving and moving[-1].shows_all:
            moving.pop()
        return tuple(moving)

    @property
    def modules(self) -> list[str]:
        """Modules that define the operations, for the code version of their outputs."""
        return sorted({type(operation).__module__ for operation in self.operations})

    def in_words(self) -> str:
        """Description of all operations: 'colour, resized to 256 x 256 px, middle 224 x 224 px'."""
        return ", ".join(operation.in_words() for operation in self.operations)


def _is_straight(operation: Operation, size: Size) -> bool:
    """Whether rows stay rows and columns stay columns, at equal distances."""
    import numpy as np

    middle, step = np.array(size) / 2, np.array(size) / 8
    points = np.array([middle, middle + step, middle + 2 * step, middle + step * [1, 0], middle + step * [0, 1]])
    moved = operation.move(points, size)
    if moved is None or not np.isfinite(moved).all():
        return False
    start, one, two, down, right = moved
    return bool(
        np.allclose(two - one, one - start)
        and np.allclose(down, [one[0], start[1]])
        and np.allclose(right, [start[0], one[1]])
        and (one > start).all()
    )


def _fits(operation: Operation, size: Size | None) -> bool:
    return size is None or (operation.need[0] <= size[0] and operation.need[1] <= size[1])
