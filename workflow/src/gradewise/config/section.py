"""What all sections of the configuration have in common: they are immutable and reject unknown keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LONGEST_NAME = 100
"""File names may have 255 characters; those of tables, temporary files and a study's runs contain further words."""


class Section(BaseModel):
    """Base of every section: immutable; unknown keys are rejected with a suggestion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, values: object) -> object:
        """Reject unknown keys with a message that lists the known ones."""
        if isinstance(values, dict):
            for key, value in values.items():
                if key not in cls.model_fields:
                    raise ValueError(unknown_key(key, value, list(cls.model_fields)))
        return values


def unknown_key(key: str, value: object, allowed: list[str]) -> str:
    """Message about an unknown key of a section."""
    return f"unknown key {key!r} (value {short(value)}).{suggestion(key, allowed)} Keys here: {', '.join(allowed)}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence suggesting the closest known name, with a leading space; empty if none is close."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def short(value: object) -> str:
    """A value for messages, cut after 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def branch_of(*kinds: str) -> Callable[[object], str | None]:
    """Discriminator of a union: a bare word, or a section by the first of `kinds` among its keys."""

    def branch(value: object) -> str | None:
        if isinstance(value, str):
            return "word"
        keys = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Section) else ()
        return next((kind for kind in kinds if kind in keys), None)

    return branch


def to_json(settings: object) -> str:
    """A section or a tuple of them as JSON text for the command line of a step; a string stays as it is."""
    return settings if isinstance(settings, str) else TypeAdapter(Any).dump_json(settings).decode()
