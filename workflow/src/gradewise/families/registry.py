"""The families there are: those of this package, and those that packages beside it bring.

A package brings a family by an entry point of the group `gradewise.families`; in its pyproject.toml:

    [project.entry-points."gradewise.families"]
    discriminant = "my_package:Discriminant"

where `Discriminant` is a subclass of `Family`. A family is imported when it is first asked for.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gradewise.config.section import suggestion
from gradewise.families.family import Family

GROUP = "gradewise.families"
BUILT_IN = {
    "cnn": "gradewise.families.cnn:Cnn",
    "pca_svm": "gradewise.families.pca_svm:PcaSvm",
    "forest": "gradewise.families.forest:Forest",
}
RESERVED = ("blend",)
"""Words that `family:` takes beside the names of families."""


class FamilyError(ValueError):
    """A family is not there, or is not what a family must be."""


@cache
def names() -> tuple[str, ...]:
    """Names of all families, those of this package first.

    Raises
    ------
    FamilyError
        Where a package brings a family under a name that is taken, or that is no plain word.
    """
    return (*BUILT_IN, *_brought())


@cache
def family(name: str) -> Family[Any]:
    """The family of a name.

    Raises
    ------
    FamilyError
        Where there is none, or the package that brings it cannot be imported or brings something else.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return _checked(name, getattr(import_module(module), attribute), "gradewise")
    brought = _brought()
    if name not in brought:
        raise FamilyError(
            f"there is no family {name!r}.{suggestion(str(name), names())} Families: {', '.join(names())}; one of "
            "another package must be installed beside gradewise"
        )
    entry = brought[name]
    try:
        loaded = entry.load()
    except (ImportError, AttributeError) as error:
        raise FamilyError(f"the package {_package(entry)} brings the family {name!r}, which fails: {error}") from error
    return _checked(name, loaded, _package(entry))


def module_of(name: str) -> str:
    """Dotted name of the module that a family is written in."""
    return type(family(name)).__module__


@cache
def _brought() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
            raise FamilyError(
                f"the package {_package(entry)} brings a family {entry.name!r}; its name must be lower-case letters, "
                "digits and underscores"
            )
        taken = next((owner for owner in (BUILT_IN, RESERVED, found) if entry.name in owner), None)
        if taken is not None:
            owner = _package(found[entry.name]) if taken is found else "gradewise"
            raise FamilyError(
                f"the packages {owner} and {_package(entry)} both bring a family {entry.name!r}; uninstall one"
            )
        found[entry.name] = entry
    return found


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _checked(name: str, loaded: object, package: str) -> Family[Any]:
    if not (isinstance(loaded, type) and issubclass(loaded, Family)):
        raise FamilyError(
            f"the package {package} brings {loaded!r} as family {name!r}; it must be a subclass of Family"
        )
    missing = [field for field in ("name", "label", "settings", "files") if not hasattr(loaded, field)]
    if missing:
        raise FamilyError(f"the family {name!r} of the package {package} does not say its {', '.join(missing)}")
    if loaded.name != name:
        raise FamilyError(
            f"the package {package} brings the family {loaded.name!r} under the name {name!r}; use one name"
        )
    return loaded()
