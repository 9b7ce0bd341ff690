"""TIFF files of the kinds that microscopes, scanners and programs write, compared with what was written into them."""

import shutil
import subprocess
import tracemalloc

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from gradewise.config.sources import Reading
from gradewise.images.decode import decode
from gradewise.images.files import UnreadableError
from gradewise.images.fingerprints import fingerprint
from gradewise.images.masks import read_mask

RNG = np.random.default_rng(3)
SHAPE = (40, 50)
GREY = RNG.integers(0, 2**8, SHAPE, dtype=np.uint8)
COLOUR = RNG.integers(0, 2**8, (*SHAPE, 3), dtype=np.uint8)
DEEP_GREY = RNG.integers(0, 2**16, SHAPE, dtype=np.uint16)
DEEP_COLOUR = RNG.integers(0, 2**16, (*SHAPE, 3), dtype=np.uint16)
UNIT = RNG.random(SHAPE)
LOSSLESS = [None, "lzw", "deflate", "packbits", "lzma", "zstd"]


def reading(page=None, grey_range=None):
    return Reading.model_validate({"page": page, "grey_range": grey_range})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("pixels", [GREY, COLOUR, DEEP_GREY, DEEP_COLOUR], ids=["grey", "rgb", "deep grey", "deep rgb"])
def test_lossless_compression_keeps_all_levels(path, pixels, compression, predictor):
    if predictor and compression in (None, "packbits"):
        pytest.skip("no predictor without a compression that has one")
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    for options in ({}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}):
        tifffile.imwrite(path, pixels, photometric=photometric, compression=compression, predictor=predictor, **options)
        assert np.array_equal(decode(path).pixels, pixels), options


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("pixels", [COLOUR, DEEP_COLOUR], ids=["8 bits", "16 bits"])
def test_channels_one_after_the_other_are_put_together(path, pixels, compression):
    planes = np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", compression=compression)
    assert np.array_equal(decode(path).pixels, pixels)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_levels_are_unpacked(path, bits):
    levels = DEEP_GREY >> (16 - bits)
    packed = imagecodecs.packints_encode(levels[:, :48], bits)
    tifffile.imwrite(path, iter([packed]), shape=(40, 48), dtype=np.uint16, bitspersample=bits, compression="none")
    assert np.array_equal(decode(path).pixels, levels[:, :48])


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize(("levels", "top"), [(GREY, 2**8 - 1), (DEEP_GREY, 2**16 - 1)])
def test_white_is_zero_is_inverted(path, levels, top, byteorder):
    tifffile.imwrite(path, top - levels, photometric="miniswhite", byteorder=byteorder)
    assert np.array_equal(decode(path).pixels, levels)


def test_white_is_zero_of_floating_point_numbers_is_inverted(path):
    tifffile.imwrite(path, np.float32(1 - UNIT), photometric="miniswhite")
    assert np.abs(decode(path).pixels - 65535 * UNIT).max() < 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("compression", [None, "zstd", "deflate"])
def test_floating_point_numbers_from_0_to_1_are_16_bits(path, dtype, compression):
    numbers = UNIT.astype(dtype)
    tifffile.imwrite(path, numbers, compression=compression, predictor=compression is not None)
    decoded = decode(path)
    assert decoded.pixels.dtype == np.uint16
    assert np.abs(decoded.pixels - 65535 * numbers.astype(np.float64)).max() < 0.51
    assert (decoded.mode, decoded.bits) == ("F", 16)


