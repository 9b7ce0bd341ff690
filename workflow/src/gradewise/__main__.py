"""The command `gradewise`, also `python -m gradewise`: from images of your own to a trained model and its use.

A subcommand is a line of `COMMANDS`. Its module defines `add_arguments`, which adds its arguments to a parser and sets
`call`, what is called with the parsed arguments. Only the module of the given subcommand is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import NamedTuple

import shtab

from gradewise import __version__
from gradewise.command import reporting


class Command(NamedTuple):
    """A subcommand: where it is defined, and what it does."""

    module: str
    summary: str


COMMANDS = {
    "init": Command("gradewise.start.init", "write a configuration for a folder of images or a label table"),
    "check": Command("gradewise.start.check", "tell what a configuration would do, and what is wrong with it"),
    "backbone": Command("gradewise.start.backbone", "tell where to get pretrained networks, and what is in a file"),
    "run": Command("gradewise.start.run", "run the workflow on a configuration"),
    "predict": Command("gradewise.deployment.predict_command", "classify new images"),
    "verify": Command("gradewise.deployment.verify_references", "check a model that was handed over"),
    "export": Command("gradewise.deployment.export", "hand over any tested model of a finished run"),
}

EXAMPLES = """\
examples:
  gradewise init photos --output mine.yaml            photos/good/*.jpg, photos/bad/*.jpg
  gradewise check mine.yaml                           is all well, and how long will it take?
  gradewise backbone lite0                            a pretrained network: where to get it, what to write
  gradewise run mine.yaml                             results in this folder, reports/index.html first
  gradewise predict results/photos/deployed new-photos --output classes.csv
  gradewise verify results/photos/deployed            does it predict here what it must?
  gradewise export results/photos/models/cnn/0 --output cnn

gradewise COMMAND --help explains a command; gradewise --print-completion bash prints completions for a shell.
"""

COMPLETION = "--print-completion"


def main() -> None:
    """Parse the command line and call the subcommand."""
    arguments = make_parser(sys.argv[1:]).parse_args(sys.argv[1:] or ["--help"])
    output = str(getattr(arguments, "output", None) or "")
    with reporting(arguments.command, output, output or "."):
        try:
            arguments.call(arguments)
            sys.stdout.flush()
        except KeyboardInterrupt:
            sys.exit(f"{arguments.command}: stopped; give the same command again to continue")
        except BrokenPipeError:
            # whoever reads, such as `head`, has enough; what is still to be written must not raise again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


def make_parser(words: list[str]) -> argparse.ArgumentParser:
    """The parser of a command line; complete for the subcommand that its words name, or where completion is asked for.

    Parameters
    ----------
    words : list of str
        The command line without the name of the program.
    """
    parser = argparse.ArgumentParser(
        "gradewise",
        description="Which classifier to use on your images, how good it will be on new ones, and how to use it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gradewise {__version__}")
    shtab.add_argument_to(parser, [COMPLETION], help="print completions for this shell")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = set(words[:1]) if not any(word.startswith(COMPLETION) for word in words) else set(COMMANDS)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.summary)
        if name in asked:
            import_module(command.module).add_arguments(subparser)
    return parser


if __name__ == "__main__":
    main()
