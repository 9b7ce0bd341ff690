import numpy as np
import pytest
from PIL import Image

from gradewise.config.sources import Source
from gradewise.images.manifest import manifest
from gradewise.images.read_images import read_images


@pytest.fixture
def folders(tmp_path):
    """A folder a class with six small images each, all different."""
    rng = np.random.default_rng(1)
    for label in ("good", "bad"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (24, 32), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"s{number // 2}_{number}.png")
    return tmp_path / "data"


@pytest.fixture
def table(folders):
    """The same images in one folder beside a label table; returns its path."""
    rows = ["image_id,label,specimen,width"]
    for number, path in enumerate(sorted(folders.glob("*/*.png"))):
        rows.append(f"{path.relative_to(folders)},{path.parent.name},p{number // 3},{number}")
    path = folders.parent / "labels.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def make_manifest():
    """Reads the images of a source and writes the manifest and what goes with it; returns the files by name."""

    def make(source, folder, min_side=1, join_duplicates=True):
        read_images(source=Source.model_validate(source), threads=2, output=folder / "read")
        files = {name: folder / f"{name}.parquet" for name in ("manifest", "fingerprints", "duplicates")}
        files["quarantine"] = folder / "quarantine.csv"
        written = {"output" if name == "manifest" else name: path for name, path in files.items()}
        manifest(read=folder / "read", min_side=min_side, join_duplicates=join_duplicates, **written)
        return files

    return make
