import numpy as np
import pytest
from PIL import Image

from gradewise.images.decode import decode
from gradewise.images.fingerprints import fingerprint


@pytest.mark.parametrize(("row", "expected"), [(0, 256), (1, 256), (None, 255)])
def test_levels_count_wherever_they_are(tmp_path, row, expected):
    """White shows in the first row, in another one, or nowhere; the first rows show all that is darker."""
    pixels = np.resize(np.arange(255, dtype=np.uint8), (40, 300))
    if row is not None:
        pixels[row, 7] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert fingerprint(decode(tmp_path / "a.png"), tmp_path / "a.png")["levels"] == expected
