"""Small images of two classes with masks of what tells them apart and of the object, and the tables made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gradewise import tables
from gradewise.config.views import View
from gradewise.images.decode import decode
from gradewise.images.masks import hash_mask, read_mask
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.views.view import view

CLASSES = ["plain", "spotted"]
SIDE = 48
OPERATIONS = ["rgb", {"resize": 24}, {"centre_crop": 16}]


@dataclass(frozen=True)
class Data:
    """Paths of the tables and of the folder of the objects' masks."""

    samples: Path
    splits: Path
    manifest: Path
    objects: Path

    @property
    def inputs(self) -> dict[str, Path]:
        return {"samples": self.samples, "splits": self.splits, "manifest": self.manifest}


def write(folder: Path, groups: int = 20, photos: int = 2) -> Data:
    """Dark images with a grey square, the object; a spotted one has a bright spot. Of five groups one is tested."""
    generator = np.random.default_rng(0)
    images, splits = [], []
    for group in range(groups):
        label = CLASSES[group % 2]
        role = {3: "validation", 4: "test"}.get(group // 2 % 5, "train")
        for photo in range(photos):
            image_id = f"g{group:02d}-{photo}.png"
            pixels = generator.integers(0, 25, (SIDE, SIDE, 3)).astype(np.uint8)
            masks = {kind: np.zeros((SIDE, SIDE), np.uint8) for kind in ("spots", "objects")}
            pixels[16:32, 12:36] += 80
            masks["objects"][16:32, 12:36] = 255
            if label == "spotted":
                left = 14 + 2 * int(generator.integers(0, 6))
                pixels[20:28, left : left + 8] = 250
                masks["spots"][20:28, left : left + 8] = 255
            for kind, array in (("images", pixels), *masks.items()):
                (folder / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(folder / kind / image_id)
            spots = folder / "spots" / image_id
            images.append(
                {
                    "image_id": image_id,
                    "path": str(folder / "images" / image_id),
                    "label": label,
                    "group": f"g{group:02d}",
                    "pixel_hash": decode(folder / "images" / image_id).pixel_hash(),
                    "mask": str(spots) if photo == 0 else None,
                    "mask_hash": hash_mask(read_mask(spots)) if photo == 0 else None,
                    "file_hash": None,
                }
            )
            splits.append({"repeat": 0, "image_id": image_id, "role": role})
    data = Data(folder / "view.parquet", folder / "splits.parquet", folder / "manifest.parquet", folder / "objects")
    constants = {"role": None, "width": SIDE, "height": SIDE, "mode": "RGB", "bits": 8}
    constants |= {"pixel_size_nm": None, "bar_rows": 0}
    tables.write(pd.DataFrame(images).assign(**constants), data.manifest, MANIFEST)
    tables.write(pd.DataFrame(splits), data.splits, SPLITS)
    view(
        manifest=data.manifest,
        operations=View.model_validate(OPERATIONS),
        name="small",
        classes=CLASSES,
        seed=0,
        threads=1,
        output=data.samples,
    )
    return data
