"""Reads a configuration file; what is wrong with its YAML is told with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gradewise.command import UserError

HINTS = {
    "cannot start any token": "a tab, or a sign that YAML keeps for itself: indent with spaces, and put such a text in "
    "quotes",
    "mapping values are not allowed": "a colon where none can be: put a text with a colon in quotes, and indent all "
    "keys of a section alike",
    "expected <block end>": "not indented as the lines above: indent all keys of a section alike",
    "could not find expected ':'": "a key without a colon, here or in the line above",
    "expected ',' or": "a comma, bracket or brace is missing, here or above",
    "while scanning a quoted scalar": "a quotation mark that is never closed",
    "unexpected end of stream": "a quotation mark, bracket or brace that is never closed",
    "undefined alias": "a text that begins with * must be in quotes",
}
"""What to do about an error, by a part of what PyYAML says of it."""


def read_configuration(path: Path) -> dict[str, Any]:
    """Parse a configuration file, without checking its content.

    Raises
    ------
    UserError
        If the file is missing or not YAML with sections at its top level; the message names the line.
    """
    if not path.is_file():
        advice = "is a folder; `gradewise init` writes a configuration for it" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {advice}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = yaml.safe_load(text)
        _refuse_repeated_keys(yaml.compose(text, yaml.SafeLoader))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8 ({error.reason} at byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        raise UserError(_explain(path, text, error)) from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({error})") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: no sections at its top level; a configuration has datasets:, views: and models:")
    return raw


def _refuse_repeated_keys(node: yaml.Node) -> None:
    """Keys that are given twice in one section are an error: YAML would silently use the last."""
    children = node.value if isinstance(node, yaml.CollectionNode) else []
    seen = set()
    for child in children:
        if isinstance(child, tuple):
            key, child = child
            if key.value in seen:
                problem = f"the key {key.value!r} is given twice in one section; keep one"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        _refuse_repeated_keys(child)


def _explain(path: Path, text: str, error: yaml.MarkedYAMLError) -> str:
    """What is wrong with which line, the line itself, and what would do."""
    mark = error.problem_mark or error.context_mark
    said = " ".join(part for part in (error.context, error.problem) if part)
    hint = next((advice for part, advice in HINTS.items() if part in said), None)
    if mark is None:
        return f"{path}: {hint or said}"
    lines = text.splitlines()
    shown = lines[mark.line].replace("\t", "\N{RIGHTWARDS ARROW}") if mark.line < len(lines) else "(end of the file)"
    return f"{path}, line {mark.line + 1}: {hint or said}\n  {mark.line + 1} | {shown}"