def test_floating_point_colour_is_16_bits(path):
    numbers = np.float32(DEEP_COLOUR / 65535)
    tifffile.imwrite(path, numbers, photometric="rgb")
    assert np.array_equal(decode(path).pixels, DEEP_COLOUR)


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        (np.float32(UNIT * 255), "floating-point numbers from .* to 25.*grey_range"),
        (np.float32(UNIT - 0.001), "grey_range"),
        (np.int16(GREY) - 1, "integers from -1 to 254, .*grey_range"),
        (np.where(UNIT[3, 3] == UNIT, 2**16, np.int32(DEEP_GREY)), "integers from .* to 65536, .*grey_range"),
        (np.where(UNIT[3, 3] == UNIT, np.nan, UNIT), "not a number"),
        (np.where(UNIT[3, 3] == UNIT, np.inf, UNIT), "infinite"),
        (UNIT + 1j, "sample format 6"),
        (np.dstack([GREY, GREY]), "2 channels"),
        (np.dstack([DEEP_GREY] * 5), "5 channels"),
    ],
)
def test_numbers_that_are_no_grey_levels_are_refused(path, numbers, reason):
    tifffile.imwrite(path, numbers, photometric="minisblack", planarconfig="contig" if numbers.ndim == 3 else None)
    with pytest.raises(UnreadableError, match=reason):
        decode(path)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_that_fit_16_bits_are_levels(path, dtype):
    numbers = (DEEP_GREY.astype(np.int64) % min(2**16, np.iinfo(dtype).max)).astype(dtype)
    tifffile.imwrite(path, numbers)
    assert np.array_equal(decode(path).pixels, numbers)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int32])
def test_grey_range_says_what_is_black_and_white(path, dtype):
    numbers = np.linspace(-1500, 3500, 2000).reshape(SHAPE).astype(dtype)
    tifffile.imwrite(path, numbers)
    levels = decode(path, reading(grey_range=[-1000, 3000])).pixels
    assert (levels[numbers <= -1000] == 0).all()
    assert (levels[numbers >= 3000] == 65535).all()
    inside = (numbers >= -1000) & (numbers <= 3000)
    assert np.abs(levels[inside] - (numbers[inside] + 1000.0) / 4000 * 65535).max() <= 0.51


def test_grey_range_does_not_touch_ordinary_levels(path):
    tifffile.imwrite(path, DEEP_GREY)
    assert np.array_equal(decode(path, reading(grey_range=[0, 1])).pixels, DEEP_GREY)


def alpha(colours, opaque):
    return np.dstack([colours, np.full(SHAPE, opaque, colours.dtype)])


@pytest.mark.parametrize(("colours", "photometric"), [(DEEP_GREY, "minisblack"), (DEEP_COLOUR, "rgb")])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_opaque_alpha_of_16_bits_is_left_out_and_transparency_refused(path, colours, photometric, kind):
    options = {"photometric": photometric, "extrasamples": [kind], "planarconfig": "contig"}
    tifffile.imwrite(path, alpha(colours, 65535), **options)
    assert np.array_equal(decode(path).pixels, colours)
    tifffile.imwrite(path, alpha(colours, 65534), **options)
    with pytest.raises(UnreadableError, match="transparent pixels of 16 bits"):
        decode(path)


@pytest.mark.parametrize("compression", ["jpeg2000", "webp"])
def test_compression_that_is_not_read_is_named(path, compression):
    tifffile.imwrite(path, COLOUR, photometric="rgb", compression=compression)
    with pytest.raises(UnreadableError, match=f"compressed by {compression.upper()}"):
        decode(path)


def test_jpeg_in_a_tiff_is_what_tifffile_reads(path):
    smooth = cv2.GaussianBlur(COLOUR, (0, 0), 4)
    tifffile.imwrite(path, smooth, photometric="rgb", compression="jpeg", compressionargs={"level": 90})
    assert np.abs(decode(path).pixels.astype(int) - tifffile.imread(path)).max() <= 3


def stack(path, *pages, **options):
    with tifffile.TiffWriter(path, **options) as writer:
        for page in pages:
            pixels, subfiletype = page if isinstance(page, tuple) else (page, 0)
            photometric = "rgb" if pixels.ndim == 3 else "minisblack"
            writer.write(pixels, subfiletype=subfiletype, photometric=photometric, contiguous=False)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_page_is_chosen_by_number_or_the_highest_levels_of_all(path, kind, bigtiff):
    pages = [(RNG.random(SHAPE) * (1 if kind == np.float32 else 200)).astype(kind) for _ in range(3)]
    stack(path, *pages, bigtiff=bigtiff)
    factor = 65535 if kind == np.float32 else 1
    for number, page in enumerate(pages, 1):
        decoded = decode(path, reading(page=number))
        assert np.abs(decoded.pixels - page * np.float64(factor)).max() < 0.51
        assert decoded.pages == 3
    assert np.abs(decode(path, reading(page="max")).pixels - np.max(pages, 0) * np.float64(factor)).max() < 0.51


