"""A few samples out of a view's cache."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gradewise.views.chosen import find_pixels, read_pixels
from gradewise.views.schemas import samples_schema


@pytest.fixture
def cache(tmp_path):
    """Twelve samples of 2 x 3 px in three row groups, each filled with its number."""
    rows = pd.DataFrame({"sample_id": [f"s{number}" for number in range(12)], "image_id": "i", "label": "A"})
    rows = rows.assign(row=0, column=range(12), masked_fraction=None)
    rows["pixels"] = [np.full((2, 3, 1), number, np.uint8).tobytes() for number in range(12)]
    schema = samples_schema(6, {"shape": [2, 3, 1], "view": ["grey"]})
    path = tmp_path / "view.parquet"
    pq.write_table(pa.Table.from_pandas(rows[schema.names], schema, preserve_index=False), path, row_group_size=4)
    return path


def test_samples_come_in_the_order_in_which_they_are_named(cache):
    found = read_pixels(cache, ["s9", "s0", "s5"])
    assert found.shape == (3, 2, 3, 1)
    assert found[:, 0, 0, 0].tolist() == [9, 0, 5]


def test_a_sample_that_is_not_there_is_an_error(cache):
    with pytest.raises(KeyError, match="s12"):
        read_pixels(cache, ["s1", "s12"])


def test_of_samples_that_may_be_there_those_are_found_that_are(cache):
    assert list(find_pixels(cache, ["s12", "s7"])) == ["s7"]
