"""Tables: checked against their schemas, written whole or not at all."""

import pandas as pd
import pyarrow as pa
import pytest

from gradewise import tables
from gradewise.images.schemas import SPLITS

ROWS = pd.DataFrame({"repeat": [0, 0], "image_id": ["a", "b"], "role": ["train", "test"]})


def test_what_is_written_is_read_with_further_columns(tmp_path):
    frame = ROWS.assign(voltage=[10.0, 17.5])
    tables.write(frame, tmp_path / "s.parquet", SPLITS)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "s.parquet"), frame, check_dtype=False)


@pytest.mark.parametrize(
    "bad",
    [ROWS.assign(role=["train", None]), ROWS.assign(repeat=["x", "y"])],
    ids=["null", "type"],
)
def test_a_table_against_its_schema_is_refused_and_nothing_is_left_behind(tmp_path, bad):
    with pytest.raises((ValueError, pa.ArrowTypeError)):
        tables.write(bad, tmp_path / "s.parquet", SPLITS)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_there_was(tmp_path):
    path = tmp_path / "note"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), tables.replacing(path) as partial:
        partial.write_text(str(1 // 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_rows_with_certain_values_are_read_whichever_columns_are_asked_for(tmp_path):
    frame = pd.DataFrame({"model": ["b", "a", "b", "a"], "role": ["test", "test", "train", "test"], "n": [1, 2, 3, 4]})
    schema = pa.schema([("model", pa.string()), ("role", pa.string()), ("n", pa.int64())])
    tables.write(frame, tmp_path / "t.parquet", schema)
    assert tables.read(tmp_path / "t.parquet", ["n"], role="test", model="a")["n"].tolist() == [2, 4]
    assert tables.read(tmp_path / "t.parquet", role="test", model=None)["n"].tolist() == [1, 2, 4]
    assert len(tables.read(tmp_path / "t.parquet", [], model="b")) == 2


def test_different_values_are_told_in_order_of_appearance(tmp_path):
    schema = pa.schema([("model", pa.string())])
    with tables.appending(tmp_path / "t.parquet", schema) as append:
        for models in (["b", "b"], ["a", "b"]):
            append(pd.DataFrame({"model": models}))
    assert tables.different(tmp_path / "t.parquet", "model") == ["b", "a"]
