"""Turns sections into a self-contained page and into the files beside it."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gradewise import tables
from gradewise.report import pictures
from gradewise.report.blocks import Figure, Gallery, Section, Table


def render(template: str, output: Path, **content: Any) -> None:
    """Fill a template and write it whole or not at all."""
    with tables.replacing(output) as partial:
        partial.write_text(_environment().get_template(template).render(**content), encoding="utf-8")


def fill(section: Section, assets: str = "") -> str:
    """What stands below a section's heading, as HTML; `assets` is the folder of its tables and figures."""
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
    )
    environment.filters["svg_uri"] = lambda svg: _data_uri("image/svg+xml", svg)
    environment.filters["jpeg_uri"] = lambda picture: _data_uri("image/jpeg", pictures.to_jpeg(picture))
    environment.globals["fill"] = fill
    return environment


def write_assets(sections: Sequence[Section], folder: Path) -> None:
    """Write each table as CSV, each drawing as SVG and each gallery as PNG into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for block in section.walk():
            if isinstance(block, Table):
                _write(folder / f"{block.name}.csv", block.data.to_csv(index=False, lineterminator="\n").encode())
            elif isinstance(block, Figure):
                _write(folder / f"{block.name}.svg", block.svg)
            elif isinstance(block, Gallery):
                sheet = pictures.contact_sheet([(each.image, each.detail, each.lines) for each in block.pictures])
                _write(folder / f"{block.name}.png", sheet)


def relative(target: Path, page: Path) -> str:
    """A path as a link from a page."""
    return Path(os.path.relpath(target, page.parent)).as_posix()


def link(target: Path | None, page: Path, words: str) -> tuple[str, str] | None:
    """Where a page leads to and in which words; None without a target."""
    return None if target is None else (relative(target, page), words)


def _write(path: Path, content: bytes) -> None:
    with tables.replacing(path) as partial:
        partial.write_bytes(content)


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
