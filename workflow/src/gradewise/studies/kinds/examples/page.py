"""Kind `examples`: images of each class, whole or as views show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gradewise import tables
from gradewise.provenance import derive_seed
from gradewise.report import pictures
from gradewise.report.blocks import Block, Gallery, Picture, Text
from gradewise.report.evidence import Evidence
from gradewise.studies.kinds.examples import Study
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.views.stored import read_view


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """A gallery of the images, or one for each class with the same images through every view."""
    base = evidence.base
    chosen = {label: _draw(name, base, label, study.each) for label in base.classes}
    if not study.views:
        whole = [
            Picture(
                pictures.thumbnail(Path(row.path), row.bits, base.settings),
                f"{row.image_id} of class {row.label}",
                (row.label, row.image_id),
            )
            for rows in chosen.values()
            for row in rows.itertuples(index=False)
        ]
        return [Gallery(f"{name}-examples", "Images of each class, drawn at random", tuple(whole))]
    caches = {view: base.results.view(view) for view in study.views}
    operations = {view: read_view(cache) for view, cache in caches.items()}
    parts: list[Block] = [Text(" ".join(f"{view}: {done.in_words()}." for view, done in operations.items()), "small")]
    for place, (label, rows) in enumerate(chosen.items(), 1):
        samples = {view: _through(cache, rows) for view, cache in caches.items()}
        gallery = [
            Picture(of_view[image], f"{image} of class {label} in view {view}", (view, image))
            for image in rows["image_id"]
            for view, of_view in samples.items()
            if image in of_view
        ]
        if gallery:
            caption = f"Class {label}, drawn at random; of an image with several samples the middle one"
            parts.append(Gallery(f"{name}-class-{place}", caption, tuple(gallery)))
    return parts


def _draw(name: str, base: Evidence, label: str, count: int) -> pd.DataFrame:
    """Images of a class, drawn by the seed of the configuration; all if there are fewer."""
    images = base.manifest.loc[base.manifest["label"] == label].sort_values("image_id", ignore_index=True)
    rng = np.random.default_rng(derive_seed(base.seed, base.dataset, name, label))
    return images.iloc[np.sort(rng.choice(len(images), size=min(count, len(images)), replace=False))]


def _through(view: Path, rows: pd.DataFrame) -> dict[str, Image.Image]:
    """A sample of each image in a view, by image."""
    samples = tables.read(view, columns=["sample_id", "image_id"])
    samples = samples.loc[samples["image_id"].isin(rows["image_id"])]
    middle = {part["sample_id"].iloc[len(part) // 2]: image for image, part in samples.groupby("image_id")}
    return {middle[sample]: picture for sample, picture in pictures.samples(view, middle).items()}
