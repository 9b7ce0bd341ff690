"""Reads what microscopes store beside pixels: the size of a pixel, and how high the image is without its data bar.

Known are the TIFF tags of FEI/Thermo Fisher and Zeiss, the text files that JEOL and Hitachi write next to an image, and
the scale that ImageJ keeps. Nothing of this is trusted: what is damaged, out of range or written for an image of
another width is ignored, and the pixels are used in any case.
"""

from __future__ import annotations

import logging
import math
import re
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from tifffile import TiffFile, TiffTag

from gradewise.images.data_bar import MOST_SHARE, find_bar
from gradewise.images.decode import Decoded
from gradewise.images.tiff import is_tiff, open_tiff

log = logging.getLogger(__name__)

MOST_BYTES = 2**20
"""Of a longer text only this much is read."""

FEI, ZEISS, DESCRIPTION, RESOLUTION = (34680, 34682), 34118, 270, 282
"""Codes of TIFF tags."""

NANOMETRES = {
    "pm": 1e-3,
    "nm": 1.0,
    "um": 1e3,
    "\u00b5m": 1e3,
    "\u03bcm": 1e3,
    "\\u00b5m": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "mm": 1e6,
    "m": 1e9,
}
"""Units of length, the micrometre with either letter and as ImageJ escapes it."""


@dataclass(frozen=True)
class Micrograph:
    """What is known about the image of a microscope.

    Attributes
    ----------
    pixel_size_nm : float or None
        Width of a pixel [nm].
    bar_rows : int
        Height of the data bar at the bottom [px]; 0 without one.
    """

    pixel_size_nm: float | None
    bar_rows: int


@dataclass(frozen=True)
class _Record:
    """What one source tells: the size of a pixel [nm], of the image without its data bar, and the height of the bar."""

    pixel_size: float | None = None
    width: float | None = None
    height: float | None = None
    bar: float | None = None


def read_micrograph(path: Path, decoded: Decoded) -> Micrograph:
    """Scale and data bar of an image.

    The height of the bar is taken from what the microscope stored, otherwise the bar is looked for in the pixels.

    Parameters
    ----------
    path : Path
        The image; a text file of its name may be next to it.
    decoded : Decoded
        Its pixels.
    """
    height, width = decoded.pixels.shape[:2]
    records = [_shrunk(record, decoded.shrink) for record in _records(path)]
    records = [record for record in records if record.width in (None, width)]
    sizes = [record.pixel_size for record in records if record.pixel_size is not None]
    bars = [record.bar if record.height is None else height - record.height for record in records]
    rows = [int(bar) for bar in bars if bar is not None and 1 <= bar <= MOST_SHARE * height]
    bar_rows = rows[0] if rows else find_bar(decoded.pixels, decoded.bits)
    return Micrograph(sizes[0] if sizes else None, bar_rows)


def _shrunk(record: _Record, factor: int) -> _Record:
    """What a source tells, in pixels so many times as wide; a row that the bar covers in part counts as its own."""
    if factor == 1:
        return record
    return _Record(
        record.pixel_size and record.pixel_size * factor,
        record.width and math.ceil(record.width / factor),
        record.height and record.height // factor,
        record.bar and math.ceil(record.bar / factor),
    )


def _records(path: Path) -> list[_Record]:
    """What the sources that an image has tell; those that cannot be read tell nothing."""
    records = []
    for read in (_from_tags, _from_text):
        try:
            records += read(path)
        except Exception as error:
            log.debug("%s: what its microscope stored cannot be read (%s)", path, error)
    return records


def _from_tags(path: Path) -> list[_Record]:
    with path.open("rb") as stream:
        if not is_tiff(stream):
            return []
        with open_tiff(stream) as file:
            tags = file.pages.first.tags
            texts = {code: _text(file, tags[code]) for code in (*FEI, ZEISS, DESCRIPTION) if code in tags}
            resolution = tags[RESOLUTION].value if RESOLUTION in tags else (0, 1)
    records = [_fei(texts[code]) for code in FEI if code in texts]
    if ZEISS in texts:
        records.append(_zeiss(texts[ZEISS]))
    if texts.get(DESCRIPTION, "").startswith("ImageJ="):
        records.append(_imagej(texts[DESCRIPTION], resolution))
    return records


