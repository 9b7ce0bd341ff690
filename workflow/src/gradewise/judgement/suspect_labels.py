"""The step `suspect_labels` lists labels worth a second look, and writes a table for a person to correct them in."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd

from gradewise import command, tables
from gradewise.config.datasets import Dataset
from gradewise.images.corrections import COLUMNS, Corrections
from gradewise.judgement.schemas import SUSPECT_LABELS
from gradewise.judgement.suspects import find_suspects, judges, pool_tests
from gradewise.results import Results
from gradewise.spreadsheets import without_formula

log = logging.getLogger(__name__)


def suspect_labels(*, dataset: str, results: Path, output: Path, table: Path, relabel: Path) -> None:
    """List images whose labels are worth a second look.

    Images that a person has decided about, as the configuration's table of corrections says, are not listed again.

    Parameters
    ----------
    dataset : str
        Its name.
    results : Path
        Folder of the dataset's results.
    output : Path
        Table of images, the least probable label first, `suspect_labels.parquet`.
    table : Path
        The same for people, `suspect-labels.csv`.
    relabel : Path
        Table with a column that a person fills in, `relabel.csv`: what was decided before, then the images listed.
    """
    files = Results(results)
    settings = Dataset.model_validate(files.plan("settings"))
    corrections = Corrections.model_validate_json((results / "read/corrections.json").read_text())
    decided = [row.model_dump() for row in corrections.decided]
    classes = list(settings.classes)
    verdicts = tables.read(files.table("verdicts"), role="test")
    choice = json.loads((results / "recommendation.json").read_text())["choice"]
    tested = pool_tests(verdicts, judges(choice, settings.models), classes)
    suspects = find_suspects(tested, classes)
    suspects = suspects.loc[~suspects["image_id"].isin([row["image_id"] for row in decided])]
    paths = tables.read(files.table("manifest"), columns=["image_id", "path"])
    suspects = suspects.merge(paths, on="image_id", how="left")
    tables.write(suspects, output, SUSPECT_LABELS)
    log.info("%s: %d of %d labels of test images are worth a second look", dataset, len(suspects), len(tested))
    _write_csv(suspects[SUSPECT_LABELS.names], table)
    open_questions = suspects[["image_id", "label"]].assign(corrected="")
    _write_csv(pd.concat([pd.DataFrame(decided, columns=COLUMNS), open_questions]), relabel)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table for spreadsheets, in which no text is taken for a formula."""
    texts = frame.select_dtypes(["object", "string"]).columns
    safe = frame.assign(**{name: frame[name].map(without_formula) for name in texts})
    with tables.replacing(path) as partial:
        safe.to_csv(partial, index=False, lineterminator="\n", float_format="%.4f")


if __name__ == "__main__":
    command.run(suspect_labels)
