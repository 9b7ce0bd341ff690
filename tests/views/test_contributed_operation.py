"""The operation that CONTRIBUTING.md shows, installed as a package beside gradewise, makes samples."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import tables
from gradewise.images.decode import decode
from gradewise.images.schemas import MANIFEST

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text().partition("## How to add a view operation")[2]


def block(language):
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.S)[1]


@pytest.fixture
def run(tmp_path):
    """Runs Python in a process of its own, where the package of CONTRIBUTING.md is installed."""
    package = tmp_path / "installed/my_lab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "blur.py").write_text(block("python"))
    information = tmp_path / "installed/my_lab-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my_lab\nVersion: 1.0\n")
    groups = tomllib.loads(block("toml"))["project"]["entry-points"]
    lines = [f"[{group}]\n{name} = {value}\n" for group, named in groups.items() for name, value in named.items()]
    (information / "entry_points.txt").write_text("".join(lines))
    paths = os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run(*arguments):
        command = [sys.executable, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": paths}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    return run


def test_the_step_makes_samples_with_it(run, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (40, 48), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    images = pd.DataFrame([{"image_id": "a", "path": str(tmp_path / "a.png"), "label": "A", "group": "a"}])
    images = images.assign(width=48, height=40, mode="L", bits=8, pixel_size_nm=None, bar_rows=0, mask=None)
    images = images.assign(role=None, mask_hash=None, file_hash=None)
    images = images.assign(pixel_hash=decode(tmp_path / "a.png").pixel_hash())
    tables.write(images, tmp_path / "manifest.parquet", MANIFEST)
    flags = {"--manifest": tmp_path / "manifest.parquet", "--output": tmp_path / "soft.parquet", "--name": "soft"}
    flags |= {"--operations": '{"operations": ["grey", {"blur": 1.5}, {"tile": 16}]}', "--classes": '["A", "B"]'}
    flags |= {"--seed": 1, "--threads": 1}
    run("-m", "gradewise.views.view", *(part for pair in flags.items() for part in pair))
    samples = tables.read(tmp_path / "soft.parquet")
    assert len(samples) == 2 * 3
    expected = cv2.GaussianBlur(picture, (0, 0), 1.5)[:16, 16:32]
    assert np.array_equal(np.frombuffer(samples["pixels"][1], np.uint8).reshape(16, 16), expected)
    assert tables.read_metadata(tmp_path / "soft.parquet")["view"][1] == {"blur": 1.5}


def test_configuration_schema_words_and_code_version_know_it(run):
    code = """
from gradewise.config.views import View
from gradewise.provenance import import_closure
view = View.model_validate(["grey", {"resize": 64}, {"blur": 1.5}])
print(view.in_words(), view.shape)
print("my_lab.blur" in import_closure(*view.modules), "Blur" in View.model_json_schema()["$defs"])
try:
    View.model_validate(["grey", {"resize": 64}, {"blur": 0}])
except ValueError as error:
    print(error)
"""
    printed = run("-c", code)
    assert printed.startswith("grey, resized to 64 x 64 px, blurred by 1.5 px (64, 64, 1)\nTrue True\n")
    assert "operations.2.blur" in printed
