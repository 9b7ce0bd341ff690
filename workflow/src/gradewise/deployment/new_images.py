"""New images with their labels: listed and read as those of a dataset are, and compared with these for copies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gradewise import tables
from gradewise.config.sources import Source
from gradewise.images.duplicates import find_duplicates
from gradewise.images.fingerprints import read_thumbnails
from gradewise.images.listing import list_images
from gradewise.images.manifest import find_twins, join_groups
from gradewise.images.read_images import inspect_images
from gradewise.images.schemas import FINGERPRINTS, IMAGES, PRINTS
from gradewise.predict.description import Description
from gradewise.provenance import derive_seed
from gradewise.results import Results
from gradewise.tables import filled, nullable

MEASURED = 2000
"""Images of a folder whose statistics are measured, since this reads them once more."""

STATISTICS = pa.schema(
    [
        filled("path", pa.string()),
        filled("group", pa.string()),
        filled("width", pa.int32()),
        filled("height", pa.int32()),
        nullable("pixel_size_nm", pa.float64()),
        *(FINGERPRINTS.field(name) for name in ("brightness", "contrast", "sharpness")),
    ]
)
"""One row per image: what `drift.STATISTICS` are computed from."""


@dataclass(frozen=True)
class NewImages:
    """New images with what is known about them.

    Attributes
    ----------
    listed : DataFrame
        All: image_id, path, label, group, `reason` (null where an image can be used), `copy_of` (the image_id of the
        dataset's image that it is a copy of, null for none) and what else the manifest has. Copies among the images
        share a group.
    facts : DataFrame
        Those that can be used, with the columns of their fingerprints.
    dataset : DataFrame
        The same of the dataset's images.
    """

    listed: pd.DataFrame
    facts: pd.DataFrame
    dataset: pd.DataFrame


def read_new_images(source: Source, files: Results, threads: int) -> NewImages:
    """List and read new images, and find copies among them and of the dataset's images.

    Raises
    ------
    UserError
        If folders or tables contradict the configuration, or no image can be used.
    """
    listed, prints, thumbnails = inspect_images(list_images(source, every_class=False), source, threads)
    manifest = tables.read(files.table("manifest"))
    known_prints = tables.read(files.table("fingerprints"), columns=PRINTS.names)
    usable = listed.loc[listed["reason"].isna()].copy()
    # names may be the same on both sides
    both = pd.concat(
        [
            images[["path", "bits", "pixel_hash"]].assign(image_id=prefix + images["image_id"])
            for prefix, images in (("dataset:", _in_order_of(manifest, known_prints)), ("new:", usable))
        ],
        ignore_index=True,
    )
    pictures = np.concatenate([read_thumbnails(files.table("fingerprints")), thumbnails])
    pairs = find_duplicates(both, pictures, threads, source)
    twins = find_twins(both["image_id"], pairs, True)
    of_dataset = both["image_id"].str.startswith("dataset:")
    known = both.loc[of_dataset, "image_id"].str.removeprefix("dataset:").groupby(twins[of_dataset]).first()
    new = twins[~of_dataset].set_axis(both.loc[~of_dataset, "image_id"].str.removeprefix("new:"))
    listed["copy_of"] = listed["image_id"].map(new.map(known))
    usable["group"] = join_groups(usable["group"].reset_index(drop=True), new.reset_index(drop=True)).to_numpy()
    listed["group"] = usable["group"].reindex(listed.index).fillna(listed["group"])
    return NewImages(listed, _with_facts(listed, prints), _with_facts(manifest, known_prints))


def _in_order_of(manifest: pd.DataFrame, prints: pd.DataFrame) -> pd.DataFrame:
    return manifest.set_index("image_id").loc[prints["image_id"]].reset_index()


def _with_facts(images: pd.DataFrame, prints: pd.DataFrame) -> pd.DataFrame:
    """Images with their fingerprints; further columns of label tables may have any name, so they stay behind."""
    own = [name for name in (*IMAGES.names, "copy_of") if name in images]
    return images[own].merge(prints, on="image_id", validate="one_to_one")


def measure_some(paths: pd.Series, description: Description, seed: int, threads: int) -> pd.DataFrame:
    """Statistics of images without labels, or of `MEASURED` of them, drawn at random; each is a group of its own."""
    drawn = paths
    if len(paths) > MEASURED:
        rng = np.random.default_rng(derive_seed(seed, "statistics"))
        drawn = paths.iloc[np.sort(rng.choice(len(paths), MEASURED, replace=False))]
    listed = pd.DataFrame({"image_id": drawn, "path": drawn, "group": drawn, "mask": None}).reset_index(drop=True)
    shared = ("classes", "page", "grey_range", "shrink", "max_megapixels", "min_side")
    own = {name: getattr(description, name) for name in shared}
    images, prints, _ = inspect_images(listed, Source(**own), threads)
    return _with_facts(images.loc[images["reason"].isna()], prints)


def write_statistics(images: pd.DataFrame, output: Path) -> None:
    """Write what the monitor needs to know of images."""
    tables.write(images[STATISTICS.names].astype({"width": "int32", "height": "int32"}), output, STATISTICS)
