from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

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


def content(height=400, width=512, seed=0):
    """Grey noise around the middle of the range."""
    return np.random.default_rng(seed).normal(120, 30, (height, width)).clip(0, 255).astype(np.uint8)


def data_bar(height=48, width=512, dark=True, frame=False):
    """A band with text and a scale, perhaps with lines around and between its fields."""
    background, ink = (0, 255) if dark else (255, 0)
    bar = Image.new("L", (width, height), background)
    draw = ImageDraw.Draw(bar)
    draw.text((10, height // 2 - 6), "HV 5.00 kV   WD 4.1 mm   mag 50 000 x   HFW 2.56 um", fill=ink, font_size=12)
    draw.line((width - 120, height // 2, width - 20, height // 2), fill=ink, width=3)
    if frame:
        draw.rectangle((0, 0, width - 1, height - 1), outline=ink, width=2)
        draw.line((width // 2, 0, width // 2, height), fill=ink, width=2)
    return np.asarray(bar)


def with_bar(**options):
    """Content with a data bar below."""
    return np.vstack([content(), data_bar(**options)])


@pytest.fixture(scope="session")
def draw():
    """Functions that draw what microscopes save: `content`, a `data_bar`, and content `with_bar`."""
    return SimpleNamespace(content=content, data_bar=data_bar, with_bar=with_bar)
