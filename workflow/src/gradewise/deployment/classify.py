"""The step `classify` classifies a folder of new images, or a shard of it, with the model that is handed over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradewise import command
from gradewise.predict.predict import predict


def classify(
    *,
    model: Path,
    images: Path,
    threads: int,
    output: Path,
    shard: str = "",
    shards: Sequence[Path] = (),
) -> None:
    """Write a table of verdicts on all images below a folder, or on a shard of them.

    Where an earlier job was interrupted, its table is continued.

    Parameters
    ----------
    model : Path
        Folder of the model that is handed over.
    images : Path
        Folder of images, searched to the bottom.
    threads : int
    output : Path
        The verdicts as CSV, one row per file, see `predict`.
    shard : str
        Classify a shard of the files alone, e.g. ``2-of-3``.
    shards : sequence of Path
        The tables of all shards, in order, which are put together; only files that came later are classified.

    Raises
    ------
    UserError
        If there is no such folder, no image in it could be classified, or shards were classified with another model.
    """
    predict(model, [str(images)], output, threads, discard_others=True, shard=shard, shards=shards)


if __name__ == "__main__":
    command.run(classify)
