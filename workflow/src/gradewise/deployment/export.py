"""The command `gradewise export`: hands over any tested model of a finished run."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from gradewise.command import UserError
from gradewise.deployment.hand_over import hand_over
from gradewise.predict.parts import parts_of_run
from gradewise.results import Results, RunFolder

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise export`."""
    parser.description = (
        "Hand over a tested model of a finished run as a folder: weights, ONNX, model card, reference images. The "
        "workflow hands over the recommended model by itself, in results/<dataset>/deployed."
    )
    parser.epilog = "example: gradewise export results/fibres/models/cnn/0 --output handed-over --zip handed-over.zip"
    parser.add_argument("run", type=Path, help="the run: results/<dataset>/models/<model>/<repeat>")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    parser.add_argument("--zip", type=Path, help="also write this zip file of it")
    parser.set_defaults(call=lambda arguments: export(arguments.run, arguments.output, arguments.zip))


def export(run: Path, output: Path, archive: Path | None = None) -> None:
    """Hand over the model of a run.

    Parameters
    ----------
    run : Path
        The run's folder, `results/{dataset}/models/{model}/{repeat}`.
    output : Path
        The folder to write; one that holds another model is replaced.
    archive : Path, optional
        Zip file of it.

    Raises
    ------
    UserError
        If there is no such run, its dataset's models were not compared, or `output` holds something else.
    """
    parts = parts_of_run(run)
    files = Results(run.resolve().parents[2])
    for needed in ("recommendation.json", "manifest.parquet", "metrics.parquet", "prediction_sets.parquet"):
        if not (files.folder / needed).exists():
            raise UserError(
                f"{files.folder / needed}: does not exist; finish the workflow before a model is handed over"
            )
    tested = RunFolder(run.resolve().parent.name, int(run.resolve().name), run)
    hand_over(files, tested, parts, "training", None, parts.description.seed, 1, output, archive)
    log.info("%s is in %s", tested.model, output)
