"""Progress: items pass unchanged; times read well."""

import logging

import pytest

from gradewise.progress import duration, track


def test_items_pass_and_the_log_tells_how_far(caplog):
    caplog.set_level(logging.INFO)
    assert list(track(range(3), 3, "images", every=0)) == [0, 1, 2]
    assert "1/3 images" in caplog.text
    assert "left" in caplog.text
    assert "3 images in" in caplog.text


def test_a_short_loop_leaves_no_line(caplog):
    caplog.set_level(logging.INFO)
    assert list(track(range(3), 3, "images")) == [0, 1, 2]
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_read_at_a_glance(seconds, text):
    assert duration(seconds) == text
