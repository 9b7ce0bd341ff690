"""Turns sections into a self-contained page and into the files beside it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from gradewise import tables
from gradewise.report import drawing, numbers, pictures
from gradewise.report.blocks import Figure, Gallery, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.spreadsheets import without_formula

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, output: Path, **content: Any) -> None:
    """Fill a template and write it whole or not at all."""
    with tables.replacing(output) as partial:
        partial.write_text(_environment().get_template(template).render(**content), encoding="utf-8")


def fill(section: Section, assets: str = "") -> str:
    """The content of a section below its heading, as HTML; `assets` is the folder of its tables and figures."""
    template = _environment().get_template(section.template)
    return template.render(blocks=section.blocks, assets=assets, **section.contents)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gradewise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_unbroken,
    )
    environment.filters["svg_uri"] = lambda svg: _data_uri("image/svg+xml", svg)
    environment.filters["inline"] = drawing.to_inline
    environment.filters["jpeg_uri"] = lambda picture: _data_uri("image/jpeg", pictures.to_jpeg(picture))
    environment.filters["hashed"] = _hashed
    environment.globals["fill"] = fill
    for name in ("style.css", "script.js"):
        environment.globals[name.replace(".", "_")] = (TEMPLATES / name).read_text(encoding="utf-8")
    return environment


def write(
    evidence: Evidence,
    sections: Sequence[Section],
    *,
    title: str,
    output: Path,
    assets: Path,
    related: Path | None,
    words: str,
) -> None:
    """Write a page on a dataset to `output`, and its tables as CSV, drawings as SVG and galleries as PNG to `assets`.

    The page begins with a link in these words to the page `related`, if there is one.
    """
    write_assets(sections, assets)
    render(
        "report.html",
        output,
        title=title,
        simulated=evidence.settings.simulate,
        related=None if related is None else (relative(related, output), words),
        sections=sections,
        assets=relative(assets, output),
    )


def write_assets(sections: Sequence[Section], assets: Path) -> None:
    """Write the tables of sections as CSV, their drawings as SVG and their galleries as PNG to the folder `assets`."""
    assets.mkdir(parents=True, exist_ok=True)
    for block in (block for section in sections for block in section.walk()):
        if isinstance(block, Table):
            _write(assets / f"{block.name}.csv", to_csv(block.data))
        elif isinstance(block, Figure):
            for name, svg in block.drawings.items():
                _write(assets / f"{name}.svg", svg)
        elif isinstance(block, Gallery):
            _write(assets / f"{block.name}.png", pictures.contact_sheet(block.pictures))


def to_csv(data: pd.DataFrame) -> bytes:
    """A table as CSV for spreadsheets, in which no text is taken for a formula.

    Names of images and classes come from users' files; see `without_formula`.
    """
    texts = data.select_dtypes(["object", "string", "category"]).columns
    safe = data.assign(**{str(name): data[name].map(_safe) for name in texts})
    text: str = safe.rename(columns=_safe).to_csv(index=False, lineterminator="\n")
    return text.encode()


def _safe(cell: object) -> object:
    return without_formula(cell) if isinstance(cell, str) else cell


def relative(target: Path, page: Path) -> str:
    """A path as a link from a page."""
    return Path(os.path.relpath(target, page.parent)).as_posix()


def _write(path: Path, content: bytes) -> None:
    with tables.replacing(path) as partial:
        partial.write_bytes(content)


def _unbroken(value: Any) -> Any:
    """What goes into a template, with numbers kept on one line with their per cent sign."""
    return re.sub(r"(\d) %", rf"\1{numbers.SPACE}%", value) if type(value) is str else value


def _hashed(content: str) -> str:
    """What a Content-Security-Policy allows: this very content, by its hash, and nothing else."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
