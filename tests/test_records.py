"""Records are written as JSON, in which numbers that are not known are null."""

import json
import math

import pytest
from pydantic import BaseModel

from gradewise.records import write_json


class Measured(BaseModel):
    name: str
    value: float | None


def test_unknown_numbers_of_a_model_are_null(tmp_path):
    write_json(tmp_path / "new/record.json", Measured(name="Größe", value=math.nan))
    assert json.loads((tmp_path / "new/record.json").read_text(encoding="utf-8")) == {"name": "Größe", "value": None}


def test_anywhere_else_a_number_that_is_none_is_a_mistake_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "record.json", {"value": math.nan})
    assert list(tmp_path.iterdir()) == []
