"""Photos of phones: HEIC, and files with several pictures."""

import subprocess
import sys

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from gradewise.config.sources import Source
from gradewise.images.decode import decode
from gradewise.images.files import UnreadableError
from gradewise.images.fingerprints import fingerprint
from gradewise.images.listing import list_images

Y, X = np.mgrid[:60, :80]
PHOTO = np.dstack([3 * X, 4 * Y, X + Y]).astype(np.uint8)


def write_heic(path, pixels, orientation=1):
    """A photo as phones write it: the turn is in the file and, for programs that know no HEIC, in its EXIF."""
    image, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    image.info["exif"] = exif.tobytes()
    image.save(path, "HEIF", quality=95)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (6, -1), (3, 2), (8, 1)])
def test_a_photo_is_turned_once(tmp_path, orientation, turn):
    write_heic(tmp_path / "a.heic", PHOTO, orientation)
    decoded = decode(tmp_path / "a.heic")
    assert decoded.pixels.shape[:2] == np.rot90(PHOTO, turn).shape[:2]
    assert np.abs(decoded.pixels.astype(int) - np.rot90(PHOTO, turn)).mean() < 2
    facts = fingerprint(decoded, tmp_path / "a.heic")
    assert (facts["file_format"], facts["camera_make"]) == ("HEIF", "Maker")


def test_the_main_picture_of_several_is_used(tmp_path):
    file = pillow_heif.from_pillow(Image.fromarray(255 - PHOTO))
    file.add_from_pillow(Image.fromarray(PHOTO))
    file.save(tmp_path / "a.heic", primary_index=1, quality=95)
    assert np.abs(decode(tmp_path / "a.heic").pixels.astype(int) - PHOTO).mean() < 2


def test_the_first_picture_of_an_mpo_is_used(tmp_path):
    first, other = Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[other], quality=95)
    with Image.open(tmp_path / "a.jpg") as written:
        assert written.n_frames == 2
    assert np.abs(decode(tmp_path / "a.jpg").pixels.astype(int) - PHOTO).mean() < 4


def test_size_and_damage_are_found(tmp_path):
    path = tmp_path / "a.heic"
    write_heic(path, PHOTO)
    with pytest.raises(UnreadableError, match="80 x 60 pixels is over max_megapixels"):
        decode(path, max_megapixels=0.0047)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableError, match=r"truncated or damaged|not an image"):
        decode(path)


def test_without_the_extra_its_name_is_the_reason(tmp_path):
    write_heic(tmp_path / "a.heic", PHOTO)
    script = (
        "import sys; from pathlib import Path; sys.modules['pillow_heif'] = None\n"
        "from gradewise.images.decode import decode\n"
        "decode(Path(sys.argv[1]))"
    )
    ended = subprocess.run([sys.executable, "-c", script, tmp_path / "a.heic"], capture_output=True, text=True)
    assert "UnreadableError: HEIC, which is read where gradewise is installed with its extra heic" in ended.stderr


def test_photos_outside_the_folders_of_classes_are_noticed(tmp_path):
    for name in ("good/1.heic", "bad/2.heic", "3.HEIC"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(Exception, match=r"1 images lie in .* outside the class folders, e.g. '3.HEIC'"):
        list_images(Source.model_validate({"images": str(tmp_path), "classes": ["good", "bad"]}))
