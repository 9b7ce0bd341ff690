"""The step `localise`: compares the maps of test images with masks of their defects."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.views import View
from gradewise.images.files import read_before
from gradewise.images.masks import hash_mask, read_mask
from gradewise.localisation import curves
from gradewise.localisation.counted import MISSED, bins_of, count, false_alarms
from gradewise.localisation.frames import frame_mask
from gradewise.localisation.maps import HeatMap
from gradewise.localisation.measure import Compared, describe_defects, measure
from gradewise.localisation.schemas import DEFECTS, LOCALISATION, LOCATED
from gradewise.localisation.stored import StoredMap, maps_file, read_maps
from gradewise.progress import track
from gradewise.results import Results
from gradewise.views.stored import read_view

log = logging.getLogger(__name__)


def localise(
    *,
    dataset: str,
    results: Path,
    models: list[str],
    repeats: int,
    positive: str,
    false_alarm_share: float,
    output: Path,
    defects: Path,
    located: Path,
) -> None:
    """Measure how well maps fit defects.

    An image of another class than the positive one has no defects, with or without a mask; one of the positive class
    counts only with a mask.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results: its manifest, views and maps.
    models : list of str
        Whose maps there are.
    repeats : int
        In how many repeats.
    positive : str
        The class that was mapped.
    false_alarm_share : float
        Share of the area without defects that may be marked by mistake.
    output : Path
        The table of measures.
    defects : Path
        The table of defects.
    located : Path
        The table of images.

    Raises
    ------
    UserError
        Where a mask is gone or shows something else than when the manifest was made.
    """
    files = Results(results)
    manifest = tables.read(files.table("manifest")).set_index("image_id")
    parts: list[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]] = []
    for model in track(models, len(models), "models"):
        rows, found, images = _measure_model(files, manifest, model, repeats, positive, false_alarm_share)
        parts.append((pd.DataFrame(rows).assign(dataset=dataset, model=model), found, images))
    tables.write(_together([part[0] for part in parts], LOCALISATION.names), output, LOCALISATION)
    tables.write(_together([part[1] for part in parts], DEFECTS.names), defects, DEFECTS)
    tables.write(_together([part[2] for part in parts], LOCATED.names), located, LOCATED)
    log.info("%s: %d models", output, len(models))


def _together(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)


def _measure_model(
    files: Results, manifest: pd.DataFrame, model: str, repeats: int, positive: str, false_alarm_share: float
) -> tuple[list[dict[str, object]], pd.DataFrame, pd.DataFrame]:
    """Rows about a model, its defects and its images."""
    view = read_view(files.view(json.loads(files.run(model, 0).record.read_text())["view"]))

    def maps() -> Iterator[tuple[int, StoredMap]]:
        for repeat in range(repeats):
            for stored in read_maps(maps_file(files, model, repeat)):
                image = manifest.loc[stored.image_id]
                if stored.label != positive or not pd.isna(image["mask"]):
                    yield repeat, stored

    def mask_of(stored: StoredMap) -> np.ndarray:
        return _mask(manifest.loc[stored.image_id], view, stored.heat)

    if next(maps(), None) is None:
        log.warning(
            "%s: there is no test image whose defects are known, so maps of %s are not measured", positive, model
        )
        return [], pd.DataFrame(), pd.DataFrame()
    bins = bins_of(stored.heat for _, stored in maps())
    counted = [count(stored.heat, mask_of(stored), bins) for _, stored in maps()]
    without = np.sum([each.without for each in counted], axis=0)
    threshold = curves.threshold_at(without, bins, false_alarm_share)
    images, labels = [], []
    for (repeat, stored), known in zip(maps(), counted, strict=True):
        alarms = false_alarms(stored.heat, mask_of(stored), threshold)
        images.append(Compared(repeat, stored.image_id, stored.group, known, alarms))
        labels.append((stored.label, float(stored.heat.scores.max())))
    found = describe_defects(images, bins, threshold).assign(model=model)
    rows = measure(images, found, len(bins), false_alarm_share)
    common = {key: rows[0][key] for key in ("images", "groups", "regions")}
    rows.append({"metric": "threshold", "defects": None, "value": threshold, "low": np.nan, "high": np.nan, **common})
    located = _describe_images(images, labels, found, bins, threshold).assign(model=model)
    return [{**row, "false_alarm_share": false_alarm_share} for row in rows], found, located


def _mask(image: pd.Series, view: View, heat: HeatMap) -> np.ndarray:
    """What is a defect in the frame of a map; nothing without a mask."""
    frame = heat.frame
    if pd.isna(image["mask"]):
        return np.zeros((frame.height, frame.width), bool)
    with read_before(image["mask"]):
        mask = read_mask(Path(image["mask"]))
    if hash_mask(mask) != image["mask_hash"]:
        raise UserError(
            f"{image['mask']}: shows something else than when the manifest was made; put the former file back, or run "
            "the workflow again with --forcerun read_images"
        )
    return frame_mask(mask, view, int(image["bar_rows"]))


def _describe_images(
    images: list[Compared], labels: list[tuple[str, float]], defects: pd.DataFrame, bins: np.ndarray, threshold: float
) -> pd.DataFrame:
    first = int(np.searchsorted(bins, threshold))
    of_image = dict(iter(defects.groupby(["repeat", "image_id"])))
    rows = []
    for image, (label, highest) in zip(images, labels, strict=True):
        mine = of_image.get((image.repeat, image.image_id))
        counts = image.counted.without + image.counted.within
        orders = curves.auroc(image.counted.without[None], image.counted.within[None])[0]
        rows.append(
            {
                "repeat": image.repeat,
                "image_id": image.image_id,
                "group": image.group,
                "label": label,
                "auroc": orders,
                "covered": np.nan if mine is None else float(mine["covered"].mean()),
                "missed": 0 if mine is None else int((mine["covered"] < MISSED).sum()),
                "regions": len(image.counted.defects),
                "false_alarms": image.false_alarms,
                "marked": float(counts[first:].sum() / counts.sum()),
                "highest": highest,
                "threshold": threshold,
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    command.run(localise)
