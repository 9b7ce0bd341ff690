"""The command `gradewise`, also `python -m gradewise`: uses the results of a finished run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gradewise.command import reporting


def main() -> None:
    """Parse the command line and call the subcommand."""
    parser = argparse.ArgumentParser(prog="gradewise", description="Use the results of a finished run.")
    commands = parser.add_subparsers(dest="command", required=True)
    predict_parser = commands.add_parser(
        "predict",
        help="classify new images with the model of a run",
        description="Classify new images with the model of a run. Files that cannot be used are listed with the "
        "reason. The same command continues where it was stopped.",
    )
    predict_parser.add_argument("folder", type=Path, help="the run: results/<dataset>/models/<model>/<repeat>")
    predict_parser.add_argument("images", nargs="+", help="files, folders or patterns such as 'photos/*.png'")
    predict_parser.add_argument("--output", type=Path, required=True, help="CSV file with one row per image")
    predict_parser.add_argument("--threads", type=int, help="threads for reading and predicting (default: all cores)")
    arguments = parser.parse_args()
    with reporting("predict", str(arguments.output), str(arguments.output)):
        # loads the libraries that models need, which takes seconds
        from gradewise.predict.predict import predict

        try:
            predict(arguments.folder, arguments.images, arguments.output, arguments.threads)
        except KeyboardInterrupt:
            sys.exit("predict: stopped; the same command continues")


if __name__ == "__main__":
    main()
