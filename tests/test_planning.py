"""What jobs request of a machine, by the configuration."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from gradewise.config.config import Config
from gradewise.planning import IMAGES_OF_VIEW, Plan

RAW = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())


@pytest.mark.parametrize(("values", "fits"), [(1.0, 1), ({"choose": [1.0]}, 1), ({"choose": [1.0, 10.0]}, 11)])
def test_training_requests_the_time_of_all_fits_of_a_choice_and_the_memory_of_one(values, fits):
    view = next(iter(RAW["views"]))
    model = {"family": "pca_svm", "view": view, "components": 5, "C": values}
    config = Config.model_validate({**RAW, "models": {**RAW["models"], "chosen": model}})
    training, wildcards = Plan(config).training, SimpleNamespace(model="chosen")
    files = SimpleNamespace(size_mb=500)
    assert training.minutes(wildcards, files, 1) == fits * (20 + 240 // 2)
    assert training.memory(wildcards, files, 1) == 1200 + 2 * 500


def planned(**section):
    dataset = {"images": "none", "classes": ["A", "B"], "models": ["chosen"], **section}
    model = {"family": "forest", "view": next(iter(RAW["views"]))}
    return Plan(
        Config.model_validate({**RAW, "datasets": {"own": dataset}, "models": {"chosen": model}, "studies": {}})
    )


OWN = SimpleNamespace(dataset="own")


class Named(dict):
    """Wildcards of a job of the dataset `own`."""

    dataset = "own"
    name = "may"


class Input(SimpleNamespace):
    """What a job reads: how much, and the files of a name."""

    def get(self, name, default):
        return getattr(self, name, default)


@pytest.mark.parametrize(
    ("section", "images", "count"),
    [
        ({}, 1, 0),
        ({}, 20_000, 0),
        ({}, 20_001, 2),
        ({}, 100_000, 5),
        ({"shards": 3}, 1, 3),
        ({}, 10**8, 500),
        ({"shards": 1}, 10**6, 0),
    ],
)
def test_more_than_20000_images_are_shards_unless_the_dataset_says_how_many(section, images, count):
    names = planned(**section).shards_of(OWN, IMAGES_OF_VIEW, lambda: images)
    assert names == [f"{number}-of-{count}" for number in range(1, count + 1)]


def test_a_shard_requests_its_share_of_the_time_and_putting_shards_together_little():
    plan, whole = planned(), Input(size_mb=8000)
    features, shard = ({"view": "v", "backbone": "b", "shard": name} for name in ("", "3-of-8"))
    del features["shard"]
    assert plan.minutes_to_extract(features, whole, 1) == 20 + 8 * 240
    assert plan.minutes_to_extract(shard, whole, 1) == 20 + 240
    assert plan.minutes_to_extract(features, Input(size_mb=8000, shards=["a", "b"]), 2) == 40
    assert plan.memory_to_view(OWN, Input(size_mb=10**6, shards=["a", "b"]), 2, 1) == 500


@pytest.mark.parametrize(("files", "count"), [(5000, 0), (5001, 2), (10_001, 3)])
def test_more_than_5000_new_images_are_shards_however_many_those_of_the_dataset_are(tmp_path, files, count):
    for number in range(files):
        (tmp_path / str(number)).touch()
    plan = planned(apply={"may": str(tmp_path)}, shards=8)
    assert plan.shards_of_new_images(Named()) == [f"{number}-of-{count}" for number in range(1, count + 1)]


def test_classifying_requests_time_by_the_number_of_new_images_of_a_shard(tmp_path):
    for number in range(100):
        (tmp_path / f"{number}.png").touch()
    plan = planned(apply={"may": str(tmp_path)})
    whole, shard = Named(), Named(shard="1-of-4")
    assert plan.minutes_to_classify(whole, Input(), 1) == 30 + 2
    assert plan.minutes_to_classify(shard, Input(), 2) == 2 * 30 + 1
    assert plan.minutes_to_classify(whole, Input(shards=["a", "b"]), 1) == 30


def test_reading_requests_memory_for_the_largest_image_allowed_for_threads_and_for_the_number_of_files(tmp_path):
    (tmp_path / "A").mkdir()
    requested = {}
    for files in (0, 100):
        for number in range(files):
            (tmp_path / f"A/{number}.png").touch()
        for limit in (10, 200, 400):
            plan = planned(images=str(tmp_path), max_megapixels=limit)
            for threads in (1, 2):
                requested[files, limit, threads] = plan.memory_to_read(OWN, threads, 1)
    assert requested[0, 10, 2] - requested[0, 10, 1] == 10 * 16
    assert requested[0, 200, 1] == requested[0, 200, 2] == requested[0, 10, 1] + 190 * 16
    assert requested[0, 400, 1] == requested[0, 400, 2] == requested[0, 200, 1] + 200 * 16
    assert requested[100, 10, 1] - requested[0, 10, 1] == 100 * 12 // 1000
    assert plan.memory_to_read(OWN, 1, 2) == 2 * requested[100, 400, 1]


def test_a_view_requests_memory_for_the_largest_image_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan, manifest = planned(max_megapixels=400), Input(size_mb=1)
    unread = plan.memory_to_view(OWN, manifest, 2, 1)
    (tmp_path / "results/own/read").mkdir(parents=True)
    (tmp_path / "results/own/read/sides.json").write_text('{"smallest": 500, "megapixels": 3.0}')
    assert unread - plan.memory_to_view(OWN, manifest, 2, 1) == (400 - 2 * 2 * 3) * 16


def test_evaluation_requests_memory_by_its_predictions_and_by_the_share_of_a_run():
    files = SimpleNamespace(size_mb=30)
    wildcards = SimpleNamespace(dataset="own", get=lambda name, default: default)
    for repeats in (1, 3):
        plan = planned(evaluation={"holdout": 0.3, "repeats": repeats})
        assert plan.memory_to_evaluate(wildcards, files, 1) == 800 + 5 * 30 + 6 * 30 + 30 * 30 // repeats


def test_images_are_read_again_when_corrections_change():
    assert planned(images="photos", corrections="relabel.csv").images_of(OWN)["corrections"] == "relabel.csv"
    assert "corrections" not in planned(images="photos").images_of(OWN)