@pytest.mark.parametrize(("page", "reason"), [(None, "holds 2 pages; set page:"), (3, "holds 2 pages, and page: 3")])
def test_without_a_page_that_is_there_a_stack_is_refused(path, page, reason):
    stack(path, DEEP_GREY, DEEP_GREY)
    with pytest.raises(UnreadableError, match=reason):
        decode(path, reading(page=page))


@pytest.mark.parametrize("other", [GREY[:-1], COLOUR, DEEP_GREY])
def test_pages_that_differ_have_no_highest_levels(path, other):
    stack(path, GREY, other)
    with pytest.raises(UnreadableError, match="differ in size or in kind"):
        decode(path, reading(page="max"))
    assert np.array_equal(decode(path, reading(page=2)).pixels, other)


@pytest.mark.parametrize("pixels", [GREY, COLOUR, DEEP_GREY])
@pytest.mark.parametrize("subfiletype", [1, 4])
@pytest.mark.parametrize("page", [None, 1, "max"])
def test_small_copies_and_transparency_masks_are_no_pages(path, pixels, subfiletype, page):
    for place in (0, 1):
        small = (GREY[::4, ::4], 1)
        stack(path, *([pixels, small] if place else [small, pixels]))
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages[place].tags["NewSubfileType"].overwrite(subfiletype)
        decoded = decode(path, reading(page=page))
        assert np.array_equal(decoded.pixels, pixels)
        assert decoded.pages == 1


def test_one_file_with_one_page_is_read_whatever_page_says(tmp_path):
    for name in ("a.tif", "a.png"):
        Image.fromarray(GREY).save(tmp_path / name)
        for page in (1, "max"):
            assert np.array_equal(decode(tmp_path / name, reading(page=page)).pixels, GREY)
        with pytest.raises(UnreadableError, match=r"page: 2 is to be read"):
            decode(tmp_path / name, reading(page=2))


def test_a_stack_of_imagej_behind_one_header_is_refused(path):
    tifffile.imwrite(path, DEEP_GREY, description="ImageJ=1.53t\nimages=7\nslices=7\n", metadata=None)
    with pytest.raises(UnreadableError, match="stack of 7 images"):
        decode(path)


def test_all_pages_count_for_the_largest_size(path):
    stack(path, *[DEEP_GREY] * 3)
    limit = DEEP_GREY.size * 3 / 1e6
    assert decode(path, reading(page="max"), limit).pixels.shape == SHAPE
    with pytest.raises(UnreadableError, match="50 x 40 pixels on 3 pages is over max_megapixels"):
        decode(path, reading(page="max"), limit * 0.999)
    assert decode(path, reading(page=2), limit / 3).pixels.shape == SHAPE


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
@pytest.mark.parametrize("page", [1, 2, "max"])
def test_a_page_that_claims_to_be_huge_is_refused_before_memory_is_taken(path, tag, page):
    stack(path, DEEP_GREY, DEEP_GREY, bigtiff=True)
    with tifffile.TiffFile(path, mode="r+") as file:
        for of_file in file.pages:
            of_file.tags[tag].overwrite(2**31 - 1, dtype="I")
    tracemalloc.start()
    with pytest.raises(UnreadableError, match=r"2147483647.* is over max_megapixels: 200"):
        decode(path, reading(page=page), 200)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_pages_that_go_in_circles_are_counted_once(path):
    stack(path, DEEP_GREY, DEEP_GREY[::-1])
    with tifffile.TiffFile(path, mode="r+") as file:
        first, second = (page.offset for page in file.pages)
        file.filehandle.seek(second + 2 + 12 * len(file.pages[1].tags))
        file.filehandle.write(first.to_bytes(4, "little"))
    decoded = decode(path, reading(page=2))
    assert decoded.pages == 2
    assert np.array_equal(decoded.pixels, DEEP_GREY[::-1])


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd"])
def test_a_truncated_page_is_refused(path, compression):
    tifffile.imwrite(path, DEEP_COLOUR, photometric="rgb", compression=compression)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UnreadableError, match="truncated or damaged"):
        decode(path)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_facts_of_the_camera_are_read_from_all_kinds(path, kind):
    numbers = (UNIT * (1 if kind == np.float32 else 99)).astype(kind)
    extra = [(271, 2, None, "Maker", True), (272, 2, None, "Model 1", True)]
    tifffile.imwrite(path, numbers, extratags=extra, software="Grabber", datetime="2024:05:06 07:08:09")
    facts = fingerprint(decode(path), path)
    shown = [facts[name] for name in ("file_format", "camera_make", "camera_model", "software", "taken")]
    assert shown == ["TIFF", "Maker", "Model 1", "Grabber", "2024:05:06 07:08:09"]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.int16])
