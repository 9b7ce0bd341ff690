"""Further splits: the leak test and the learning curve plan their own fits, and nothing without being asked."""

import re
from pathlib import Path

import pytest
import yaml

from gradewise.config.faults import ConfigError
from gradewise.studies.config import load

pytestmark = pytest.mark.slow

SMALL = Path(__file__).parent / "small.yaml"


@pytest.fixture
def plan(snakemake, planned, tmp_path):
    """Jobs of the fibres of the small configuration, and all that is printed about them, with further settings."""

    def run(**settings):
        raw = yaml.safe_load(SMALL.read_text())
        raw["datasets"] = {"fibres": raw["datasets"]["fibres"] | settings}
        file = tmp_path / "changed.yaml"
        file.write_text(yaml.safe_dump(raw, sort_keys=False))
        text = snakemake("-n", "-p", "--directory", tmp_path, "--configfile", file).stdout
        return planned(text), text

    return run


def more(jobs, than):
    return {name: count - than.get(name, 0) for name, count in jobs.items() if count != than.get(name, 0)}


def test_the_leak_test_and_the_learning_curve_plan_the_fits_they_need_and_no_others(plan):
    plain, text = plan()
    assert set(re.findall(r"variants/([a-z]+)", text)) == {"deployed"}
    assert not {"resplit", "leak", "learning_curve"} & set(plain)
    leaky, text = plan(leak_test=["svm"])
    assert more(leaky, plain) == {"resplit": 1, "fit_pca": 1, "train_pca_svm": 1, "evaluate": 1, "leak": 1}
    assert "results/fibres/variants/careless/models/svm/0/run.json" in text
    assert re.search(r"^rule report:\n    input: .*results/fibres/leaks.parquet", text, flags=re.M)
    curved, text = plan(learning_curve=["forest"], shares=[0.25, 0.5])
    assert more(curved, plain) == {"resplit": 2, "train_forest": 2, "evaluate": 2, "learning_curve": 1}
    assert "--shares '[0.5,0.25]'" in text
    assert "logs/train_forest/fibres/variants/share-25/forest/0.log" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"leak_test": ["svn"]}, "leak_test: 'svn' is not one of the dataset's models. Did you mean 'svm'?"),
        ({"learning_curve": ["nothing"]}, "learning_curve: 'nothing' is not one of the dataset's models"),
        ({"shares": [0.25, 0.252]}, "shares: [0.25, 0.252] must differ in whole per cent"),
    ],
)
def test_a_mistake_is_explained(settings, message):
    raw = yaml.safe_load(SMALL.read_text())
    raw["datasets"]["fibres"] |= settings
    with pytest.raises(ConfigError) as caught:
        load(raw)
    assert message in str(caught.value)


def test_true_stands_for_all_models_of_the_dataset():
    raw = yaml.safe_load(SMALL.read_text())
    raw["datasets"]["fibres"] |= {"leak_test": True}
    fibres = load(raw).datasets["fibres"]
    assert fibres.leak_models == fibres.models
    assert fibres.curve_models == ()
    assert fibres.share_names == {"share-50": 0.5, "share-25": 0.25, "share-12": 0.125}
