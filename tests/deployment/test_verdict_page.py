"""The page on classified images: counts, doubtful first, and where the evidence lies."""

import numpy as np
import pandas as pd
import pytest

from gradewise.deployment import verdict_page
from gradewise.deployment.verdict_page import evidence_map, summarise
from gradewise.predict.predictor import SampleProbabilities, Verdict

CLASSES = ["good", "bad"]


def write(path, p_bad, errors=0, strange=()):
    rows = [
        {"path": f"{number}.png", "class": CLASSES[int(p >= 0.5)], "p_good": 1 - p, "p_bad": p, "error": ""}
        | {"unknown": "yes" if number in strange else "no", "strangeness": number / 10}
        for number, p in enumerate(p_bad)
    ]
    rows += [{"path": f"broken{number}.png", "class": "", "error": "the file is empty"} for number in range(errors)]
    columns = ["path", "class", "p_good", "p_bad", "samples", "unknown", "strangeness", "model", "error"]
    pd.DataFrame(rows).assign(samples=1, model="m").reindex(columns=columns).to_csv(path, index=False)


@pytest.mark.parametrize("rows", [2, 1000])
def test_a_table_is_summarised_alike_however_it_is_read(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(verdict_page, "CHUNK", rows)
    monkeypatch.setattr(verdict_page, "DOUBTFUL", 3)
    monkeypatch.setattr(verdict_page, "SUREST", 1)
    write(tmp_path / "t.csv", [0.1, 0.45, 0.58, 0.99, 0.3, 0.9], errors=2)
    summary = summarise(tmp_path / "t.csv", CLASSES)
    assert summary.counts.to_dict() == {"good": 3, "bad": 3}
    assert list(summary.doubtful["path"]) == ["1.png", "2.png", "4.png"]
    assert dict(zip(summary.surest["class"], summary.surest["path"], strict=True)) == {"bad": "3.png", "good": "0.png"}
    assert summary.failed == 2
    assert list(summary.errors["error"]) == ["the file is empty"] * 2


def test_unknown_images_are_counted_and_the_strangest_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict_page, "CHUNK", 2)
    monkeypatch.setattr(verdict_page, "UNKNOWN", 2)
    write(tmp_path / "t.csv", [0.1, 0.45, 0.58, 0.99, 0.3], errors=1, strange=(0, 2, 3))
    summary = summarise(tmp_path / "t.csv", CLASSES)
    assert summary.flagged == 3
    assert list(summary.unknown["path"]) == ["3.png", "2.png"]


def test_where_cost_decides_images_near_its_threshold_are_doubtful(tmp_path):
    write(tmp_path / "t.csv", [0.6, 0.55, 0.17, 0.05])
    frame = pd.read_csv(tmp_path / "t.csv")
    frame["class"] = np.where(5 * frame["p_bad"] > frame["p_good"], "bad", "good")
    frame.to_csv(tmp_path / "t.csv", index=False)
    summary = summarise(tmp_path / "t.csv", CLASSES, np.array([[0, 1], [5, 0]]))
    assert list(summary.doubtful["path"])[:2] == ["2.png", "3.png"]


def test_a_table_without_any_verdict_is_summarised(tmp_path):
    write(tmp_path / "t.csv", [], errors=1)
    summary = summarise(tmp_path / "t.csv", CLASSES)
    assert summary.counts.sum() == 0
    assert summary.doubtful.empty


def said(positions, p_bad):
    values = np.array([[1 - p, p] for p in p_bad], dtype=np.float32)
    return SampleProbabilities("m", "v", positions, values)


def test_the_map_is_bright_where_tiles_speak_for_the_class_and_grey_where_there_is_none():
    verdict = Verdict("a.png", "bad", {}, 3, of_samples=(said([(0, 0), (0, 1), (1, 1)], [0.0, 1.0, 0.5]),))
    picture = np.asarray(evidence_map(verdict, CLASSES, "bad")).astype(int).sum(axis=2)
    side = picture.shape[0] // 2
    assert picture[side // 2, side // 2] < picture[side + side // 2, side + side // 2] < picture[side // 2, -1]
    assert picture[-1, 0] == 3 * 190


def test_a_model_of_whole_images_has_no_map():
    verdict = Verdict("a.png", "bad", {}, 1, of_samples=(said([(0, 0)], [0.9]),))
    assert evidence_map(verdict, CLASSES, "bad") is None
