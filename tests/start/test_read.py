import pytest

from gradewise.command import UserError
from gradewise.start.read import read_configuration

FAULTS = {
    "seed: 1\ndatasets:\n\tfruit: {}\n": "line 3: a tab",
    "datasets:\n  fruit: a: b\n": "line 2: a colon where none can be",
    "datasets:\n  fruit: {}\n views: {}\n": "line 3: not indented as the lines above",
    "datasets: [a, b\nviews: {}\n": "a comma, bracket or brace is missing",
    "seed: 'a\nviews: {}\n": "a quotation mark",
    "seed: 1\nviews\nmodels: {}\n": "a key without a colon, here or in the line above",
    "group: *_x\n": "line 1: a text that begins with [*] must be in quotes",
    "seed: 1\nviews: {}\nseed: 2\n": "line 3: the key 'seed' is given twice",
    "- a\n": "no sections at its top level",
    "": "no sections at its top level",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_with_file_and_line(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=FAULTS[text]) as told:
        read_configuration(path)
    assert str(told.value).startswith(str(path))


def test_the_line_itself_is_shown(tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 1\nviews: a: b\n")
    with pytest.raises(UserError, match=r"\n  2 \| views: a: b$"):
        read_configuration(tmp_path / "mine.yaml")


def test_what_is_no_text_or_no_file_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UserError, match="not a text in UTF-8"):
        read_configuration(tmp_path / "mine.yaml")
    with pytest.raises(UserError, match="no such file"):
        read_configuration(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="is a folder; `gradewise init`"):
        read_configuration(tmp_path)


def test_a_right_file_is_parsed(tmp_path):
    (tmp_path / "mine.yaml").write_text("\ufeffseed: 3\nviews: {a: [grey]}\n", encoding="utf-8")
    assert read_configuration(tmp_path / "mine.yaml") == {"seed": 3, "views": {"a": ["grey"]}}
