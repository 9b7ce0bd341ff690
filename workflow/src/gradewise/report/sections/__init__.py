"""The sections of a report: each is a module here and a template of its name below `templates/sections`.

`ORDER` of a module says where its section stands, `FOLDED = True` that readers see its title until they ask for more;
`section(evidence)` makes it, or returns None if there is nothing to show. Nothing else knows which sections there are.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradewise.report.blocks import Section
    from gradewise.report.evidence import Evidence


def names() -> list[str]:
    """Dotted names of the modules; imports none of them, so that the workflow may ask while it is parsed."""
    return [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)]


def make(evidence: Evidence) -> Iterator[Section]:
    """The sections for which there is something to show, in their order."""
    for module in sorted(map(import_module, names()), key=lambda module: module.ORDER):
        section: Section | None = module.section(evidence)
        if section is not None:
            yield replace(section, folded=True) if getattr(module, "FOLDED", False) else section
