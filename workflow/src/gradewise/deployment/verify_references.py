"""The command `gradewise verify`: does a model that was handed over predict here what it must?"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from gradewise.command import UserError
from gradewise.deployment.references import largest_difference
from gradewise.predict.artefact import MODEL, parts_of_artefact
from gradewise.predict.loading import assemble
from gradewise.predict.verification import TOLERANCE

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise verify`."""
    parser.description = (
        "Check a model that was handed over: the hashes of its files, and the probabilities that it gives to the "
        "reference images in its folder."
    )
    parser.epilog = "example: gradewise verify results/fibres/deployed"
    parser.add_argument("folder", type=Path, help="the model: results/<dataset>/deployed, or a copy of it")
    parser.set_defaults(call=lambda arguments: verify_references(arguments.folder))


def verify_references(folder: Path) -> None:
    """Compare files with their hashes, and verdicts on the reference images with those noted beside them.

    Raises
    ------
    UserError
        If anything differs.
    """
    if not (folder / MODEL).exists():
        raise UserError(f"{folder}: no {MODEL}; give the folder of a model that was handed over")
    parts = parts_of_artefact(folder)
    images, difference = largest_difference(assemble(parts), folder)
    if difference > TOLERANCE:
        raise UserError(
            f"{folder}: probabilities of the reference images differ by up to {difference:.1e}, more than rounding "
            f"({TOLERANCE:.0e}); see the warning about versions above, if there is one"
        )
    log.info(
        "%s: %d files have their hashes, and all %d reference images the class and probabilities they must have "
        "(largest difference %.0e)",
        *(parts.name, len(parts.hashes), images, difference),
    )
