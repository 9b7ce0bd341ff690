"""The terminal: Snakemake's bookkeeping stays off it; progress, failures and what came out are shown."""

import json
import logging

import pytest
from snakemake.logging import LogEvent

from gradewise.terminal import Terminal, outcome


def message(text="", level=logging.INFO, **facts):
    record = logging.LogRecord("snakemake", level, __file__, 1, text, None, None)
    record.__dict__.update(facts)
    return record


@pytest.fixture
def terminal():
    return Terminal(brief=True)


@pytest.mark.parametrize(
    "record",
    [
        message("rule split", event=LogEvent.JOB_INFO),
        message("Finished jobid: 1", event=LogEvent.JOB_FINISHED),
        message("Select jobs to execute..."),
    ],
)
def test_bookkeeping_is_shown_only_where_all_is(terminal, record):
    assert not terminal.filter(record)
    assert Terminal(brief=False).filter(record)


@pytest.mark.parametrize(
    "record",
    [
        message("Nothing to be done (all requested files are present and up to date)."),
        message("Creating conda environment envs/gradewise.yaml..."),
        message("split failed", logging.ERROR, event=LogEvent.JOB_ERROR, log=["logs/split/fibres.log"]),
    ],
)
def test_what_a_user_must_know_is_shown(terminal, record):
    assert terminal.filter(record)


def test_progress_is_shown_now_and_then_and_at_the_end(terminal):
    shown = [terminal.filter(message(event=LogEvent.PROGRESS, done=done, total=4)) for done in (1, 2, 3, 4)]
    assert shown == [True, False, False, True]


def test_failures_are_listed_with_their_logs(terminal):
    for log in ("logs/split/fibres.log", "logs/view/fibres/tiles.log"):
        terminal.filter(message("failed", logging.ERROR, event=LogEvent.JOB_ERROR, log=[log]))
    assert terminal.failures().splitlines()[1:] == ["  logs/split/fibres.log", "  logs/view/fibres/tiles.log"]


def test_the_outcome_is_each_recommendation_and_the_path_of_the_index(tmp_path):
    summaries = [tmp_path / name for name in ("fibres.json", "fruit.json")]
    for path in summaries:
        path.write_text(json.dumps({"dataset": path.stem, "headline": f"Use the {path.stem} model. " * 5}))
    lines = outcome(summaries, tmp_path / "index.html").splitlines()
    assert [line.split(":")[0] for line in lines if "Use" in line and ":" in line] == ["fibres", "fruit"]
    assert max(map(len, lines[:-1])) <= 100
    assert lines[-1] == f"The reports: {tmp_path / 'index.html'}"
