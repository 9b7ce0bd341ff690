"""The step `deploy` hands over the model that the configuration names, or that the comparison recommends."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from gradewise import command
from gradewise.command import UserError
from gradewise.deployment.hand_over import fitted_on_all, hand_over
from gradewise.predict.parts import parts_of_run
from gradewise.predict.verification import NAME, read_verification
from gradewise.results import Results

log = logging.getLogger(__name__)


def deploy(
    *,
    dataset: str,
    results: Path,
    model: str,
    fit_on: Literal["all", "training"],
    seed: int,
    threads: int,
    output: Path,
    archive: Path,
) -> None:
    """Hand over a model in a folder and as a zip file.

    Parameters
    ----------
    dataset : str
        Its name in the configuration.
    results : Path
        Folder of the dataset's results.
    model : str
        The model that is handed over.
    fit_on : {"all", "training"}
        Whether it was fitted once more, on all images, or is that of the first repeat.
    seed : int
        Draws the reference images.
    threads : int
    output : Path
        The folder.
    archive : Path
        Zip file of the folder.

    Raises
    ------
    UserError
        If the model does not predict from files what was tested, or an image is gone.
    """
    files = Results(results)
    verification = read_verification(results / NAME)
    if not verification.equal:
        adjusted = verification.adjusted
        others = [*verification.other_class, *(adjusted.other_class if adjusted else ())]
        largest = max(verification.difference, adjusted.largest_difference if adjusted else 0.0)
        raise UserError(
            f"{results / NAME}: {model} does not predict from files what was tested (images with another class: "
            f"{', '.join(others[:5]) or 'none'}; probabilities differ by up to {largest:.1e}), so it is not handed "
            "over; please report this"
        )
    tested = files.run(model, verification.repeat)
    parts = parts_of_run(tested.folder)
    if fit_on == "all":
        parts = fitted_on_all(parts, files)
    artefact = hand_over(files, tested, parts, fit_on, verification, seed, threads, output, archive)
    fitted = artefact.fitted_on
    log.info("%s: %s, fitted on %d images, is in %s", dataset, model, fitted.images if fitted else 0, output)


if __name__ == "__main__":
    command.run(deploy)
