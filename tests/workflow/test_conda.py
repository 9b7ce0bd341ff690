"""Environments made by conda: jobs find the package there, though it is not installed in them."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

SMALL = Path(__file__).with_name("small.yaml")
# answers what Snakemake asks of conda; an environment that it makes holds the libraries, but not the package
STAND_IN = """#!{python}
import sys, venv
from pathlib import Path

asked = " ".join(sys.argv[1:])
if asked == "info --json":
    print('{info}')
elif asked == "--version":
    print("conda 25.1.0")
elif asked.startswith("config"):
    print('{{"get": {{"channel_priority": "strict"}}}}')
elif asked.startswith("env create"):
    folder = Path(sys.argv[sys.argv.index("--prefix") + 1])
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text("{libraries}")
elif not asked.startswith("clean"):
    sys.exit(f"conda {{asked}}: not expected")
"""


@pytest.fixture
def conda(tmp_path, monkeypatch):
    """A program named conda on PATH."""
    folder = tmp_path / "base/bin"
    folder.mkdir(parents=True)
    (folder / "activate").write_text('export PATH="$1/bin:$PATH"')
    info = json.dumps({"conda_prefix": str(folder.parent), "platform": "linux-64"})
    program = folder / "conda"
    program.write_text(STAND_IN.format(python=sys.executable, info=info, libraries=sysconfig.get_path("purelib")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.slow
@pytest.mark.usefixtures("conda")
def test_a_job_in_an_environment_of_conda_finds_the_package(snakemake, tmp_path):
    raw = yaml.safe_load(SMALL.read_text())
    raw["datasets"]["fruit"]["simulate"] |= {"images": 12, "side": 64}
    configuration = tmp_path / "few.yaml"
    configuration.write_text(yaml.safe_dump(raw))
    simulated = tmp_path / "results/fruit/simulated"
    target = simulated.relative_to(tmp_path)
    snakemake(target, "--sdm", "conda", "--cores", 1, "--directory", tmp_path, "--configfile", configuration)
    assert len(list((simulated / "images").glob("*"))) == 12
    (python,) = (tmp_path / ".snakemake/conda").glob("*/bin/python")
    alone = subprocess.run([python, "-c", "import numpy, gradewise"], env={}, capture_output=True, text=True)
    assert "No module named 'gradewise'" in alone.stderr
