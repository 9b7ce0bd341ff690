"""Shipped configurations and profiles: each is valid and plans its jobs; mistakes stop before any job."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from gradewise.config.config import load as load_without
from gradewise.studies.config import StudiesConfig, load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "config.yaml", *sorted((ROOT / "studies").glob("*.yaml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_configuration_is_valid(path):
    assert load(yaml.safe_load(path.read_text())).datasets


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_schema_for_editors_accepts_a_shipped_configuration(path):
    schema = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


@pytest.mark.parametrize("profile", ["default", "lsf", "slurm"])
def test_the_embedded_example_plans_under_every_profile(snakemake, planned, tmp_path, profile):
    arguments = ["-n", "--directory", tmp_path, "--configfile", ROOT / "config.yaml"]
    jobs = planned(snakemake(*arguments, "--workflow-profile", ROOT / "profiles" / profile).stdout)
    config = load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    runs = sum(
        (len(each.models) + len(each.leak_models) + len(each.shares) * len(each.curve_models)) * each.evaluation.runs
        for each in config.datasets.values()
    )
    assert sum(count for name, count in jobs.items() if name.startswith("train_") or name == "blend") == runs
    assert jobs["report"] == len(config.datasets)


def test_the_embedded_example_does_without_weights_that_are_not_installed():
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    config = load_without(raw, StudiesConfig, absent={"lite0": "not installed"})
    assert list(config.left_out_of("mangoes")) == ["linear-lite0"]
    assert set(config.models) == set(raw["models"]) - {"linear-lite0"}


@pytest.mark.parametrize("cluster", ["lsf", "slurm"])
def test_no_job_requests_more_of_a_cluster_than_the_profile_grants(snakemake, tmp_path, cluster):
    profile = ROOT / "profiles" / cluster
    settings = yaml.safe_load((profile / "config.yaml").read_text())
    arguments = ["-n", "--cores", 999, "--directory", tmp_path, "--configfile", ROOT / "tests/workflow/small.yaml"]
    excess = ["--set-threads", "train_cnn=999", "--set-resources", "train_cnn:gpu=99", "--attempt", 1000]
    shown = snakemake(*arguments, "--workflow-profile", profile, *excess).stdout
    for resource, most in settings["resources"].items():
        # of the jobs without input; a dry run does not know the others' yet
        requested = re.findall(rf"^    resources: .*\b{resource}=(\d+)", shown, flags=re.M)
        assert max(map(int, requested)) == most
    assert max(map(int, re.findall(r"^    threads: (\d+)", shown, flags=re.M))) == settings["max-threads"]


PUBLISHED = [ROOT / "studies/nanofibre.yaml", ROOT / "studies/mango.yaml"]


def test_the_published_studies_plan_together_each_network_once(snakemake, planned, tmp_path):
    done = snakemake("-n", "-p", "--directory", tmp_path, "--configfile", *PUBLISHED)
    # Linux allows 128 KiB an argument; commands must not grow with the number of studies and their rows
    assert max(len(line) for line in done.stdout.splitlines() if "python -m" in line) < 10_000
    jobs = planned(done.stdout)
    networks = 0
    for path in PUBLISHED:
        config = load(yaml.safe_load(path.read_text()))
        for name, dataset in config.datasets.items():
            repeats = {run: dataset.evaluation.runs for run in dataset.models if config.models[run].family == "cnn"}
            for study in config.studies_of(name).values():
                if study.show == "settings" and config.models[study.model].family == "cnn":
                    for cell in config.cells(next(key for key, one in config.studies.items() if one is study)):
                        wanted = study.repeats or dataset.evaluation.runs
                        repeats[cell.run] = max(repeats.get(cell.run, 0), wanted)
            further = len(dataset.shares) * ("cnn" in dataset.curve_models) + len(dataset.leak_models)
            networks += sum(repeats.values()) + further * dataset.evaluation.runs
    assert jobs["train_cnn"] == networks
    assert jobs["study_page"] == len(PUBLISHED)


def test_no_command_grows_with_the_number_of_runs(snakemake, tmp_path):
    raw = yaml.safe_load((ROOT / "tests/workflow/studies.yaml").read_text())
    for dataset in raw["datasets"].values():
        dataset["evaluation"]["repeats"] = 100
    configuration = tmp_path / "many.yaml"
    configuration.write_text(yaml.safe_dump(raw))
    shown = snakemake("-n", "-p", "--directory", tmp_path, "--configfile", configuration).stdout
    assert max(len(line) for line in shown.splitlines() if "python -m" in line) < 2_000


def write_table(folder, table, dataset):
    """A label table, and files that bear the names of images: planning opens none."""
    images = folder / table.images
    images.mkdir(parents=True)
    (images / "0.png").touch()
    rows = [f"{number}.png,{label},{number},{number}" for number, label in enumerate(dataset.classes * 8)]
    header = f"image_id,label,{dataset.group if isinstance(dataset.group, str) else 'group'},further"
    (folder / table.csv).write_text("\n".join([header, *rows]))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_study_plans_at_full_scale_on_images_of_the_users_own(snakemake, planned, tmp_path, path):
    for dataset in load({**yaml.safe_load(path.read_text()), "scale": "full"}).datasets.values():
        for table in dataset.tables:
            write_table(tmp_path, table, dataset)
    jobs = planned(snakemake("-n", "--directory", tmp_path, "--configfile", path, "--config", "scale=full").stdout)
    assert jobs["study_page"] == 1
    assert "simulate" not in jobs


def test_the_configurations_in_the_readme_are_valid():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    raw = yaml.safe_load(blocks[0])
    assert load(raw).datasets
    pretrained, tuned = yaml.safe_load(blocks[2]), yaml.safe_load(blocks[3])
    models = raw["models"] | pretrained["models"] | tuned["models"]
    views = raw["views"] | pretrained["views"]
    assert load({**raw, **pretrained, "models": models, "views": views}).models["tuned"].backbone == "lite0"
    assert load(yaml.safe_load(blocks[4])).models["patches"].family == "patches"
    assert load({**raw, **yaml.safe_load(blocks[5])}).cells("filters-and-dropout")
    (dataset,) = raw["datasets"].values()
    del dataset["images"], dataset["group"]
    dataset.update(yaml.safe_load(blocks[1]))
    assert load(raw).datasets


def test_a_users_configuration_replaces_the_example_and_single_values_can_be_set(snakemake, planned, tmp_path):
    small = ROOT / "tests/workflow/small.yaml"
    done = snakemake("-n", "-p", "--directory", tmp_path, "--configfile", small, "--config", "seed=77")
    assert "nanofibres/" not in done.stdout
    assert "--seed 77" in done.stdout


def test_a_mistake_in_the_configuration_stops_before_any_job(snakemake, tmp_path):
    small = ROOT / "tests/workflow/small.yaml"
    done = snakemake("-n", "--directory", tmp_path, "--configfile", small, "--config", "sed=77", check=False)
    assert done.returncode != 0
    assert "unknown key 'sed' (value 77). Did you mean 'seed'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_missing_images_stop_before_any_job(snakemake, tmp_path):
    done = snakemake("-n", "--directory", tmp_path, "--configfile", ROOT / "studies/nanotwice.yaml", check=False)
    assert done.returncode != 0
    assert "datasets.nanotwice: images: the folder 'data/nanotwice/images' does not exist" in done.stdout
    assert "MissingInput" not in done.stdout
    assert "Traceback" not in done.stdout
