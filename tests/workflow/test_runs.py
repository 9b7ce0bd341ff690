"""Whole runs: from nothing to reports, nothing the second time, and only what a change touches after that."""

import shutil
from functools import partial
from pathlib import Path

import pytest
import yaml

from gradewise import tables

SMALL = Path(__file__).parent / "small.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, snakemake):
    """Folder of a finished run of the small configuration."""
    folder = tmp_path_factory.mktemp("run")
    snakemake("--cores", 2, "--directory", folder, "--configfile", SMALL)
    return folder


@pytest.fixture
def replan(finished, replan_changed):
    """Jobs planned for the finished run under a changed configuration."""
    return partial(replan_changed, finished, SMALL)


def test_every_promised_file_is_there(finished):
    for dataset, models in (("fibres", ["cnn", "svm", "forest"]), ("fruit", ["svm-colour", "forest-colour", "both"])):
        results = finished / "results" / dataset
        for name in ("manifest", "splits", "metrics", "comparisons", "calibration", "subgroups"):
            assert len(tables.read(results / f"{name}.parquet"))
        assert (results / "quarantine.csv").read_text().startswith("path,reason")
        for model in models:
            for repeat in "01":
                assert (results / "models" / model / repeat / "run.json").is_file()
        assert (finished / "reports" / f"{dataset}.html").is_file()
    assert (finished / "reports/index.html").is_file()


def test_a_second_run_does_nothing(replan):
    assert replan(lambda raw: None) == {}


def test_a_setting_of_one_model_reruns_that_model_evaluation_and_report_alone(replan):
    jobs = replan(lambda raw: raw["models"]["forest"].update(trees=30))
    assert jobs == {"train_forest": 2, "evaluate": 1, "compare": 1, "report": 1, "index": 1, "all": 1}


def test_a_new_view_reruns_what_looks_through_it_alone(replan):
    jobs = replan(lambda raw: raw["views"].update(photos=["rgb", {"resize": 40}]))
    assert jobs == {
        "view": 1,
        "train_forest": 2,
        "blend": 2,
        "evaluate": 1,
        "compare": 1,
        "leak": 1,
        "report": 1,
        "index": 1,
        "all": 1,
    }


def test_the_same_configuration_gives_the_same_tables(finished, snakemake, tmp_path):
    shutil.copytree(finished / "results/fruit/simulated", tmp_path / "results/fruit/simulated")
    snakemake("results/fruit/metrics.parquet", "--cores", 1, "--directory", tmp_path, "--configfile", SMALL)
    first, second = (
        tables.read(folder / "results/fruit/metrics.parquet").drop(columns="repeat") for folder in (finished, tmp_path)
    )
    assert first.equals(second)


def test_changed_images_are_noticed(finished, snakemake, planned, tmp_path):
    """A user's folder is watched by names, sizes and times, however deep."""
    shutil.copytree(finished / "results/fruit/simulated/images", tmp_path / "photos")
    labels = (finished / "results/fruit/simulated/labels.csv").read_text()
    (tmp_path / "labels.csv").write_text(labels)
    raw = yaml.safe_load(SMALL.read_text())
    raw["datasets"] = {"fruit": raw["datasets"]["fruit"]}
    del raw["datasets"]["fruit"]["simulate"]
    raw["datasets"]["fruit"]["tables"] = [{"csv": "labels.csv", "images": "photos"}]
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(raw))
    arguments = ("results/fruit/manifest.parquet", "--directory", tmp_path, "--configfile", file)
    snakemake("--cores", 2, *arguments)
    assert planned(snakemake("-n", *arguments).stdout) == {}
    image = next((tmp_path / "photos").glob("*.png"))
    image.write_bytes(image.read_bytes() + b" ")
    assert planned(snakemake("-n", *arguments).stdout) == {"read_images": 1, "manifest": 1}
