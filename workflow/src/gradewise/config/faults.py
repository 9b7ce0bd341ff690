"""Error messages for a configuration: the wrong key, its value, and what is expected."""

from __future__ import annotations

import re

from pydantic import ValidationError

from gradewise.config.section import short, suggestion


class ConfigError(Exception):
    """The configuration is invalid; the message says where and what is expected."""


def fault_lines(error: ValidationError) -> list[str]:
    """One line per error that pydantic reported."""
    lines = []
    for fault in error.errors(include_url=False):
        where = _key(fault["loc"])
        message = fault["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
        if fault["type"] == "missing":
            lines.append(f"  {where}: missing")
        elif fault["type"] == "value_error":
            lines.append(f"  {where}: {message}" if where else f"  {message}")
        elif fault["type"] == "union_tag_not_found":
            lines.append(f"  {where}.{fault['ctx']['discriminator'][1:-1]}: missing")
        elif fault["type"] == "union_tag_invalid":
            kinds = fault["ctx"]["expected_tags"].replace("'", "")
            tag = fault["ctx"]["tag"]
            near = suggestion(tag, kinds.split(", "))
            lines.append(f"  {where}.{fault['ctx']['discriminator'][1:-1]} = {tag!r}: not one of {kinds}.{near}")
        elif fault["type"] == "literal_error":
            known = [word.strip("'") for word in re.findall(r"'[^']+'", message)]
            lines.append(f"  {where} = {short(fault['input'])}: {message}.{suggestion(fault['input'], known)}")
        else:
            lines.append(f"  {where} = {short(fault['input'])}: {message}")
    return list(dict.fromkeys(lines))


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