def _text(file: TiffFile, tag: TiffTag) -> str:
    # the library's own readers of these tags take time that grows with the square of their length
    file.filehandle.seek(tag.valueoffset)
    return _decoded(file.filehandle.read(min(tag.valuebytecount, MOST_BYTES)))


def _from_text(path: Path) -> list[_Record]:
    """What JEOL and Hitachi write to a text file of the image's name."""
    beside = next((path.with_suffix(suffix) for suffix in (".txt", ".TXT") if path.with_suffix(suffix).is_file()), None)
    if beside is None:
        return []
    with beside.open("rb") as stream:
        text = _decoded(stream.read(MOST_BYTES))
    if "[SemImageFile]" in text:
        return [_hitachi(text)]
    return [_jeol(text)] if "$CM_" in text or "$$SM_" in text else []


def _decoded(text: bytes) -> str:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16", errors="replace")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace")


def _fei(text: str) -> _Record:
    sections = _sections(text)
    scans = (sections.get(name, {}).get("pixelwidth") for name in ("Scan", "EScan", "IScan"))
    image = sections.get("Image", {})
    return _Record(
        next((size for scan in scans if (size := _length(scan, "m"))), None),
        _positive(image.get("resolutionx")),
        _positive(image.get("resolutiony")),
        _positive(sections.get("PrivateFei", {}).get("databarheight")),
    )


def _zeiss(text: str) -> _Record:
    sizes = [
        _length(*match.groups())
        for key in ("AP_IMAGE_PIXEL_SIZE", "AP_PIXEL_SIZE")
        if (match := re.search(rf"^{key}\s*\n[^=\n]{{0,99}}=\s*(\S+)\s+(\S+)", text, re.MULTILINE))
    ]
    # Its height is that of the whole file: this data bar covers part of the image.
    stored = re.search(r"^DP_IMAGE_STORE\s*\n[^=\n]{0,99}=\s*(\d+)\s*\*", text, re.MULTILINE)
    return _Record(next((size for size in sizes if size), None), _positive(stored[1]) if stored else None)


def _imagej(text: str, resolution: object) -> _Record:
    unit = re.search(r"^unit=(.{1,9})$", text, re.MULTILINE)
    if unit is None or not isinstance(resolution, tuple) or len(resolution) != 2:
        return _Record()
    pixels, units = resolution
    return _Record(_length(units / pixels, unit[1]) if pixels else None)


def _jeol(text: str) -> _Record:
    values = dict(re.findall(r"^(\$+\w+)[ \t]+([^\r\n]*)", text, re.MULTILINE))
    bar, marker = _positive(values.get("$$SM_MICRON_BAR")), values.get("$$SM_MICRON_MARKER", "")
    length = re.match(r"([\d.]+)\s*(\S+)", marker)
    marked = _length(*length.groups()) if length else None
    size = values.get("$CM_FULL_SIZE", "").split()
    width, height = size if len(size) == 2 else (None, None)
    return _Record(marked / bar if marked and bar else None, _positive(width), _positive(height))


def _hitachi(text: str) -> _Record:
    values = _sections(text).get("SemImageFile", {})
    width, _, height = values.get("datasize", "").partition("x")
    return _Record(_length(values.get("pixelsize"), "nm"), _positive(width), _positive(height))


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Values of an INI text by section and key, keys in small letters."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",), allow_no_value=True)
    parser.read_string(text.strip("\0\r\n \t"))
    return {name: {key: value or "" for key, value in parser[name].items()} for name in parser.sections()}


def _length(value: str | float | None, unit: str) -> float | None:
    """A positive length in nanometres, None if it is none."""
    number, scale = _positive(value), NANOMETRES.get(unit.strip().lower())
    return _positive(number * scale) if number and scale else None


def _positive(value: str | float | None) -> float | None:
    """A finite number above zero, None if it is none."""
    try:
        number = float(value or 0)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
