"""How models and classes look in every figure: one colour per family, one marker and line style per model.

The colours follow those of Okabe and Ito (Color Universal Design, 2008), which stay apart for colour-blind readers. The
light ones are darkened to a contrast of 3 to 1 on white, and there are a brown and a violet. Markers and line styles
carry the same distinction where a page is printed in grey.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.typing import LineStyleType

from gradewise.families import registry

INK = "#1d2530"
QUIET = "#6b7480"
RULE = "#d9dde2"
SEQUENTIAL = "Blues"
MARKED = "#e69f00"
"""Regions in pictures."""
HEAT = "YlOrRd"
"""Scores in maps, from low to high."""
FOR_AND_AGAINST = "PuOr_r"
"""What speaks for a prediction, in orange, and against it, in purple: colour-blind readers can distinguish them."""
OUTLINE = "#00a2ff"
"""Outlines of defects in maps, far from their colours."""

_FAMILIES = ("#0072b2", "#d55e00", "#009e73", "#6b4423", "#5e4fa2", "#b0528a", "#b87a00", "#2a8fc7")
_CLASSES = ("#2a8fc7", "#b87a00", "#000000", "#8a7d00", "#0072b2", "#d55e00", "#009e73", "#b0528a")
_MARKERS = "osD^vPX*"
_LINES: tuple[LineStyleType, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


@dataclass(frozen=True)
class Style:
    """Colour (hexadecimal), matplotlib marker and line style of a model."""

    colour: str
    marker: str
    line: LineStyleType


def styles(families: Mapping[str, str]) -> dict[str, Style]:
    """A style for each model, from the family of each in the order in which models are shown.

    Models of one family share a colour, its own or one that no other family of this palette has, and differ in line
    style; markers differ between all models, up to eight.
    """
    order = dict.fromkeys([*registry.BUILT_IN, *registry.RESERVED, *registry.names(), *families.values()])
    next_colour = {family: _FAMILIES[place % len(_FAMILIES)] for place, family in enumerate(order)}
    seen: Counter[str] = Counter()
    chosen = {}
    for place, (model, family) in enumerate(families.items()):
        own_colour = registry.family(family).colour if family in registry.names() else None
        line = _LINES[seen[family] % len(_LINES)]
        chosen[model] = Style(own_colour or next_colour[family], _MARKERS[place % len(_MARKERS)], line)
        seen[family] += 1
    return chosen


def class_styles(classes: Sequence[str]) -> dict[str, Style]:
    """A colour and a marker for each class; up to four classes have colours that no family of models has."""
    return {
        name: Style(_CLASSES[place % len(_CLASSES)], _MARKERS[place % len(_MARKERS)], _LINES[place % len(_LINES)])
        for place, name in enumerate(classes)
    }


def shades(colour: str, count: int) -> list[str]:
    """`count` shades of a colour, from dark to light, none too light for a line on white."""
    places = [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
    return [
        _mix(colour, "#000000", 0.55 - 1.1 * place) if place < 0.5 else _mix(colour, "#ffffff", place - 0.5)
        for place in places
    ]


def ramp(colour: str) -> LinearSegmentedColormap:
    """Colours of a heat map, from white to a family's colour."""
    return LinearSegmentedColormap.from_list("ramp", ["#ffffff", colour])


def _mix(colour: str, other: str, share: float) -> str:
    (red, green, blue), (its_red, its_green, its_blue) = to_rgb(colour), to_rgb(other)
    rest = 1 - share
    return to_hex((rest * red + share * its_red, rest * green + share * its_green, rest * blue + share * its_blue))
