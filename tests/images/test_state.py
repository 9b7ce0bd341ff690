import os

import pytest

from gradewise.images.state import files_state


@pytest.fixture
def linked(tmp_path):
    """A folder with a link to a folder, a link to a file, a loop and a link to nothing; returns it and the targets."""
    data, beyond = tmp_path / "data", tmp_path / "beyond"
    data.mkdir()
    (beyond / "deeper").mkdir(parents=True)
    (beyond / "deeper" / "a.png").write_text("a")
    (tmp_path / "b.png").write_text("b")
    (data / "folder").symlink_to(beyond, target_is_directory=True)
    (data / "b.png").symlink_to(tmp_path / "b.png")
    (beyond / "loop").symlink_to(data, target_is_directory=True)
    (data / "nothing.png").symlink_to(tmp_path / "nothing")
    return data, beyond / "deeper" / "a.png", tmp_path / "b.png"


def test_the_state_stays_while_nothing_changes(linked):
    assert files_state([str(linked[0])]) == files_state([str(linked[0])])


@pytest.mark.parametrize("target", [1, 2])
def test_a_file_that_changes_behind_a_link_changes_the_state(linked, target):
    before = files_state([str(linked[0])])
    os.utime(linked[target], (1, 1))
    assert files_state([str(linked[0])]) != before


def test_a_file_that_is_added_behind_a_link_changes_the_state(linked):
    before = files_state([str(linked[0])])
    (linked[1].parent / "new.png").write_text("new")
    assert files_state([str(linked[0])]) != before
