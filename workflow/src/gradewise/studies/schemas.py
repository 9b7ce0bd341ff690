"""Schemas of the tables of studies, each declared once."""

from __future__ import annotations

import pyarrow as pa

from gradewise.families.schemas import predictions_schema
from gradewise.tables import filled, nullable

CELLS = pa.schema(
    [
        filled("cell", pa.string()),
        filled("settings", pa.string()),
        filled("measure", pa.string()),
        nullable("value", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        nullable("spread", pa.float64()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
        filled("repeats", pa.int64()),
    ]
)
"""One row per cell and measure, over all repeats, in the order of the configuration. `settings` holds the varied ones
as JSON; a setting chosen on validation is a list of the values chosen, one per repeat. Accuracies have the bounds of
95 % intervals; `spread` is the standard deviation over repeats. The cell named ``*`` has the measures `vote`, the test
accuracy of a majority vote of all cells, and `any_right`, the share of test images that at least one cell gets
right."""

AGREEMENTS = pa.schema(
    [
        filled("first", pa.string()),
        filled("second", pa.string()),
        nullable("error_correlation", pa.float64()),
        filled("both_wrong", pa.float64()),
        filled("first_only_wrong", pa.float64()),
        filled("second_only_wrong", pa.float64()),
    ]
)
"""One row per pair of cells: shares of test verdicts over all repeats, and the correlation (phi) of their errors."""

CURVES = pa.schema(
    [
        filled("cell", pa.string()),
        filled("repeat", pa.int32()),
        *(
            nullable(name, pa.float64())
            for name in (
                *("epoch", "iteration", "train_loss", "train_accuracy"),
                *("validation_loss", "validation_accuracy", "seconds"),
            )
        ),
    ]
)
"""Training curves of the networks of a study, one row per evaluation; accuracies are those on samples."""

GROWTH = pa.schema(
    [
        filled("model", pa.string()),
        filled("family", pa.string()),
        filled("measure", pa.string()),
        filled("images", pa.float64()),
        filled("repeat", pa.int32()),
        filled("value", pa.float64()),
    ]
)
"""Cost of runs by their number of training images: `measure` is `seconds` (to fit), `seconds_per_image` (to predict) or
`memory` (peak, MB)."""

EXPONENTS = pa.schema(
    [
        filled("model", pa.string()),
        filled("measure", pa.string()),
        *(nullable(name, pa.float64()) for name in ("exponent", "low", "high", "scale")),
        filled("sizes", pa.int64()),
    ]
)
"""Fitted power laws, measure = scale x images ** exponent, with the 95 % interval of the exponent."""

SHOWN = pa.schema(
    [
        filled("sample_id", pa.string()),
        filled("image_id", pa.string()),
        filled("group", pa.string()),
        filled("row", pa.int32()),
        filled("column", pa.int32()),
        filled("label", pa.string()),
        filled("predicted", pa.string()),
        filled("probability", pa.float64()),
    ]
)
"""Test samples that a study shows, in the order of the arrays stored with the table; `probability` is that of the
predicted class."""

EXPLANATIONS = pa.schema(
    [
        filled("sample_id", pa.string()),
        filled("method", pa.string()),
        filled("region", pa.string()),
        nullable("share", pa.float64()),
        nullable("area", pa.float64()),
        filled("seconds", pa.float64()),
    ]
)
"""One row per explained sample, method and region (`masked`: the manifest's mask, `object`: the mask of the object).
`share` is the part of the weight for the predicted class that falls on the region, `area` the region's share of the
sample's pixels, as expected for weight spread at random. Both are null if no mask is known, if it marks nothing in the
sample, or if no weight supports the class."""

WEIGHT_ON_REGIONS = pa.schema(
    [
        filled("method", pa.string()),
        filled("region", pa.string()),
        nullable("predicted", pa.string()),
        *(nullable(name, pa.float64()) for name in ("share", "area", "difference", "low", "high")),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""Means of `EXPLANATIONS` over samples, one row per method, region and predicted class (null: all samples together);
`low` and `high` bound the 95 % interval of `difference`, which is share minus area."""

EMBEDDING = pa.schema(
    [
        filled("dimensions", pa.int32()),
        filled("sample_id", pa.string()),
        filled("image_id", pa.string()),
        filled("group", pa.string()),
        filled("label", pa.string()),
        *(nullable(name, pa.float64()) for name in ("x", "y", "z")),
    ]
)
"""One row per training sample and number of dimensions of the embedding; `z` is null in two dimensions."""

SEPARATION = pa.schema(
    [
        filled("dimensions", pa.int32()),
        filled("embedded", pa.bool_()),
        filled("measure", pa.string()),
        *(nullable(name, pa.float64()) for name in ("value", "low", "high", "baseline", "divergence", "seconds")),
    ]
)
"""How well classes separate, one row per space (an embedding, or the components it was computed from) and measure:
`neighbours`, the accuracy of a vote of nearest neighbours from other groups, or `silhouette`. `baseline` is the
accuracy of always predicting the most frequent class, and 0 for the silhouette; `divergence` (Kullback-Leibler) is the
loss that t-SNE minimised, `seconds` its running time."""

SAVINGS = pa.schema(
    [
        filled("model", pa.string()),
        filled("scratch", pa.string()),
        *(filled(name, pa.float64()) for name in ("groups", "images", "smallest", "accuracy", "accuracy_pretrained")),
        *(nullable(name, pa.float64()) for name in ("needed", "needed_low", "needed_high")),
        filled("finding", pa.string()),
    ]
)
"""One row per pretrained model and model from scratch: training groups with which the first does as well as the second
does with all `groups`, and the 95 % interval. 0 is fewer than the `smallest` measured, infinity more than all.
`finding` is `saves`, `costs` or `undetermined`."""


def predictions_of_cells_schema(classes: list[str]) -> pa.Schema:
    """Schema of `predictions.parquet` of a study: predictions of many runs, each with the name of its cell."""
    return predictions_schema(classes).insert(0, filled("cell", pa.string()))
