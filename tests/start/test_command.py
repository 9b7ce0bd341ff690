"""The command `gradewise`: its list of subcommands, their help, and completion."""

import subprocess
import sys

import pytest

from gradewise.__main__ import COMMANDS, make_parser


def test_help_lists_every_subcommand_with_examples():
    text = " ".join(make_parser(["--help"]).format_help().split())
    assert all(f" {name} " in text and command.summary in text for name, command in COMMANDS.items())
    assert all(f"gradewise {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_subcommand_explains_each_argument(name, capsys):
    with pytest.raises(SystemExit) as end:
        make_parser([name, "--help"]).parse_args([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: gradewise {name}" in text
    assert f"example: gradewise {name} " in text


def test_the_list_of_subcommands_loads_no_libraries_of_models():
    code = (
        "import sys, gradewise.__main__ as m; m.make_parser(['--help']); print({'torch', 'pandas'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_completions_know_all_subcommands(capsys):
    words = ["--print-completion", "bash"]
    with pytest.raises(SystemExit):
        make_parser(words).parse_args(words)
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert "--threads" in text


def test_a_reader_that_has_enough_causes_no_traceback():
    command = [sys.executable, "-m", "gradewise", "backbone"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
