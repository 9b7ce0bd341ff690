"""The profile for LSF, with stand-ins for the commands of LSF: what jobs request, and that they run."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

PROFILE = Path(__file__).parents[2] / "profiles/lsf"


@pytest.fixture
def lsf(tmp_path, monkeypatch):
    """Commands of a pretended LSF on the path; the folder of its jobs."""
    folder, programs = tmp_path / "lsf", tmp_path / "bin"
    (folder / "lsbatch/pretended/configdir").mkdir(parents=True)
    (folder / "lsbatch/pretended/configdir/lsb.params").write_text("DEFAULT_QUEUE = normal\n")
    programs.mkdir()
    source = Path(__file__).with_name("pretended_lsf.py").read_text()
    for name in ("badmin", "lsclusters", "bhist", "bsub", "bjobs", "bkill"):
        (programs / name).write_text(f"#!{sys.executable}\n{source}")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("LSF_PRETENDED", str(folder))
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return folder


def test_jobs_request_what_the_profile_says_and_run(lsf, start, finish, prepared, evaluated, tmp_path):
    folder = shutil.copytree(prepared, tmp_path / "run")
    finish(start(folder, "--workflow-profile", PROFILE, "--until", "train_cnn", "train_forest"), folder)
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    submitted = {}
    for file in lsf.glob("*.json"):
        words = json.loads(file.read_text())
        submitted[words[1].partition(":")[0]] = words
    network, forest = submitted["Snakemake_rule_train_cnn"], submitted["Snakemake_rule_train_forest"]
    assert network[network.index("-q") + 1] == "gpu"
    assert network[network.index("-gpu") + 1] == "num=1"
    assert forest[forest.index("-q") + 1] == "normal"
    assert "-gpu" not in forest
    for words in (network, forest):
        assert 0 < int(words[words.index("-W") + 1]) <= profile["resources"]["runtime"]
        assert 0 < int(words[words.index("-n") + 1]) <= profile["max-threads"]
    for model in ("cnn", "forest"):
        expected, actual = (base / f"results/fruit/models/{model}/0" for base in (evaluated, folder))
        assert (actual / "predictions.parquet").read_bytes() == (expected / "predictions.parquet").read_bytes()