def test_masks_of_all_kinds_of_numbers_mark_what_is_not_0(path, kind):
    marked = UNIT > 0.7
    stack(path, marked.astype(kind), (GREY[::4, ::4], 1))
    assert np.array_equal(read_mask(path) == 255, marked)


def test_masks_of_several_pages_are_refused(path):
    stack(path, GREY, GREY)
    with pytest.raises(UnreadableError, match="holds 2 pages; save the one"):
        read_mask(path)


CONVERSIONS = {
    "8 bits": ["-depth", "8"],
    "16 bits, LZW": ["-depth", "16", "-compress", "LZW"],
    "16 bits, big-endian": ["-depth", "16", "-endian", "MSB", "-compress", "none"],
    "16 bits in planes": ["-depth", "16", "-interlace", "plane", "-compress", "none"],
    "white is zero": ["-depth", "16", "-colorspace", "gray", "-define", "quantum:polarity=min-is-white"],
    "12 bits": ["-depth", "12", "-colorspace", "gray"],
    "32-bit floating point": ["-depth", "32", "-define", "quantum:format=floating-point"],
    "64-bit floating point": ["-depth", "64", "-define", "quantum:format=floating-point", "-compress", "Zip"],
    "JPEG": ["-depth", "8", "-compress", "JPEG", "-quality", "95"],
    "fax": ["-monochrome", "-compress", "Group4"],
    "palette": ["-depth", "8", "-colors", "16", "-type", "Palette"],
    "turned": ["-depth", "16", "-orient", "right-top"],
    "tiles": ["-depth", "16", "-define", "tiff:tile-geometry=16x16"],
    "grey with alpha": ["-depth", "16", "-colorspace", "gray", "-alpha", "set", "-type", "GrayscaleAlpha"],
}


def has_imagemagick():
    """Whether `convert` is that of ImageMagick; other programs have the name too."""
    if shutil.which("convert") is None:
        return False
    return "Version: ImageMagick" in subprocess.run(["convert", "-version"], capture_output=True, text=True).stdout


@pytest.mark.skipif(not has_imagemagick(), reason="ImageMagick is not installed")
@pytest.mark.parametrize("options", CONVERSIONS.values(), ids=CONVERSIONS)
def test_what_imagemagick_writes_is_read_as_imagemagick_reads_it(tmp_path, options):
    smooth = cv2.GaussianBlur(DEEP_COLOUR, (0, 0), 3)
    cv2.imwrite(str(tmp_path / "drawn.png"), smooth)

    def convert(*arguments):
        subprocess.run(["convert", *map(str, arguments)], check=True, capture_output=True)

    convert(tmp_path / "drawn.png", *options, tmp_path / "a.tif")
    shown = [tmp_path / "a.tif", "-auto-orient", "-alpha", "off", "-depth", "16"]
    convert(*shown, "-set", "colorspace", "sRGB", "-type", "TrueColor", f"PNG48:{tmp_path / 'shown.png'}")
    expected = cv2.imread(str(tmp_path / "shown.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    decoded = decode(tmp_path / "a.tif")
    assert decoded.pixels.shape[:2] == expected.shape[:2]
    bits = 12 if "12" in options else 8 * decoded.pixels.itemsize
    levels = decoded.pixels / (2.0**bits - 1)
    levels = levels if levels.ndim == 3 else levels[..., None]
    assert np.abs(levels - expected / 65535).max() < (0.02 if "JPEG" in options else 0.002)
