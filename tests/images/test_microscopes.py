"""Scale and data bar as microscopes store them, and whatever they store otherwise."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from gradewise.config.sources import Reading
from gradewise.images.decode import decode
from gradewise.images.microscopes import read_micrograph

FEI, ZEISS = 34682, 34118
CONTENT = np.random.default_rng(0).normal(120, 30, (400, 512)).clip(0, 255).astype(np.uint8)


def write_tiff(path, pixels, tags=None, **options):
    """A TIFF file with texts in tags, by code."""
    extra = [(code, 2, 0, text, True) for code, text in (tags or {}).items()]
    tifffile.imwrite(path, pixels, extratags=extra, metadata=None, **options)
    return path


def fei(pixel_width="2.5e-009", width=512, height=400, bar="", section="Scan"):
    """Text of the tag of FEI."""
    return (
        "[User]\r\nDate=03/14/2022\r\n\r\n"
        f"[{section}]\r\nPixelWidth={pixel_width}\r\nPixelHeight={pixel_width}\r\n\r\n"
        f"[Image]\r\nResolutionX={width}\r\nResolutionY={height}\r\nZoomPanX=\r\n\r\n"
        f"[PrivateFei]\r\nDatabarHeight={bar}\r\n"
    )


def zeiss(size="558.2 pm", key="AP_IMAGE_PIXEL_SIZE", name="Image Pixel Size", stored="512 * 400"):
    """Text of the tag of Zeiss."""
    return (
        "0\r\n12.5\r\n\r\nAP_WD\r\nWD =  5.6 mm\r\nDP_IMAGE_STORE\r\n"
        f"Store resolution = {stored}\r\n{key}\r\n{name} =  {size}\r\nAP_DATE\r\nDate :22 Jan 2020\r\n"
    )


def jeol(bar="200", marker="10um", size="512 400"):
    """Text that JEOL writes next to an image."""
    return (
        "$CM_FORMAT JEOL/SEM\r\n$CM_MAG 5000\r\n$CM_TITLE fibres\r\n"
        f"$CM_FULL_SIZE {size}\r\n$$SM_MICRON_BAR {bar}\r\n$$SM_MICRON_MARKER {marker}\r\n"
    )


def hitachi(size="24.80469", data="512x400"):
    """Text that Hitachi writes next to an image."""
    return f"[SemImageFile]\r\nInstructName=SU8000\r\nDataSize={data}\r\nPixelSize={size}\r\nSignalName=SE(UL)\r\n"


def read(path):
    return read_micrograph(path, decode(path))


def tagged(folder, tags, pixels=None):
    return read(write_tiff(folder / "a.tif", CONTENT if pixels is None else pixels, tags))


def beside(folder, text, pixels=None, name="a.tif", **options):
    Image.fromarray(CONTENT if pixels is None else pixels).save(folder / name)
    (folder / "a.txt").write_bytes(text.encode(options.get("encoding", "utf-8")))
    return read(folder / name)


@pytest.mark.parametrize("code", [34680, FEI])
@pytest.mark.parametrize("section", ["Scan", "EScan"])
def test_the_tag_of_fei_tells_the_scale_and_the_bar(tmp_path, code, section):
    pixels = np.vstack([CONTENT, np.full((31, 512), 100, np.uint8)])
    micrograph = tagged(tmp_path, {code: fei(section=section)}, pixels)
    assert micrograph.pixel_size_nm == pytest.approx(2.5)
    assert micrograph.bar_rows == 31


def test_fei_may_tell_the_height_of_the_bar_alone(tmp_path):
    assert tagged(tmp_path, {FEI: fei(height="", bar=59)}).bar_rows == 59


@pytest.mark.parametrize(
    ("tag", "nanometres"),
    [
        (zeiss(), 0.5582),
        (zeiss("26.37 nm"), 26.37),
        (zeiss("1.117 \u00b5m"), 1117),
        (zeiss("1.117 um"), 1117),
        (zeiss("12.5 nm", key="AP_PIXEL_SIZE", name="Pixel Size"), 12.5),
    ],
)
def test_the_tag_of_zeiss_tells_the_scale_and_the_pixels_the_bar(tmp_path, tag, nanometres, draw):
    micrograph = tagged(tmp_path, {ZEISS: tag.encode("cp1252")}, np.vstack([CONTENT[48:], draw.data_bar()]))
    assert micrograph.pixel_size_nm == pytest.approx(nanometres)
    assert micrograph.bar_rows == 48


@pytest.mark.parametrize("name", ["a.tif", "a.bmp", "a.jpg"])
def test_the_text_of_jeol_tells_the_scale_and_the_bar(tmp_path, name):
    pixels = np.vstack([CONTENT, np.zeros((64, 512), np.uint8)])
    micrograph = beside(tmp_path, jeol(), pixels, name)
    assert micrograph.pixel_size_nm == pytest.approx(50)
    assert micrograph.bar_rows == 64


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_text_of_hitachi_tells_the_scale(tmp_path, encoding):
    micrograph = beside(tmp_path, hitachi(), encoding=encoding)
    assert micrograph.pixel_size_nm == pytest.approx(24.80469)
    assert micrograph.bar_rows == 0


@pytest.mark.parametrize(("unit", "nanometres"), [("micron", 250), ("\\u00B5m", 250), ("um", 250), ("nm", 0.25)])
def test_imagej_tells_the_scale(tmp_path, unit, nanometres):
    description = f"ImageJ=1.53t\nunit={unit}\nmin=0.0\n"
    path = write_tiff(tmp_path / "a.tif", CONTENT, description=description, resolution=(4.0, 4.0))
    assert read(path).pixel_size_nm == pytest.approx(nanometres)


def test_resolution_for_print_is_no_scale(tmp_path):
    Image.fromarray(CONTENT).save(tmp_path / "a.tif", dpi=(300, 300))
    path = write_tiff(tmp_path / "b.tif", CONTENT, description="ImageJ=1.53t\nunit=inch\n", resolution=(72, 72))
    assert read(tmp_path / "a.tif").pixel_size_nm is None
    assert read(path).pixel_size_nm is None


@pytest.mark.parametrize("value", ["0", "-1e-9", "nan", "inf", "1e999", "abc", "", "9" * 5000])
def test_sizes_that_are_none_are_ignored(tmp_path, value):
    assert tagged(tmp_path, {FEI: fei(value)}).pixel_size_nm is None
    assert tagged(tmp_path, {ZEISS: zeiss(f"{value} nm")}).pixel_size_nm is None
    assert beside(tmp_path, jeol(bar=value)).pixel_size_nm is None
    assert beside(tmp_path, jeol(marker=f"{value}um")).pixel_size_nm is None
    assert beside(tmp_path, hitachi(value)).pixel_size_nm is None


def test_what_was_stored_for_an_image_of_another_width_is_ignored(tmp_path):
    for tags in ({FEI: fei(width=1024, height=380)}, {ZEISS: zeiss(stored="1024 * 768")}):
        micrograph = tagged(tmp_path, tags)
        assert (micrograph.pixel_size_nm, micrograph.bar_rows) == (None, 0)
    assert beside(tmp_path, jeol(size="1024 380")).pixel_size_nm is None
    assert beside(tmp_path, hitachi(data="1024x380")).pixel_size_nm is None


@pytest.mark.parametrize("height", [0, 10, 299, 401, -5])
def test_a_bar_of_a_height_that_cannot_be_is_looked_for_in_the_pixels(tmp_path, height, draw):
    assert tagged(tmp_path, {FEI: fei(height=height)}).bar_rows == 0
    assert tagged(tmp_path, {FEI: fei(height=height)}, draw.with_bar()[48:]).bar_rows == 48


@pytest.mark.parametrize("text", ["", "\0" * 99, "[", "[Scan", "no section\n=\n", "\u20ac$\xff" * 9, "=" * 2**21])
def test_damaged_texts_never_cost_the_pixels(tmp_path, text):
    for code in (FEI, ZEISS, 34680):
        assert tagged(tmp_path, {code: text.encode("utf-8", "replace") + b"\n"}).bar_rows == 0
    for head in ("$CM_FULL_SIZE", "[SemImageFile]\n"):
        assert beside(tmp_path, head + text).pixel_size_nm is None


def test_damaged_files_are_read_as_far_as_they_go(tmp_path):
    path = write_tiff(tmp_path / "a.tif", CONTENT[:60, :48], {FEI: fei(width=48, height=60)})
    decoded, whole = decode(path), path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        spoilt = bytearray(whole)
        for place in rng.integers(0, len(whole), 20):
            spoilt[place] = rng.integers(256)
        path.write_bytes(spoilt[: rng.integers(9, len(whole))])
        size = read_micrograph(path, decoded).pixel_size_nm
        assert size is None or (np.isfinite(size) and size > 0)


def test_a_long_text_is_read_in_part_and_soon(tmp_path):
    """Lines without a key, which readers that join them one by one take hours for."""
    long = fei() + "1\r\n" * 2**20
    assert tagged(tmp_path, {FEI: long}).pixel_size_nm == pytest.approx(2.5)
    assert tagged(tmp_path, {ZEISS: "1\r\n" * 2**20 + zeiss()}).pixel_size_nm is None


def test_a_folder_of_the_name_of_the_text_is_no_text(tmp_path, draw):
    (tmp_path / "a.txt").mkdir()
    path = tmp_path / "a.tif"
    Image.fromarray(draw.with_bar()).save(path)
    assert read(path).bar_rows == 48


def test_a_shrunk_image_has_wider_pixels_and_a_lower_bar(tmp_path):
    path = tmp_path / "a.tif"
    stored = "[Scan]\nPixelWidth=4e-9\n[Image]\nResolutionX=64\nResolutionY=50\n"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 64), dtype=np.uint8)
    tifffile.imwrite(path, pixels, extratags=[(34682, 2, 0, stored, True)])
    known = read_micrograph(path, decode(path, Reading(shrink=4)))
    assert (known.pixel_size_nm, known.bar_rows) == (pytest.approx(16), 3)
