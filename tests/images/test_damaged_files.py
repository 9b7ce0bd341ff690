"""Damaged files of all kinds are decoded or refused with a reason, quickly."""

import io
import resource
import time
import warnings
import zlib
from contextlib import suppress

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from gradewise.config.sources import Reading
from gradewise.images.decode import decode
from gradewise.images.files import UnreadableError
from gradewise.images.fingerprints import fingerprint

MOST_SECONDS = 2.0
MOST_MEMORY = 500 * 2**20


def drawn(*shape):
    """A disc on a gradient, as small as it may be."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    grey = np.where((y - 8) ** 2 + (x - 12) ** 2 < 25, 220, 4 * x + 3 * y).astype(np.uint8)
    return grey if len(shape) == 2 else np.dstack([grey, grey[::-1], 255 - grey, grey][: shape[2]])


def camera():
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model], exif[ExifTags.Base.Orientation] = "Maker", "Model 1", 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.01
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = 72.0, 72.0
    return exif


def encoded(pixels, suffix, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, suffix, **options)
    return bytearray(stream.getvalue())


def written(pixels, **options):
    """A TIFF file as tifffile writes it."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return bytearray(stream.getvalue())


def microscopes():
    """TIFF files of the kinds that Pillow does not read."""
    grey = drawn(16, 24)
    deep, unit = grey.astype(np.uint16) * 256, np.float32(grey / 255)
    planes = np.stack([deep, deep, deep])
    return [
        written(unit),
        written(unit, compression="deflate", predictor=True),
        written(np.float64(unit), compression="zstd", predictor=True),
        written(deep, compression="lzw", predictor=True),
        written(deep, compression="packbits", bigtiff=True),
        written(deep, compression="lzma", tile=(16, 16)),
        written(np.int16(grey), photometric="miniswhite", byteorder=">"),
        written(planes, photometric="rgb", planarconfig="separate", compression="lzw", rowsperstrip=4),
        written(planes, photometric="minisblack", compression="deflate"),
        written(
            planes.astype(np.uint8), photometric="minisblack", description="ImageJ=1.53t\nimages=3\n", metadata=None
        ),
    ]


def originals():
    grey, colour, transparent = drawn(16, 24), drawn(16, 24, 3), drawn(16, 24, 4)
    deep = grey.astype(np.uint16) * 16
    return [
        encoded(colour, "jpeg", exif=camera()),
        encoded(grey, "jpeg", progressive=True),
        encoded(colour, "png", exif=camera()),
        encoded(transparent, "png"),
        encoded(deep, "png"),
        encoded(colour, "tiff", exif=camera()),
        encoded(colour, "tiff", compression="tiff_lzw"),
        encoded(colour, "tiff", compression="jpeg"),
        encoded(deep, "tiff", compression="tiff_adobe_deflate"),
        encoded(deep, "tiff"),
        encoded(colour, "webp", exif=camera()),
        encoded(transparent, "webp", lossless=True),
        encoded(drawn(64, 64, 3), "heif", exif=camera()),
        encoded(colour, "bmp"),
        encoded(grey, "bmp"),
    ]


def mutant(original, rng):
    """A file with some bytes changed, most of them near its beginning; or cut off, or with bytes put in."""
    data = bytearray(original)
    reach = min(len(data), int(rng.choice([64, 400, len(data)])))
    for _ in range(int(rng.integers(1, 5))):
        data[rng.integers(reach)] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
    kind = rng.integers(8)
    if kind == 0:
        del data[int(rng.integers(1, len(data))) :]
    elif kind == 1:
        place = int(rng.integers(len(data)))
        data[place:place] = rng.bytes(int(rng.integers(1, 9)))
    return with_checksums(data) if data.startswith(b"\x89PNG") and kind < 6 else bytes(data)


def with_checksums(png):
    """A PNG file whose checksums fit again, so that damage is seen by what decodes the chunks."""
    place, whole = 8, bytearray(png[:8])
    while place + 12 <= len(png):
        end = min(place + 8 + int.from_bytes(png[place : place + 4]), len(png))
        whole += png[place:end] + zlib.crc32(png[place + 4 : end]).to_bytes(4)
        place = end + 4
    return bytes(whole)


def decode_mutants(path, count, files, page=None):
    """Decode mutants; returns how many were used, and raises what escapes."""
    rng, used, most = np.random.default_rng(20), 0, memory() + MOST_MEMORY
    reading = Reading.model_validate({"page": page})
    for number in range(count):
        path.write_bytes(mutant(files[number % len(files)], rng))
        start = time.process_time()
        with warnings.catch_warnings(action="ignore"), suppress(UnreadableError):
            fingerprint(decode(path, reading, max_megapixels=20), path)
            used += 1
        assert time.process_time() - start < MOST_SECONDS, number
        assert memory() < most, number
    return used


def memory():
    """The most memory that this process ever held [bytes]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("count", [600, pytest.param(4000, marks=pytest.mark.slow)])
def test_damaged_files_are_decoded_or_refused_with_a_reason(tmp_path, count):
    assert 0.1 * count < decode_mutants(tmp_path / "a.bin", count, originals()) < 0.9 * count


@pytest.mark.parametrize("page", [None, "max"])
@pytest.mark.parametrize("count", [250, pytest.param(4000, marks=pytest.mark.slow)])
def test_damaged_files_of_microscopes_are_decoded_or_refused_with_a_reason(tmp_path, count, page):
    assert 0.1 * count < decode_mutants(tmp_path / "a.tif", count, microscopes(), page) < 0.9 * count


def test_damaged_exif_does_not_cost_the_pixels(tmp_path):
    """Each byte of the EXIF of a photo is spoilt in turn; at worst, the photo is not turned."""
    path = tmp_path / "a.jpg"
    photo = encoded(drawn(16, 24, 3), "jpeg", exif=camera())
    path.write_bytes(photo)
    upright = decode(path).pixels
    assert upright.shape == (24, 16, 3)
    start, end = photo.index(b"Exif"), photo.index(b"\xff\xdb")
    for place in range(start, end):
        path.write_bytes(photo[:place] + b"\xff" + photo[place + 1 :])
        with warnings.catch_warnings(action="ignore"):
            decoded = decode(path)
            assert fingerprint(decoded, path)["file_format"] == "JPEG"
        assert any(np.array_equal(decoded.pixels, np.rot90(upright, turn)) for turn in (0, 1)), place
