import hashlib
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gradewise.config.sources import Reading, Source
from gradewise.images.decode import Decoded, decode, to_uint8
from gradewise.images.files import UnreadableError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
DEEP_GREY = RNG.integers(0, 2**16, (20, 30), dtype=np.uint16)
DEEP_COLOUR = RNG.integers(0, 2**16, (20, 30, 3), dtype=np.uint16)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
def test_lossless_grey_survives(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(GREY).save(path)
    pixels = decode(path).pixels
    assert np.array_equal(pixels if pixels.ndim == 2 else pixels[..., 0], GREY)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
def test_lossless_colour_survives(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(COLOUR).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(decode(path).pixels, COLOUR)


def test_exif_orientation_is_honoured(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(COLOUR)
    image.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decode(tmp_path / "a.png").pixels, np.rot90(COLOUR, -1))


@pytest.mark.parametrize(("top", "bits"), [(200, 8), (1000, 10), (4095, 12), (65535, 16)])
def test_sixteen_bit_grey_keeps_its_levels_and_says_how_many_bits_it_uses(tmp_path, top, bits):
    levels = np.linspace(0, top, 600).astype(np.uint16).reshape(20, 30)
    Image.fromarray(levels).save(tmp_path / "a.tif")
    decoded = decode(tmp_path / "a.tif")
    assert np.array_equal(decoded.pixels, levels)
    assert decoded.bits == bits
    assert to_uint8(decoded.pixels, bits).max() == top >> (bits - 8)


@pytest.mark.parametrize(("suffix", "compression"), [("tif", 1), ("tif", 5), ("tif", 8), ("png", 1)])
def test_sixteen_bit_colour_keeps_its_levels(tmp_path, suffix, compression):
    option = cv2.IMWRITE_TIFF_COMPRESSION if suffix == "tif" else cv2.IMWRITE_PNG_COMPRESSION
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), DEEP_COLOUR[..., ::-1], [option, compression])
    decoded = decode(tmp_path / f"a.{suffix}")
    assert np.array_equal(decoded.pixels, DEEP_COLOUR)
    assert (decoded.mode, decoded.bits) == ("RGB;16", 16)
    assert np.array_equal(to_uint8(decoded.pixels, 16), DEEP_COLOUR >> 8)


def test_twelve_bits_in_sixteen_bit_colour_keep_256_levels(tmp_path):
    levels = np.linspace(0, 4095, 20 * 30 * 3).astype(np.uint16).reshape(20, 30, 3)
    cv2.imwrite(str(tmp_path / "a.tif"), levels[..., ::-1])
    decoded = decode(tmp_path / "a.tif")
    assert decoded.bits == 12
    assert len(np.unique(to_uint8(decoded.pixels, 12))) == 256


HOT = [
    [(0, 0)],
    [(10, 10), (3, 20)],
    [(0, column) for column in range(40)],
    [(row, 39) for row in range(30)],
    [(row, column) for row in (9, 10, 11) for column in (5, 6, 7)],
]


@pytest.mark.parametrize("places", HOT)
def test_hot_pixels_do_not_count_as_depth_and_become_white(tmp_path, places):
    levels = np.linspace(0, 4095, 1200).astype(np.uint16).reshape(30, 40)
    for place in places:
        levels[place] = 65535
    Image.fromarray(levels).save(tmp_path / "a.tif")
    decoded = decode(tmp_path / "a.tif")
    assert decoded.bits == 12
    reduced = to_uint8(decoded.pixels, 12)
    assert np.array_equal(reduced == 255, levels >= 4080)
    assert all(reduced[place] == 255 for place in places)


def tiff(strips, bits, photometric, channels=1, orientation=1, planes=1):
    """An uncompressed, little-endian TIFF of 30 x 20 pixels with one strip for each plane, as the standard says."""
    entries = [(256, 30), (257, 20), (258, bits), (259, 1), (262, photometric), (273, 0), (274, orientation)]
    entries += [(277, channels), (278, 20), (279, len(strips[0])), (284, planes)]
    several = {258: [bits] * channels, 273: [], 279: [len(strip) for strip in strips]}
    place = 8 + 2 + 12 * len(entries) + 4
    start = place + 12 * 3
    for strip in strips:
        several[273].append(start)
        start += len(strip)
    directory, beyond = struct.pack("<H", len(entries)), b""
    for tag, value in entries:
        values = several.get(tag, [value])
        if len(values) == 1:
            directory += struct.pack("<HHII", tag, 4, 1, values[0])
        else:
            directory += struct.pack("<HHII", tag, 4, len(values), place + len(beyond))
            beyond += struct.pack(f"<{len(values)}I", *values)
    return b"II*\0\x08\0\0\0" + directory + bytes(4) + beyond.ljust(36, b"\0") + b"".join(strips)


