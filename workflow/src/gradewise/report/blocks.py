"""What a page is made of: sections that hold text, tables, figures and galleries of pictures.

Sections are built from results without knowing about HTML; `page` turns them into a page and into the files beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import pandas as pd
from PIL import Image

from gradewise.report.numbers import Estimate

WIDE, BROKEN, MANY = 860, 950, 10
"""Wider tables [px] are set smaller, those wider still break before intervals; with more columns they are set smaller
yet."""

LONG = 12
"""Tables of metrics with more rows than this are folded."""


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` is plain, lead (larger), small, notice (a banner) or erratum (set apart)."""

    kind: ClassVar[str] = "text"
    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Facts:
    """A few numbers that stand out, as (name, value, remark)."""

    kind: ClassVar[str] = "facts"
    facts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, the keys of its values in the data, and how these are written in a cell.

    `kind` is number (aligned right), name (kept on one line), text (may run over several lines) or prose (sentences, in
    a wide column).
    """

    heading: str
    keys: str | tuple[str, ...]
    write: Callable[..., str] = str
    kind: str = "number"

    @classmethod
    def name(cls, heading: str, key: str, write: Callable[..., str] = str) -> Column:
        """A column of names, each kept on one line."""
        return cls(heading, key, write, "name")

    @classmethod
    def text(cls, heading: str, key: str, write: Callable[..., str] = str) -> Column:
        """A column of texts that may run over several lines."""
        return cls(heading, key, write, "text")

    @classmethod
    def interval(
        cls, heading: str, key: str, write: Callable[[Estimate], str], bounds: tuple[str, str] | None = None
    ) -> Column:
        """A column of values with intervals, whose bounds are `{key}_low` and `{key}_high` unless named."""
        keys = (key, *(bounds or (f"{key}_low", f"{key}_high")))
        return cls(heading, keys, lambda *ends: write(Estimate(*ends)))


@dataclass(frozen=True)
class Table:
    """A table: the numbers in full precision, which the CSV file holds, and the columns shown, made from them.

    Attributes
    ----------
    name : str
        Of the CSV file, without its ending.
    caption : str
    data : DataFrame
    columns : tuple of Column
        The first heads the rows.
    limit : int or None
        Show no more rows than this; the CSV file holds all.
    folded : bool
        Shown only when the reader asks.
    """

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    limit: int | None = None
    folded: bool = False

    @property
    def density(self) -> str:
        """How close columns have to stand, as classes of style: wide, broken and many, each with those before it."""
        width = sum(map(_width, self.columns, zip(*self._texts, strict=True)))
        if len(self.columns) > MANY:
            return "wide broken many"
        return "wide broken" if width > BROKEN else "wide" if width > WIDE else ""

    @property
    def rows(self) -> list[list[str]]:
        """Text of the cells shown."""
        if "broken" not in self.density:
            return self._texts
        # where columns are narrow, an interval stays on one line, below its value
        return [[text.replace(" to ", "\u00a0to\u00a0") for text in line] for line in self._texts]

    @cached_property
    def _texts(self) -> list[list[str]]:
        shown = self.data.head(len(self.data) - self.hidden)
        cells = []
        for column in self.columns:
            keys = [column.keys] if isinstance(column.keys, str) else column.keys
            cells.append([column.write(*values) for values in zip(*(shown[key] for key in keys), strict=True)])
        return [list(row) for row in zip(*cells, strict=True)]

    @property
    def hidden(self) -> int:
        """Number of rows that only the CSV file holds."""
        return 0 if self.limit is None else max(0, len(self.data) - self.limit)


def _width(column: Column, texts: tuple[str, ...]) -> float:
    """About how wide a column is [px]: text and prose may break, headings do between words, before an arrow to sort."""
    most = 12 if column.kind in ("text", "prose") else max(map(len, texts), default=0)
    return 7.3 * max(most, *(len(word) + 2 for word in column.heading.split() or [""])) + 24


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG, or several that stand side by side as far as a page is wide, with a caption and an alternative
    text for readers who do not see it."""

    kind: ClassVar[str] = "figure"
    name: str
    caption: str
    alt: str
    svg: bytes | tuple[bytes, ...]

    @property
    def drawings(self) -> dict[str, bytes]:
        """The drawings by the names of their files, without endings."""
        drawings = self.svg if isinstance(self.svg, tuple) else (self.svg,)
        return {f"{self.name}-{place}" if place > 1 else self.name: svg for place, svg in enumerate(drawings, 1)}

    @property
    def tells(self) -> bool:
        """Whether parts of the drawings belong to models or have texts."""
        return any(b" data-model=" in svg or b"<g><title>" in svg for svg in self.drawings.values())


@dataclass(frozen=True)
class Picture:
    """A thumbnail with the lines under it and, in `detail`, a second picture next to it.

    `cell` names the cell of a confusion matrix that it belongs to, and `anchor` is what that cell links to.
    """

    image: Image.Image
    alt: str
    lines: tuple[str, ...]
    detail: Image.Image | None = None
    detail_alt: str = ""
    cell: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures in a row or in several; in an `even` one a picture and its detail have the same size."""

    kind: ClassVar[str] = "gallery"
    name: str
    caption: str
    pictures: tuple[Picture, ...]
    even: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: its text, its shade from 0 (light) to 9, and the name of the pictures that it links to."""

    text: str
    shade: int
    link: str = ""


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix: rows are true classes, columns predicted ones."""

    kind: ClassVar[str] = "matrix"
    caption: str
    classes: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class InUse:
    """A slider of the threshold, with the costs of mistakes; shown where scripts run.

    Attributes
    ----------
    truth : list of int
        Places of the true classes of the test verdicts in their order.
    at_least : list of list of float
        Of each verdict the probability of the second class or a higher one, of the third or a higher one, and so on.
    classes : int
        Number of classes.
    names : (str, str)
        What the two kinds of mistakes are called.
    costs : (float, float)
        What one of each costs at first.
    """

    kind: ClassVar[str] = "in-use"
    truth: list[int]
    at_least: list[list[float]]
    classes: int
    names: tuple[str, str]
    costs: tuple[float, float]

    @property
    def data(self) -> dict[str, object]:
        """What the script of the page reads."""
        return {"classes": self.classes, "truth": self.truth, "at_least": self.at_least}


Block = Text | Facts | Table | Figure | Gallery | Matrix | InUse


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Attributes
    ----------
    name : str
        Its anchor; a section with contents is laid out by the template `sections/{name}.html`, with underscores.
    title : str
    blocks : tuple of Block
        The content below the heading, in this order, where there is no template.
    parts : tuple of Section
        What follows, each with a heading of its own.
    contents : mapping of str to object
        What the template is filled with: words, blocks and lists of them.
    front : bool
        Shown first and across the whole page, before the list of contents.
    folded : bool
        Shown only when the reader asks.
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()
    contents: Mapping[str, object] = field(default_factory=dict)
    front: bool = False
    folded: bool = False

    @property
    def template(self) -> str:
        """File below `templates` that lays out the content below the heading."""
        return f"sections/{self.name.replace('-', '_')}.html" if self.contents else "section.html"

    def walk(self) -> list[Block]:
        """The blocks of this section and of its parts, in order."""
        own = [*self.blocks, *_blocks(list(self.contents.values()))]
        return [*own, *(block for part in self.parts for block in part.walk())]


def _blocks(content: object) -> Iterable[Block]:
    """The blocks in what a template is filled with."""
    if isinstance(content, Block):
        yield content
    elif isinstance(content, list | tuple):
        for part in content:
            yield from _blocks(part)
