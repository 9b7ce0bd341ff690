"""Real images, where GRADEWISE_DATA names a folder that holds nanotwice/, fruit/ and solar-cells/."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data():
    """The folder of real images; without one the tests of this folder are skipped."""
    folder = os.environ.get("GRADEWISE_DATA")
    if not folder:
        pytest.skip("set GRADEWISE_DATA to the folder of real images")
    return Path(folder).resolve()


@pytest.fixture
def source(data):
    """The images section of a dataset of a shipped study, with its paths in the folder of real images."""
    import yaml

    from gradewise.studies.config import load

    studies = Path(__file__).parents[2] / "studies"

    def read(study, dataset):
        text = (studies / f"{study}.yaml").read_text().replace("data/", f"{data}/")
        return load(yaml.safe_load(text)).datasets[dataset].source("")

    return read
