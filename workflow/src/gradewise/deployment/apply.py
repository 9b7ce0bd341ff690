"""The step `apply` classifies a folder of new images with the model that is handed over."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from gradewise import command, tables
from gradewise.deployment.new_images import measure_some, write_statistics
from gradewise.deployment.verdict_page import write_page
from gradewise.predict.loading import load_predictor
from gradewise.predict.predict import CHUNK, predict, read_verdicts
from gradewise.tables import filled, nullable


def apply(
    *,
    dataset: str,
    name: str,
    model: Path,
    images: Path,
    threads: int,
    output: Path,
    table: Path,
    statistics: Path,
    page: Path,
) -> None:
    """Classify all images below a folder.

    Parameters
    ----------
    dataset, name : str
        Names of the dataset and of the folder in the configuration.
    model : Path
        Folder of the model that is handed over.
    images : Path
        Folder of images, searched to the bottom.
    threads : int
    output : Path
        The verdicts as parquet, one row per file.
    table : Path
        The same as CSV. Where an earlier job was interrupted, it is continued.
    statistics : Path
        Brightness, sharpness and size of some of the images, drawn at random.
    page : Path
        Page with the doubtful images first; its tables and galleries are in the folder of its name.

    Raises
    ------
    UserError
        If there is no such folder, or no image in it could be classified.
    """
    predictor = load_predictor(model)
    predict(predictor, [str(images)], table, threads, discard_others=True)
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
