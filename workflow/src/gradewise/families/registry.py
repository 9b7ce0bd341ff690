"""All available families: those of this package, and those that other installed packages provide.

A package provides a family through an entry point of the group `gradewise.families` in its pyproject.toml:

    [project.entry-points."gradewise.families"]
    discriminant = "my_package:Discriminant"

where `Discriminant` is a subclass of `Family`. A family is imported when it is first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
    "linear": "gradewise.families.linear:Linear",
    "patches": "gradewise.families.patches:Patches",
}
RESERVED = ("blend",)
"""Values of `family:` that are not names of families."""


class FamilyError(ValueError):
    """A family does not exist or is invalid."""


@cache
def names() -> tuple[str, ...]:
    """Names of all families, those of this package first.

    Raises
    ------
    FamilyError
        If a package provides a family whose name is taken or invalid.
    """
    return (*BUILT_IN, *_provided())


@cache
def family(name: str) -> Family[Any]:
    """The family with a given name.

    Raises
    ------
    FamilyError
        If there is none, or the package that provides it cannot be imported or provides something else.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return _checked(name, getattr(import_module(module), attribute), "gradewise")
    provided = _provided()
    if name not in provided:
        raise FamilyError(
            f"there is no family {name!r}.{suggestion(str(name), names())} Families: {', '.join(names())}; a family "
            "of another package is available once that package is installed alongside gradewise"
        )
    entry = provided[name]
    try:
        loaded = entry.load()
    except (ImportError, AttributeError) as error:
        raise FamilyError(f"the family {name!r} of the package {_package(entry)} cannot be loaded: {error}") from error
    return _checked(name, loaded, _package(entry))


def module_of(name: str) -> str:
    """Dotted name of the module that defines a family."""
    return type(family(name)).__module__


def onnx_modules(names: Iterable[str]) -> list[str]:
    """Modules that write the ONNX forms of given families, for the code version of steps that call them."""
    modules = (family(name).onnx_module for name in names)
    return [module for module in modules if module is not None]


@cache
def _provided() -> dict[str, EntryPoint]:
    provided: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
            raise FamilyError(
                f"the package {_package(entry)} provides a family {entry.name!r}; its name must consist of lower-case "
                "letters, digits and underscores"
            )
        taken = next((owner for owner in (BUILT_IN, RESERVED, provided) if entry.name in owner), None)
        if taken is not None:
            owner = _package(provided[entry.name]) if taken is provided else "gradewise"
            raise FamilyError(
                f"the packages {owner} and {_package(entry)} both provide a family {entry.name!r}; uninstall one"
            )
        provided[entry.name] = entry
    return provided


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _checked(name: str, loaded: object, package: str) -> Family[Any]:
    if not (isinstance(loaded, type) and issubclass(loaded, Family)):
        raise FamilyError(
            f"the package {package} provides {loaded!r} as family {name!r}; it must be a subclass of Family"
        )
    missing = [field for field in ("name", "label", "settings", "files") if not hasattr(loaded, field)]
    if missing:
        raise FamilyError(f"the family {name!r} of the package {package} does not define {', '.join(missing)}")
    if loaded.takes_features and loaded.fine_tuning is not None:
        raise FamilyError(
            f"the family {name!r} of the package {package} both takes features and fine-tunes; use two families"
        )
    if loaded.name != name:
        raise FamilyError(
            f"the package {package} provides the family {loaded.name!r} under the name {name!r}; use one name"
        )
    return loaded()
