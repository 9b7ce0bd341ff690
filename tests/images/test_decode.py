import cv2
import numpy as np
import pytest
from PIL import Image

from gradewise.images.decode import UnreadableError, decode, to_uint8

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


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


@pytest.mark.parametrize("compression", [1, 5])
def test_sixteen_bit_colour_tiff_keeps_its_upper_bits(tmp_path, compression):
    wide = (COLOUR.astype(np.uint16) << 8)[..., ::-1]
    cv2.imwrite(str(tmp_path / "a.tif"), wide, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    assert np.array_equal(decode(tmp_path / "a.tif").pixels, COLOUR)


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


def enormous(path):
    # a valid header that promises 30000 x 30000 pixels and holds none
    import struct
    import zlib

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
