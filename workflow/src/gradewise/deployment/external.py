"""The step `external` tests the model that is handed over on new images with labels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.sources import Source
from gradewise.deployment.external_page import sections_of
from gradewise.deployment.external_test import compare_with_labels
from gradewise.deployment.new_images import read_new_images, write_statistics
from gradewise.deployment.verdict_page import write_page
from gradewise.evaluation import measured
from gradewise.predict.loading import load_predictor
from gradewise.predict.predict import CHUNK, predict, read_verdicts
from gradewise.predict.predictor import Predictor
from gradewise.records import write_json
from gradewise.report.page import to_csv
from gradewise.results import Results
from gradewise.tables import filled, nullable

log = logging.getLogger(__name__)


def external(
    *,
    dataset: str,
    name: str,
    model: Path,
    results: Path,
    source: Source,
    threads: int,
    output: Path,
    table: Path,
    test: Path,
    statistics: Path,
    page: Path,
) -> None:
    """Classify new images and compare the verdicts with their labels.

    Images that are copies of the dataset's are classified as well, but are no part of the test.

    Parameters
    ----------
    dataset, name : str
        Names of the dataset and of the new images in the configuration.
    model : Path
        Folder of the model that is handed over.
    results : Path
        Folder of the dataset's results.
    source : Source
        Where the new images are, as JSON.
    threads : int
    output : Path
        The verdicts as parquet, one row per file.
    table : Path
        The same as CSV.
    test : Path
        What the test shows, as JSON.
    statistics : Path
        Brightness, sharpness and size of the images that are no copies.
    page : Path
        Page on the test and the verdicts; its tables and galleries are in the folder of its name.

    Raises
    ------
    UserError
        If folders or label tables contradict the configuration, no image can be classified, or none is left to test.
    """
    predictor = load_predictor(model)
    new = read_new_images(source, Results(results), threads)
    verdicts = _classify(predictor, new.listed, threads, table.parent)
    usable = verdicts.loc[verdicts["class"].notna()]
    if usable["copy_of"].notna().all():
        raise UserError(
            f"apply.{name}: all {len(usable)} images are copies of images of {dataset}, so nothing is left to test the "
            "model on; give images that it has not seen"
        )
    known = measured.read(results, dataset)
    predicted = usable.rename(columns={"class": "predicted"})
    found = compare_with_labels(name, predictor.name, predicted, new, known, predictor.shares)
    columns = _schema(predictor.description.classes)
    with tables.replacing(table) as partial:
        partial.write_bytes(to_csv(verdicts[columns.names]))
    tables.write(verdicts[columns.names], output, columns)
    write_json(test, found)
    write_statistics(new.facts.loc[new.facts["copy_of"].isna()], statistics)
    title = f"{name}: {predictor.name} of {dataset} tested on new images"
    write_page(table, predictor, page, title, sections_of(found))
    log.info("%d images in %d groups tested, %d copies left out", found.images, found.groups, len(found.copies))


def _classify(predictor: Predictor, listed: pd.DataFrame, threads: int, folder: Path) -> pd.DataFrame:
    """Verdicts on listed images; those that were set aside when they were read have the reason as their error."""
    readable = listed.loc[listed["reason"].isna()]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".verdicts-", dir=folder) as temporary:
        written = Path(temporary) / "verdicts.csv"
        predict(predictor, list(readable["path"]), written, threads)
        # one row per image, in the order in which they were named
        verdicts = pd.concat(read_verdicts(written, CHUNK)).set_index(readable.index)
    texts = ("class", "unknown", "error")
    verdicts = verdicts.assign(**{key: verdicts[key].mask(verdicts[key] == "") for key in texts})
    everything = verdicts.drop(columns="path").reindex(listed.index)
    everything["error"] = everything["error"].fillna(listed["reason"])
    everything["samples"] = everything["samples"].fillna(0).astype("int32")
    everything["model"] = verdicts["model"].iloc[0]
    return listed[["image_id", "path", "label", "group", "copy_of"]].join(everything)


def _schema(classes: Sequence[str]) -> pa.Schema:
    return pa.schema(
        [
            filled("path", pa.string()),
            filled("label", pa.string()),
            nullable("class", pa.string()),
            *(nullable(f"p_{label}", pa.float32()) for label in classes),
            filled("group", pa.string()),
            nullable("copy_of", pa.string()),
            filled("samples", pa.int32()),
            nullable("unknown", pa.string()),
            nullable("strangeness", pa.float32()),
            filled("model", pa.string()),
            nullable("error", pa.string()),
        ]
    )


if __name__ == "__main__":
    command.run(external)
