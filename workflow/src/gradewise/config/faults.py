"""Error messages for a configuration: the wrong key, its value, and what is expected."""

from __future__ import annotations

import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gradewise.config.section import short, suggestion


class ConfigError(Exception):
    """The configuration is invalid; the message says where and what is expected."""


EXPECTED = {
    "string_type": "a text",
    "model_type": "a section of keys and values",
    "model_attributes_type": "a section of keys and values",
    "dict_type": "a section of keys and values",
    "tuple_type": "a list such as [a, b]",
    "list_type": "a list such as [a, b]",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""What a value must be, by the type of pydantic's error."""


def fault_lines(error: ValidationError) -> list[str]:
    """A line for each wrong value that pydantic reported, with all that would do where there are alternatives."""
    faults = error.errors(include_url=False)
    expected: dict[tuple[str, str], list[str]] = {}
    lines: list[str | tuple[str, str]] = []
    for fault in faults:
        where = _key(fault["loc"])
        words = _expected(fault, where)
        if words is None:
            lines.append(_line(fault, where))
        elif not _is_side_effect(fault, where, faults):
            place = (where, repr(fault["input"]))
            if place not in expected:
                lines.append(place)
            expected.setdefault(place, []).append(words)
    values = {(_key(fault["loc"]), repr(fault["input"])): fault["input"] for fault in faults}
    told = [line if isinstance(line, str) else _must_be(line[0], values[line], expected[line]) for line in lines]
    return list(dict.fromkeys(told))


def _expected(fault: ErrorDetails, where: str) -> str | None:
    """What a value of the wrong kind should have been; None if something else is wrong."""
    if fault["type"] == "literal_error":
        return str(fault["ctx"]["expected"])
    if where.startswith("views.") and where.count(".") == 1 and fault["type"].startswith("model"):
        return "a list of operations such as [grey, {resize: 64}]"
    if fault["type"] == "too_short":
        kind = "section" if isinstance(fault["input"], dict) else "list"
        least = fault["ctx"]["min_length"]
        return f"a {kind} with at least {least} {'entry' if least == 1 else 'entries'}"
    return EXPECTED.get(fault["type"])


def _is_side_effect(fault: ErrorDetails, where: str, faults: list[ErrorDetails]) -> bool:
    """Whether another fault says more: one inside of a section or list, or about one that is not a word or number."""
    if not isinstance(fault["input"], dict | list | tuple):
        return False
    others = [(_key(other["loc"]), other["type"]) for other in faults if other is not fault]
    is_single = fault["type"] not in ("too_short", "model_type", "tuple_type", "dict_type", "list_type")
    return any(
        key.startswith(f"{where}.") or (key == where and kind not in EXPECTED and is_single) for key, kind in others
    )


def _must_be(where: str, value: object, expected: list[str]) -> str:
    known = [word for words in expected for word in re.findall(r"'([^']+)'", words)]
    hint = suggestion(str(value), known)
    if "a text" in expected and isinstance(value, bool):
        hint = " YAML reads yes, no, on and off as true and false: put the text in quotes"
    elif "a text" in expected and isinstance(value, int | float):
        hint = " Put it in quotes"
    must = f"must be {' or '.join(dict.fromkeys(expected))}.{hint}"
    return f"  {where}: nothing is given; it {must}" if value is None else f"  {where} = {short(value)}: {must}"


def _line(fault: ErrorDetails, where: str) -> str:
    """The line about a value that is of the right kind, or about a key."""
    message = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if fault["type"] == "missing":
        return f"  {where}: missing"
    if fault["type"] == "value_error":
        return f"  {where}: {message}" if where else f"  {message}"
    if fault["type"] == "union_tag_not_found":
        return f"  {where}.{fault['ctx']['discriminator'][1:-1]}: missing"
    if fault["type"] == "union_tag_invalid":
        kinds, tag = fault["ctx"]["expected_tags"].replace("'", ""), fault["ctx"]["tag"]
        near = suggestion(tag, kinds.split(", "))
        return f"  {where}.{fault['ctx']['discriminator'][1:-1]} = {tag!r}: not one of {kinds}.{near}"
    return f"  {where} = {short(fault['input'])}: {message}"


_BRANCHES = {
    "word",
    "fitted",
    "blend",
    "Pattern",
    "Top",
    "Square",
    "tuple",
    "Box",
    "BelowDataBar",
    "int",
    "float",
    "bool",
    "str",
    "nanofibres",
    "mangoes",
    "constrained-int",
    "constrained-float",
}


def _key(location: tuple[int | str, ...]) -> str:
    """The dotted key of a pydantic location, without the parts for branches of unions."""
    named, parts = list(location[:2]), list(location[2:])
    if named[:1] == ["views"]:
        parts = parts[1:]
    kept = [part for part in parts if part not in _BRANCHES and "[" not in str(part)]
    return ".".join(str(part) for part in named + kept)
