"""The classes that an image can have, in the table of `gradewise predict --coverage`."""

import pandas as pd
import pytest

from gradewise.command import UserError
from gradewise.deployment.verdict_page import summarise
from gradewise.judgement.record import Judgement
from gradewise.judgement.sets import PredictionSets
from gradewise.predict.artefact import Facts, copy_members, seal
from gradewise.predict.loading import read_parts
from gradewise.predict.predict import predict

THRESHOLDS = ({"coverage": 0.8, "least_probability": 0.45}, {"coverage": 0.9, "least_probability": 0.1})


@pytest.fixture
def deployed(run, tmp_path):
    """A model that is handed over with thresholds from ten groups."""
    sets = PredictionSets.model_validate({"groups": 10, "thresholds": THRESHOLDS})
    parts, folder = read_parts(run), tmp_path / "deployed"
    seal(folder, parts, "forest", copy_members(parts, folder), Facts(judgement=Judgement(prediction_sets=sets)))
    return folder


def read(path):
    return pd.read_csv(path, keep_default_na=False)


def test_the_set_holds_every_class_that_reaches_the_threshold(deployed, tmp_path):
    (tmp_path / "photos/05.png").write_bytes(b"")
    predict(deployed, [str(tmp_path / "photos")], tmp_path / "t.csv", coverage=0.9)
    table = read(tmp_path / "t.csv")
    assert list(table.columns[:3]) == ["path", "class", "set"]
    used = table[table["error"] == ""]
    for row in used.itertuples():
        chances = {"good": float(row.p_good), "bad": float(row.p_bad)}
        assert row.set.split("|") == [name for name, p in chances.items() if p >= 0.1 or name == row[2]]
    assert set(used["set"]) > {"good|bad"}
    assert list(table.loc[table["error"] != "", "set"]) == [""]
    assert summarise(tmp_path / "t.csv", ["good", "bad"]).several == (used["set"] == "good|bad").sum()


def test_a_command_that_is_continued_at_another_coverage_writes_all_sets_at_it(deployed, tmp_path):
    photos = [str(tmp_path / "photos")]
    for coverage in (0.8, 0.9):
        predict(deployed, photos, tmp_path / f"{coverage}.csv", coverage=coverage)
    assert (read(tmp_path / "0.8.csv")["set"] != read(tmp_path / "0.9.csv")["set"]).any()
    begun = (tmp_path / "0.8.csv").read_text().splitlines(keepends=True)[:7]
    (tmp_path / "t.csv.partial").write_text("".join(begun))
    predict(deployed, photos, tmp_path / "t.csv", coverage=0.9)
    pd.testing.assert_frame_equal(read(tmp_path / "t.csv"), read(tmp_path / "0.9.csv"))
    (tmp_path / "u.csv.partial").write_text("".join(begun))
    with pytest.raises(UserError, match=r"u.csv.partial: begun with --coverage; continue so"):
        predict(deployed, photos, tmp_path / "u.csv")


@pytest.mark.parametrize(
    ("coverage", "message"),
    [
        (0.95, "--coverage 0.95: 10 tested groups can promise at most 0.909; ask for 0.9 or less"),
        (95, "--coverage 95: 10 tested groups can promise at most 0.909"),
        (0.855, "--coverage 0.855: there is no threshold for it; ask for a whole per cent from 0.8 to 0.9"),
        (0.0, "--coverage 0: there is no threshold for it"),
    ],
)
def test_a_coverage_without_threshold_is_refused_before_any_image_is_read(deployed, tmp_path, coverage, message):
    with pytest.raises(UserError, match=message):
        predict(deployed, [str(tmp_path / "photos")], tmp_path / "t.csv", coverage=coverage)
    assert list(tmp_path.glob("t.csv*")) == []


def test_the_folder_of_a_run_has_no_thresholds(run, tmp_path):
    with pytest.raises(UserError, match=r"--coverage: forest has no thresholds.*/deployed"):
        predict(run, [str(tmp_path / "photos")], tmp_path / "t.csv", coverage=0.8)
