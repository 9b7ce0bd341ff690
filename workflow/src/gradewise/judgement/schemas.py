"""Schemas of the tables of the judgement in use, each declared once."""

from __future__ import annotations

import pyarrow as pa

from gradewise.tables import filled, nullable

HELD_OUT = "held-out"
"""The kind of images that are as those of training."""

UNKNOWN = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("views", pa.list_(pa.string())),
        filled("units", pa.list_(pa.float64())),
        filled("kind", pa.string()),
        filled("threshold", pa.float64()),
        filled("false_alarms", pa.float64()),
        *(nullable(f"{what}{bound}", pa.float64()) for what in ("flagged", "auroc") for bound in ("", "_low", "_high")),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""One row per model and kind of image.

`views` are the views whose samples are compared, and features of them (`view@backbone`); `units` is what strangeness
in each is divided by.
`threshold` is the strangeness from which an image is unknown, from all tested groups, and `false_alarms` the share of
tested images that it allows for. `flagged` is the share of images above
the threshold: for `held-out` images that of the other groups, and each group counts alike. `auroc` is the probability
that an image of the kind is stranger than a held-out one; null for these."""

PREDICTION_SETS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("coverage", pa.float64()),
        nullable("class", pa.string()),
        nullable("least_probability", pa.float64()),
        *(
            nullable(f"{what}{bound}", pa.float64())
            for what in ("covered", "several", "right_alone")
            for bound in ("", "_low", "_high")
        ),
        nullable("size", pa.float64()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""One row per model and coverage that the groups can support, and at some coverages one per class.

`least_probability` is that of the classes in a set, from all groups; null in rows of a class. The other columns were
measured with the thresholds of all groups but the image's own, and each group counts alike: `covered` is the share of
images whose set holds the true class, `several` the share whose set holds more than one class, `right_alone` the share
of the others whose class is the true one, `size` the mean number of classes in a set. They are null where nothing was
measured."""

SUSPECT_LABELS = pa.schema(
    [
        filled("image_id", pa.string()),
        filled("path", pa.string()),
        filled("group", pa.string()),
        filled("label", pa.string()),
        filled("predicted", pa.string()),
        filled("probability", pa.float64()),
        filled("probability_of_label", pa.float64()),
        filled("tests", pa.int64()),
    ]
)
"""One row per image whose label is worth a second look, the least probable label first. Both probabilities, that of the
class `predicted` and that of the label, are means over the `tests` of the image, over models and repeats."""

LOOK_ALIKES = pa.schema(
    [
        *(
            filled(f"{which}{name}", pa.string())
            for which in ("", "other_")
            for name in ("image_id", "path", "group", "label")
        ),
        filled("similarity", pa.float64()),
    ]
)
"""One row per pair of images of different groups that a split parts, the most similar first. `similarity` is the cosine
of the angle between their features, which were standardised over the images of the dataset."""

RESEMBLANCE = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("features", pa.string()),
        filled("third", pa.string()),
        filled("similarity", pa.float64()),
        *(nullable(f"{what}{bound}", pa.float64()) for what in ("accuracy", "gap") for bound in ("", "_low", "_high")),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""One row per model and third of the test images of each repeat, by how similar they are to the most similar image of
another group that was not tested: `most`, `middle` and `least`. `similarity` is the median of the third; `gap` is the
accuracy on the first third less that on the last one, the same in all rows of a model."""

THRESHOLDS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("threshold", pa.float64()),
        filled("least_cost", pa.bool_()),
        *(
            nullable(f"{what}{bound}", pa.float64())
            for what in ("missed", "false_alarms", "cost")
            for bound in ("", "_low", "_high")
        ),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""One row per model and threshold, measured on test images over all repeats. `missed` is the share of images that are
given a lower class than the true one, of those that are not of the lowest; `false_alarms` the share that are given a
higher one, of those that are not of the highest; `cost` that of 100 verdicts. `least_cost` marks the threshold that
costs least on validation."""

EXPECTED_SHARES = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("metric", pa.string()),
        nullable("class", pa.string()),
        nullable("tested", pa.float64()),
        *(nullable(name, pa.float64()) for name in ("value", "low", "high")),
        *(nullable(name, pa.float64()) for name in ("adjusted", "adjusted_low", "adjusted_high")),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""One row per model, metric and class, on test images over all repeats: `tested` is the value under the mix of classes
of the test, `value` the one under `expected_shares`, with its 95 % interval, and `adjusted` that of verdicts whose
probabilities were adjusted to these shares; null where they cannot be."""
