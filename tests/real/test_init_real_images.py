"""What `gradewise init` makes of real images, as their owners would write it."""

import pytest
import yaml

from gradewise.start.check import check
from gradewise.start.init import init
from gradewise.studies.config import load

pytestmark = pytest.mark.slow


@pytest.fixture
def written(data, tmp_path, monkeypatch):
    """The dataset that init writes for images, which check accepts."""
    monkeypatch.chdir(tmp_path)

    def write(images):
        output = tmp_path / "mine.yaml"
        init(data / images, output)
        check(output)
        (dataset,) = load(yaml.safe_load(output.read_text())).datasets.values()
        return dataset

    return write


def test_masks_label_tiles_of_fibres(written):
    dataset = written("nanotwice")
    assert (dataset.labels_from, dataset.mask_suffix, dataset.positive) == ("masks", "_gt", "Anomalous")


def test_tables_of_fruit_keep_their_roles(written):
    dataset = written("fruit")
    assert [table.role for table in dataset.tables] == ["train", "test"]
    assert len(dataset.classes) == 19


def test_rare_grades_of_solar_cells_count_as_much_as_frequent_ones(written):
    dataset = written("solar-cells")
    assert dataset.classes == ("A", "B", "C", "D")
    assert dataset.decide_by == "balanced_accuracy"
    assert dataset.group is None