TURNED = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("pixels", [GREY, DEEP_GREY, COLOUR, DEEP_COLOUR], ids=["grey", "deep grey", "rgb", "deep rgb"])
def test_uncompressed_tiff_is_turned_upright(tmp_path, pixels, orientation):
    channels = 1 if pixels.ndim == 2 else 3
    photometric = 1 if channels == 1 else 2
    written = tiff([pixels.tobytes()], 8 * pixels.itemsize, photometric, channels, orientation)
    (tmp_path / "a.tif").write_bytes(written)
    assert np.array_equal(decode(tmp_path / "a.tif").pixels, TURNED[orientation](pixels))


@pytest.mark.parametrize(("pixels", "top"), [(GREY, 255), (DEEP_GREY, 65535)])
def test_white_is_zero_is_inverted(tmp_path, pixels, top):
    (tmp_path / "a.tif").write_bytes(tiff([(top - pixels).tobytes()], 8 * pixels.itemsize, photometric=0))
    assert np.array_equal(decode(tmp_path / "a.tif").pixels, pixels)


def planes(pixels):
    strips = [np.ascontiguousarray(pixels[..., channel]).tobytes() for channel in range(3)]
    return tiff(strips, 8 * pixels.itemsize, photometric=2, channels=3, planes=2)


@pytest.mark.parametrize("pixels", [COLOUR, DEEP_COLOUR])
def test_channels_in_planes_are_read(tmp_path, pixels):
    (tmp_path / "a.tif").write_bytes(planes(pixels))
    assert np.array_equal(decode(tmp_path / "a.tif").pixels, pixels)


def png(pixels, kind, key=b""):
    """A 16-bit PNG; `key` is the transparent colour."""

    def chunk(name, data):
        return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    transparent = chunk(b"tRNS", key) if key else b""
    return b"\x89PNG\r\n\x1a\n" + header + transparent + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_alpha(pixels, alpha):
    return np.dstack([pixels, np.full(pixels.shape[:2], alpha, np.uint16)])


GREY_PNG, RGB_PNG, GREY_ALPHA_PNG, RGBA_PNG = 0, 2, 4, 6


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (png(DEEP_GREY, GREY_PNG, b"\0\7"), DEEP_GREY),
        (png(DEEP_COLOUR, RGB_PNG, b"\0\7" * 3), DEEP_COLOUR),
        (png(with_alpha(DEEP_GREY, 65535), GREY_ALPHA_PNG), DEEP_GREY),
        (png(with_alpha(DEEP_COLOUR, 65535), RGBA_PNG), DEEP_COLOUR),
    ],
)
def test_opaque_sixteen_bit_files_that_could_be_transparent_keep_their_levels(tmp_path, written, expected):
    (tmp_path / "a.png").write_bytes(written)
    assert np.array_equal(decode(tmp_path / "a.png").pixels, expected)


@pytest.mark.parametrize(
    "written",
    [
        png(DEEP_GREY, GREY_PNG, int(DEEP_GREY[3, 3]).to_bytes(2)),
        png(DEEP_COLOUR, RGB_PNG, DEEP_COLOUR[3, 3].astype(">u2").tobytes()),
        png(with_alpha(DEEP_GREY, 65534), GREY_ALPHA_PNG),
        png(with_alpha(DEEP_COLOUR, 65534), RGBA_PNG),
    ],
)
def test_transparent_sixteen_bit_files_are_refused(tmp_path, written):
    (tmp_path / "a.png").write_bytes(written)
    with pytest.raises(UnreadableError, match="transparent pixels of 16 bits"):
        decode(tmp_path / "a.png")


def test_palette_is_read_as_its_colours(tmp_path):
    image = Image.fromarray(COLOUR // 64 * 64).quantize(64)
    image.save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png").pixels, np.asarray(image.convert("RGB")))


def test_transparent_pixels_become_white(tmp_path):
    alpha = np.zeros((20, 30, 4), dtype=np.uint8)
    alpha[:10, :, :3], alpha[:10, :, 3] = 7, 255
    Image.fromarray(alpha).save(tmp_path / "a.tif")
    pixels = decode(tmp_path / "a.tif").pixels
    assert (pixels[:10] == 7).all()
    assert (pixels[10:] == 255).all()


def test_cmyk_jpeg_is_read_as_rgb(tmp_path):
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red, green, blue = decode(tmp_path / "a.jpg").pixels.mean(axis=(0, 1))
    assert red > 200
    assert green < 60
    assert blue < 60


def test_same_pixels_have_one_hash_across_formats_and_as_grey_or_colour(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    Image.fromarray(GREY).convert("RGB").save(tmp_path / "a.tif", compression="tiff_lzw")
    other = GREY.copy()
    other[0, 0] ^= 1
    Image.fromarray(other).save(tmp_path / "b.png")
    hashes = [decode(tmp_path / name).pixel_hash() for name in ("a.png", "a.tif", "b.png")]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("colour", [0, 1, 2])
def test_a_single_pixel_of_another_colour_makes_an_image_no_grey_one(colour):
    grey = np.random.default_rng(0).integers(0, 256, (1500, 1000), dtype=np.uint8)
    pixels = grey[..., None].repeat(3, axis=2)
    assert Decoded(pixels, "RGB").pixel_hash() == Decoded(grey, "L").pixel_hash()
    pixels[-2, -3, colour] ^= 1
    expected = hashlib.sha256(f"{pixels.shape} uint8".encode() + pixels.tobytes()).hexdigest()
    assert Decoded(pixels, "RGB").pixel_hash() == expected


def truncated(path):
    Image.fromarray(np.repeat(COLOUR, 20, axis=0)).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-900])


