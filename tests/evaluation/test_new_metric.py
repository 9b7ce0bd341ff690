"""The example of CONTRIBUTING.md, "How to add a metric": the record alone brings a metric everywhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import recall_score

from gradewise import metrics, tables
from gradewise.config.faults import ConfigError
from gradewise.evaluation.compare import compare
from gradewise.evaluation.evaluate import evaluate
from gradewise.report import metric_names
from gradewise.studies.config import load

CLASSES = ["A", "B", "C"]
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture(autouse=True)
def specificity(monkeypatch: pytest.MonkeyPatch) -> metrics.Metric:
    section = CONTRIBUTING.read_text().partition("## How to add a metric")[2]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert block is not None
    *definitions, record = ast.parse(block[1]).body
    assert isinstance(record, ast.Expr)
    names = dict(vars(metrics)) | {"np": np}
    exec(compile(ast.Module(definitions, []), str(CONTRIBUTING), "exec"), names)
    metric: metrics.Metric = eval(compile(ast.Expression(record.value), str(CONTRIBUTING), "eval"), names)
    monkeypatch.setitem(metrics.METRICS, metric.name, metric)
    return metric


def test_it_is_measured_and_compared(make: Callable[..., Any], tmp_path: Path) -> None:
    made = make({"good": 2.0, "poor": 0.3}, repeats=2)
    outputs = {name: made.folder / f"{name}.parquet" for name in ("metrics", "verdicts", "calibration", "subgroups")}
    evaluate(dataset="d", results=made.folder, classes=CLASSES, **outputs)
    measured = tables.read(outputs["metrics"]).query("metric == 'specificity' and level == 'image' and role == 'test'")
    verdicts = tables.read(outputs["verdicts"]).query("model == 'good' and role == 'test'")
    of_good = measured.loc[(measured["model"] == "good") & measured["repeat"].isna()].set_index("class")
    for name in CLASSES:
        expected = recall_score(verdicts["label"] != name, verdicts["predicted"] != name)
        assert of_good.loc[name, "value"] == pytest.approx(expected)
        assert of_good.loc[name, "low"] < expected < of_good.loc[name, "high"]
    compare(
        dataset="d",
        results=made.folder,
        classes=CLASSES,
        metric="specificity",
        seed=1,
        output=tmp_path / "comparisons.parquet",
        standings=tmp_path / "standings.parquet",
    )
    assert tables.read(tmp_path / "comparisons.parquet").query("not baseline")["difference"].item() > 0


def test_a_configuration_may_decide_by_it() -> None:
    dataset = {"images": "fruit", "classes": CLASSES, "models": ["forest"], "evaluation": {"holdout": 0.3}}
    raw = {
        "datasets": {"fruit": dataset | {"decide_by": "specificity"}},
        "views": {"whole": ["grey", {"resize": 32}]},
        "models": {"forest": {"family": "forest", "view": "whole"}},
    }
    assert load(raw).datasets["fruit"].deciding_metric == "specificity"
    raw["datasets"]["fruit"] = dataset | {"decide_by": "specifity"}
    with pytest.raises(ConfigError, match="Did you mean 'specificity'"):
        load(raw)


def test_the_report_writes_and_explains_it() -> None:
    assert metric_names.reached("specificity", 0.875) == "a specificity of 87.5\u00a0%"
    assert metric_names.explained(["accuracy", "specificity"])[0].startswith("Specificity is the share")
