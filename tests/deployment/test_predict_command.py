"""The command `gradewise predict`: what it refuses before it predicts."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from gradewise.command import UserError
from gradewise.deployment.predict_command import add_arguments


def call(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    parsed.call(parsed)


def test_a_page_whose_pictures_would_lie_among_the_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match=r"photos\.html: its tables and pictures would go into .*photos, which exists"):
        call("model", str(tmp_path / "photos"), "--output", "v.csv", "--html", str(tmp_path / "photos.html"))
    assert list((tmp_path / "photos").iterdir()) == []


def test_a_page_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "page.html").touch()
    with pytest.raises(UserError, match=r"page\.html: exists; delete it or give another --html"):
        call("model", "photos", "--output", "v.csv", "--html", str(tmp_path / "page.html"))
