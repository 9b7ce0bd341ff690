"""What jobs request of a machine, by the configuration."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from gradewise.config.config import Config
from gradewise.planning import Plan

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
