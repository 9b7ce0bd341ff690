"""How models look in every figure: one colour a family, one marker and line style a model.

The colours are those of Okabe and Ito (Color Universal Design, 2008), which stay apart for colour-blind readers;
markers and line styles carry the same distinction where a page is printed in grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

INK = "#1d2530"
QUIET = "#6b7480"
RULE = "#d9dde2"
SEQUENTIAL = "Blues"

_FAMILIES = {"cnn": "#0072b2", "pca_svm": "#d55e00", "forest": "#009e73", "blend": "#cc79a7"}
_FURTHER = ("#e69f00", "#56b4e9", "#000000")
_MARKERS = "osD^vPX*"
_LINES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


@dataclass(frozen=True)
class Style:
    """Colour (hexadecimal), matplotlib marker and line style of a model."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]


def styles(families: Mapping[str, str]) -> dict[str, Style]:
    """A style for each model.

    Parameters
    ----------
    families : mapping of str to str
        Family of each model, in the order in which models are shown.

    Returns
    -------
    dict of str to Style
        Models of one family share a colour and differ in line style; markers differ between all models, up to eight.
    """
    further = [family for family in dict.fromkeys(families.values()) if family not in _FAMILIES]
    colours = _FAMILIES | {family: _FURTHER[place % len(_FURTHER)] for place, family in enumerate(further)}
    seen: dict[str, int] = {}
    chosen = {}
    for place, (model, family) in enumerate(families.items()):
        nth = seen[family] = seen.get(family, -1) + 1
        chosen[model] = Style(colours[family], _MARKERS[place % len(_MARKERS)], _LINES[nth % len(_LINES)])
    return chosen
