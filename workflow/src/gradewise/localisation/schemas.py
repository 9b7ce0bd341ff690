"""Schemas of the tables of maps, each declared once."""

from __future__ import annotations

import pyarrow as pa

from gradewise.tables import filled, nullable

MAPS = pa.schema(
    [
        filled("image_id", pa.string()),
        filled("group", pa.string()),
        filled("label", pa.string()),
        filled("rows", pa.int32()),
        filled("columns", pa.int32()),
        filled("cell", pa.int32()),
        filled("height", pa.int32()),
        filled("width", pa.int32()),
        *(filled(name, pa.float64()) for name in ("top", "left", "scale_y", "scale_x")),
        filled("scores", pa.list_(pa.float32())),
    ]
)
"""One row per test image of a run: its map, `rows` x `columns` scores of square cells of `cell` px. They cover a frame
of `height` x `width` px, whose corner is at `top`, `left` of the image; `scale_y` and `scale_x` are pixels of the frame
for one of the image."""

LOCALISATION = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("metric", pa.string()),
        nullable("defects", pa.string()),
        *(nullable(name, pa.float64()) for name in ("value", "low", "high")),
        filled("false_alarm_share", pa.float64()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
        filled("regions", pa.int64()),
    ]
)
"""One row per model and metric on test images over all repeats, with 95 % intervals from leaving out groups. `defects`
says which ones a row is about: null for all, small or large (below the median area or not), or a range of areas.
`false_alarm_share` is the share of the area without defects that may be above the threshold, `regions` the number of
defects."""

DEFECTS = pa.schema(
    [
        filled("model", pa.string()),
        filled("repeat", pa.int32()),
        filled("image_id", pa.string()),
        filled("group", pa.string()),
        filled("row", pa.float64()),
        filled("column", pa.float64()),
        filled("area", pa.float64()),
        filled("covered", pa.float64()),
    ]
)
"""One row per defect of a test image, a connected region of its mask: its centre and area in pixels of the image, and
the share of it above the threshold."""

LOCATED = pa.schema(
    [
        filled("model", pa.string()),
        filled("repeat", pa.int32()),
        filled("image_id", pa.string()),
        filled("group", pa.string()),
        filled("label", pa.string()),
        nullable("auroc", pa.float64()),
        nullable("covered", pa.float64()),
        filled("missed", pa.int64()),
        filled("regions", pa.int64()),
        filled("false_alarms", pa.int64()),
        filled("marked", pa.float64()),
        filled("highest", pa.float64()),
        filled("threshold", pa.float64()),
    ]
)
"""One row per test image whose defects are known: how well the map orders its pixels, the mean share of its defects
above the threshold, how many are missed of how many, how many marked regions touch no defect, the share of the image
that is marked, and the highest score."""

ATTRIBUTIONS = pa.schema(
    [
        filled("model", pa.string()),
        filled("repeat", pa.int32()),
        filled("unit", pa.string()),
        filled("image_id", pa.string()),
        filled("label", pa.string()),
        filled("predicted", pa.string()),
        filled("probability", pa.float64()),
        filled("kind", pa.string()),
        filled("method", pa.string()),
        nullable("unmapped", pa.string()),
        filled("rows", pa.int32()),
        filled("columns", pa.int32()),
        nullable("weights", pa.list_(pa.float32())),
        nullable("share", pa.float64()),
        nullable("area", pa.float64()),
    ]
)
"""One row per test image (or sample, where samples decide) of which it is known where the model looks: how much each of
`rows` x `columns` cells of the image speaks for the prediction, row by row, NaN where the model does not see it, and
how that was found; or the operation of the view that does not tell where it moves points. Of the weight that speaks for
the prediction the share on what the mask marks, and the share of the area that this has; both are null without marks.
"""
