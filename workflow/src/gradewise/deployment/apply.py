"""The step `apply` shows what the model that is handed over makes of a folder of new images, from their verdicts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from gradewise import command, tables
from gradewise.deployment.new_images import measure_some, write_statistics
from gradewise.deployment.verdict_page import write_page
from gradewise.predict.loading import load_predictor
from gradewise.predict.predict import CHUNK, read_verdicts
from gradewise.tables import filled, nullable


def apply(
    *,
    dataset: str,
    name: str,
    model: Path,
    table: Path,
    threads: int,
    output: Path,
    statistics: Path,
    page: Path,
) -> None:
    """Write verdicts on new images as parquet, their statistics, and a page.

    Parameters
    ----------
    dataset, name : str
        Names of the dataset and of the folder in the configuration.
    model : Path
        Folder of the model that is handed over.
    table : Path
        The verdicts, as `classify` wrote them.
    threads : int
        For reading some of the images once more.
    output : Path
        The verdicts as parquet, one row per file.
    statistics : Path
        Brightness, sharpness and size of some of the images, drawn at random.
    page : Path
        Page with the doubtful images first; its tables and galleries are in the folder of its name.

    Raises
    ------
    UserError
        If the table was not written with this model.
    """
    predictor = load_predictor(model)
    description = predictor.description
    schema = pa.schema(
        [
            filled("path", pa.string()),
            nullable("class", pa.string()),
            *(nullable(f"p_{label}", pa.float32()) for label in description.classes),
            filled("samples", pa.int32()),
            nullable("unknown", pa.string()),
            nullable("strangeness", pa.float32()),
            filled("model", pa.string()),
            nullable("error", pa.string()),
        ]
    )
    with tables.appending(output, schema) as append:
        for chunk in read_verdicts(table, CHUNK):
            append(chunk.assign(**{key: chunk[key].mask(chunk[key] == "") for key in ("class", "unknown", "error")}))
    verdicts = tables.read(output, ["path", "error"])
    paths = verdicts.loc[verdicts["error"].isna(), "path"]
    write_statistics(measure_some(paths, description, description.seed, threads), statistics)
    write_page(table, predictor, page, f"{name}: images classified with the model of {dataset}")


if __name__ == "__main__":
    command.run(apply)