def empty(path):
    path.touch()


def text(path):
    path.write_text("image_id,label\n")


def animation(path):
    Image.fromarray(GREY).save(path, format="GIF", save_all=True, append_images=[Image.fromarray(255 - GREY)])


def float_tiff(path):
    Image.fromarray(GREY.astype(np.float32)).save(path, format="TIFF")


def signed_tiff(path):
    cv2.imwrite(str(path) + ".tif", DEEP_GREY.astype(np.int16))
    Path(str(path) + ".tif").rename(path)


def enormous(path):
    # a valid header that promises 30000 x 30000 pixels and holds none
    header = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"\0")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (truncated, "truncated or damaged"),
        (empty, "empty"),
        (text, "not an image"),
        (animation, "2 frames"),
        (float_tiff, "floating-point"),
        (signed_tiff, "integers from -"),
        (enormous, "30000 x 30000 pixels is over max_megapixels: 200"),
    ],
)
def test_unusable_files_are_refused_with_the_reason(tmp_path, make, reason):
    path = tmp_path / "Größe 1.png"
    make(path)
    with pytest.raises(UnreadableError, match=reason):
        decode(path, max_megapixels=200)


def test_the_size_limit_is_the_one_given(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png", max_megapixels=0.0006).pixels.shape == (20, 30)
    with pytest.raises(UnreadableError, match="max_megapixels"):
        decode(tmp_path / "a.png", max_megapixels=0.0005)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_a_shrunk_image_shows_means_of_blocks(tmp_path, suffix, shrink):
    """70 x 50 pixels do not divide by 4 or 8; the last block repeats the margin."""
    smooth = cv2.GaussianBlur(RNG.integers(0, 256, (50, 70, 3), dtype=np.uint8), (0, 0), 6)
    options = {"quality": 98, "subsampling": 0} if suffix == "jpg" else {}
    Image.fromarray(smooth).save(tmp_path / f"a.{suffix}", **options)
    decoded = decode(tmp_path / f"a.{suffix}", Reading(shrink=shrink))
    assert decoded.shrink == shrink
    assert decoded.pixels.shape == (-(-50 // shrink), -(-70 // shrink), 3)
    rows, columns = 50 // shrink, 70 // shrink
    blocks = smooth[: rows * shrink, : columns * shrink].reshape(rows, shrink, columns, shrink, 3)
    assert abs(decoded.pixels[:rows, :columns] - blocks.mean(axis=(1, 3))).mean() < 1


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_shrunk_image_is_upright(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR).save(tmp_path / f"a.{suffix}", exif=exif)
    assert decode(tmp_path / f"a.{suffix}", Reading(shrink=4)).pixels.shape == (8, 5, 3)


def test_16_bits_are_shrunk_at_their_depth_and_a_jpeg_smaller_than_a_block_becomes_one_pixel(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), DEEP_GREY)
    expected = DEEP_GREY.reshape(10, 2, 15, 2).mean(axis=(1, 3))
    pixels = decode(tmp_path / "a.png", Reading(shrink=2)).pixels
    assert pixels.dtype == np.uint16
    assert abs(pixels - expected).max() <= 0.5
    Image.fromarray(GREY[:5, :7]).save(tmp_path / "b.jpg")
    assert decode(tmp_path / "b.jpg", Reading(shrink=8)).pixels.shape == (1, 1)


def test_a_truncated_jpeg_is_noticed_though_it_is_decoded_at_part_of_its_size(tmp_path):
    Image.fromarray(RNG.integers(0, 256, (400, 400, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableError, match="truncated or damaged"):
        decode(tmp_path / "a.jpg", Reading(shrink=4))


def test_masks_are_not_shrunk():
    with pytest.raises(ValueError, match="shrink: 2 does not go with masks"):
        Source(images="a", classes=("a", "b"), masks="m", shrink=2)
