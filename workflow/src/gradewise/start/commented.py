"""Writes YAML with a comment for each line that says why."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

WIDTH = 110
"""Lines with their comment are at most this long; otherwise the comment stands above."""


@dataclass(frozen=True)
class Line:
    """A key, its value, and why it has this value.

    Attributes
    ----------
    key : str
        Empty: a comment alone.
    value : object
        A value to be written in one line, a `Section` or `Rows`.
    why : str
    """

    key: str
    value: object = None
    why: str = ""


@dataclass(frozen=True)
class Section:
    """Lines below a key."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Rows:
    """A list with a line for each item."""

    items: tuple[object, ...]


def write(lines: Sequence[Line], indent: str = "") -> str:
    """YAML text of sections and values; sections at the top level are set apart by empty lines."""
    text = ""
    for line in lines:
        if not line.key:
            text += _comment(line.why, indent)
            continue
        key, value = flow(line.key), line.value
        if isinstance(value, Rows):
            text += _with_comment(f"{indent}{key}:", indent, line.why)
            text += "".join(f"{indent}  - {flow(item)}\n" for item in value.items)
        elif isinstance(value, Section):
            text += "" if indent else "\n"
            text += _with_comment(f"{indent}{key}:", indent, line.why) + write(value.lines, f"{indent}  ")
        else:
            text += _with_comment(f"{indent}{key}: {_broken(value, indent)}", indent, line.why)
    return text


def content(lines: Sequence[Line]) -> dict[str, object]:
    """What the lines mean, as parsed YAML."""
    return {line.key: _content(line.value) for line in lines if line.key}


def flow(value: object) -> str:
    """A value in one line, as it may stand anywhere in a file.

    PyYAML writes scalars; it would break long or several lines, which comments do not survive.
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text = yaml.safe_dump([value], default_flow_style=True, default_style=style, allow_unicode=True, width=math.inf)
    return str(text).strip()[1:-1]


def _content(value: object) -> object:
    if isinstance(value, Rows):
        return list(value.items)
    return content(value.lines) if isinstance(value, Section) else value


def _broken(value: object, indent: str) -> str:
    """A value as `flow` writes it, long lists in several lines."""
    text = flow(value)
    if len(text) <= WIDTH or not isinstance(value, list | tuple):
        return text
    lines = [f"{indent}  "]
    for item in value:
        if len(lines[-1]) + len(flow(item)) > WIDTH:
            lines.append(f"{indent}  ")
        lines[-1] += f"{flow(item)}, "
    return "\n".join(["[", *map(str.rstrip, lines), f"{indent}]"])


def _with_comment(text: str, indent: str, why: str) -> str:
    if not why:
        return f"{text}\n"
    whole = f"{text}  # {_printable(why)}\n"
    return whole if len(whole) <= WIDTH and "\n" not in text else f"{_comment(why, indent)}{text}\n"


def _comment(why: str, indent: str) -> str:
    lines = textwrap.wrap(_printable(why), WIDTH - len(indent), break_on_hyphens=False, break_long_words=False)
    return "".join(f"{indent}# {line}\n" for line in lines)


def _printable(text: str) -> str:
    """Text that ends no comment early: in one line, without signs that YAML refuses."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
