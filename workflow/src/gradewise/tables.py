"""Schemas of all tables, each declared once, and the functions that read and write them.

Writing checks columns and types and is atomic: no partial file ever appears.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def _filled(name: str, kind: pa.DataType) -> pa.Field:
    """A column that has a value in every row."""
    return pa.field(name, kind, nullable=False)


def _nullable(name: str, kind: pa.DataType) -> pa.Field:
    """A column that may lack a value."""
    return pa.field(name, kind)


MANIFEST = pa.schema(
    [
        _filled("image_id", pa.string()),
        _filled("path", pa.string()),
        _filled("label", pa.string()),
        _filled("group", pa.string()),
        _nullable("role", pa.string()),
        _filled("width", pa.int32()),
        _filled("height", pa.int32()),
        _filled("mode", pa.string()),
        _filled("bits", pa.int8()),
        _filled("pixel_hash", pa.string()),
        _nullable("mask", pa.string()),
    ]
)
"""One row per image; further columns of the label table follow. `bits` is the number of bits its grey levels use."""

IMAGES = pa.schema([*(_nullable(field.name, field.type) for field in MANIFEST), _nullable("reason", pa.string())])
"""One row per listed file: the columns of the manifest, as far as the file can be read, and the `reason` if it cannot
be used; further columns of the label table follow."""

FINGERPRINTS = pa.schema(
    [
        _filled("image_id", pa.string()),
        _filled("thumbnail", pa.binary()),
        *(
            _filled(name, pa.float64())
            for name in (
                *("brightness", "contrast", "sharpness", "black_share", "saturated_share"),
                *("border_red", "border_green", "border_blue"),
            )
        ),
        _filled("file_format", pa.string()),
        _filled("file_bytes", pa.int64()),
        *(_nullable(name, pa.string()) for name in ("camera_make", "camera_model", "software", "taken")),
    ]
)
"""One row per image of the manifest: a small grey picture (`thumbnail`, rows of a square) and facts that do not depend
on its content."""

DUPLICATES = pa.schema(
    [
        _filled("image_id", pa.string()),
        _filled("other_image_id", pa.string()),
        _filled("kind", pa.string()),
        _filled("symmetry", pa.int32()),
        _filled("cropped", pa.float64()),
        _filled("similarity", pa.float64()),
    ]
)
"""One row per pair of images. Its `kind` is `exact` (copies with equal pixels), `near` (changed copies) or `alike` (not
copies, but too similar to be independent). `symmetry` is the element of `symmetry.permutations` that maps the first to
the other, `cropped` the share of the area that the other lacks (negative if the first lacks it), `similarity` the
correlation of their structure after alignment."""

AUDIT = pa.schema(
    [
        _filled("check", pa.string()),
        _filled("severity", pa.string()),
        _nullable("subject", pa.string()),
        _nullable("image_id", pa.string()),
        _nullable("other_image_id", pa.string()),
        _nullable("value", pa.float64()),
        _nullable("low", pa.float64()),
        _nullable("high", pa.float64()),
        _nullable("baseline", pa.float64()),
        _filled("text", pa.string()),
    ]
)
"""One row per finding. `severity` is `fact` (neutral), `notice` (worth checking, or already handled) or `warning` (may
invalidate results); `subject` is the class, column or clue concerned; `low` and `high` bound the 95 % interval of
`value`, which should be compared with `baseline`."""

SPLITS = pa.schema(
    [
        _filled("repeat", pa.int32()),
        _filled("image_id", pa.string()),
        _filled("role", pa.string()),
    ]
)

METRICS = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("model", pa.string()),
        _nullable("repeat", pa.int32()),
        _filled("role", pa.string()),
        _filled("level", pa.string()),
        _filled("metric", pa.string()),
        _nullable("class", pa.string()),
        _nullable("value", pa.float64()),
        _nullable("low", pa.float64()),
        _nullable("high", pa.float64()),
        _filled("images", pa.int64()),
        _filled("groups", pa.int64()),
    ]
)
"""`repeat` is null in rows for all repeats together; `low` and `high` bound the 95 % interval; `images` and `groups`
count the distinct ones that the row is based on. A null value is undefined, a null bound cannot be determined."""

COMPARISONS = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("first", pa.string()),
        _filled("second", pa.string()),
        _filled("role", pa.string()),
        _filled("level", pa.string()),
        _filled("metric", pa.string()),
        _nullable("difference", pa.float64()),
        _nullable("low", pa.float64()),
        _nullable("high", pa.float64()),
        _nullable("p_value", pa.float64()),
        _nullable("p_holm", pa.float64()),
        _filled("test", pa.string()),
        _filled("first_only_right", pa.int64()),
        _filled("second_only_right", pa.int64()),
        _filled("images", pa.int64()),
        _filled("groups", pa.int64()),
        _filled("repeats", pa.int64()),
        _nullable("detectable", pa.float64()),
        _nullable("error_correlation", pa.float64()),
    ]
)
"""One row per pair of models: metric of `first` minus metric of `second`, over all repeats.

`detectable` is the smallest difference that the test would detect with a power of 80 % (null: no difference is
detectable), `error_correlation` the correlation (phi) between the two models' mistakes. At `level` sample, `images` and
the columns `*_only_right` count samples."""

LEAKS = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("model", pa.string()),
        _filled("metric", pa.string()),
        *(
            _nullable(f"{what}{bound}", pa.float64())
            for what in ("grouped", "careless", "gap")
            for bound in ("", "_low", "_high")
        ),
        _nullable("siblings", pa.float64()),
        _filled("images", pa.int64()),
        _filled("groups", pa.int64()),
        _filled("repeats", pa.int64()),
    ]
)
"""One row per model: a metric on test images under the dataset's split (`grouped`), under one that ignores groups
(`careless`), and careless minus grouped (`gap`), each with its 95 % interval. `siblings` is the share of careless test
images whose group also has images in training or validation; `images` and `groups` count those tested in either."""

LEARNING_CURVE = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("model", pa.string()),
        _filled("share", pa.float64()),
        _filled("groups", pa.float64()),
        _filled("images", pa.float64()),
        *(
            _nullable(f"{what}{bound}", pa.float64())
            for what in ("accuracy", "fitted")
            for bound in ("", "_low", "_high")
        ),
    ]
)
"""One row per model and size of the training set: `share` of all training groups, and the numbers of groups and images
(means over repeats). `accuracy` is measured on test images and null at sizes where no model was fitted, such as shares
above 1; `fitted` is the value of the fitted curve. Bounds are those of 95 % intervals."""

EXTRAPOLATIONS = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("model", pa.string()),
        _filled("groups", pa.float64()),
        _filled("images", pa.float64()),
        *(_nullable(name, pa.float64()) for name in ("asymptote", "scale", "exponent")),
        *(
            _nullable(f"{what}{bound}", pa.float64())
            for what in ("slope", "doubled", "groups_for_a_point")
            for bound in ("", "_low", "_high")
        ),
        _filled("finding", pa.string()),
        _filled("repeats", pa.int64()),
    ]
)
"""One row per model: what its learning curve says about more data of the same kind.

The fitted error is asymptote + scale x (training groups) ** -exponent. `slope` is the accuracy gained per doubling of
the training groups within the data, `doubled` the gain expected from doubling all of them, `groups_for_a_point` the
number of further groups needed for one percentage point (infinite if the curve never reaches it). `finding` is `grows`,
`flat` or `undetermined`."""


CALIBRATION = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("model", pa.string()),
        _filled("part", pa.string()),
        _filled("share", pa.float64()),
        _filled("confidence", pa.float64()),
        _nullable("accuracy", pa.float64()),
        _nullable("low", pa.float64()),
        _nullable("high", pa.float64()),
        _filled("verdicts", pa.float64()),
    ]
)
"""Calibration on test over all repeats, on images or samples as `decide_on` says. `part` bin: one row per bin of
confidence, with its share of the verdicts and its mean confidence. `part` coverage: one row per share of the most
confident verdicts kept, with the lowest confidence among them."""

SUBGROUPS = pa.schema(
    [
        _filled("dataset", pa.string()),
        _filled("model", pa.string()),
        _filled("column", pa.string()),
        _filled("value", pa.string()),
        _filled("images", pa.int64()),
        _filled("groups", pa.int64()),
        _nullable("accuracy", pa.float64()),
        _nullable("low", pa.float64()),
        _nullable("high", pa.float64()),
        _nullable("difference", pa.float64()),
        _nullable("p_value", pa.float64()),
        _nullable("p_holm", pa.float64()),
    ]
)
"""Accuracy on test over all repeats for each value of the manifest's columns, on images or samples as `decide_on` says.
`difference` is that from the rest of the test; `p_holm` is corrected for the number of subgroups of the model."""


CELLS = pa.schema(
    [
        _filled("cell", pa.string()),
        _filled("settings", pa.string()),
        _filled("measure", pa.string()),
        _nullable("value", pa.float64()),
        _nullable("low", pa.float64()),
        _nullable("high", pa.float64()),
        _nullable("spread", pa.float64()),
        _filled("images", pa.int64()),
        _filled("groups", pa.int64()),
        _filled("repeats", pa.int64()),
    ]
)
"""One row per cell and measure, over all repeats, in the order of the configuration. `settings` holds the varied ones
as JSON; a setting chosen on validation is a list of the values chosen, one per repeat. Accuracies have the bounds of
95 % intervals; `spread` is the standard deviation over repeats. The cell named ``*`` has the measures `vote`, the test
accuracy of a majority vote of all cells, and `any_right`, the share of test images that at least one cell gets
right."""

AGREEMENTS = pa.schema(
    [
        _filled("first", pa.string()),
        _filled("second", pa.string()),
        _nullable("error_correlation", pa.float64()),
        _filled("both_wrong", pa.float64()),
        _filled("first_only_wrong", pa.float64()),
        _filled("second_only_wrong", pa.float64()),
    ]
)
"""One row per pair of cells: shares of test verdicts over all repeats, and the correlation (phi) of their errors."""

CURVES = pa.schema(
    [
        _filled("cell", pa.string()),
        _filled("repeat", pa.int32()),
        *(
            _nullable(name, pa.float64())
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
        _filled("model", pa.string()),
        _filled("family", pa.string()),
        _filled("measure", pa.string()),
        _filled("images", pa.float64()),
        _filled("repeat", pa.int32()),
        _filled("value", pa.float64()),
    ]
)
"""Cost of runs by their number of training images: `measure` is `seconds` (to fit), `seconds_per_image` (to predict) or
`memory` (peak, MB)."""

EXPONENTS = pa.schema(
    [
        _filled("model", pa.string()),
        _filled("measure", pa.string()),
        *(_nullable(name, pa.float64()) for name in ("exponent", "low", "high", "scale")),
        _filled("sizes", pa.int64()),
    ]
)
"""Fitted power laws, measure = scale x images ** exponent, with the 95 % interval of the exponent."""

SHOWN = pa.schema(
    [
        _filled("sample_id", pa.string()),
        _filled("image_id", pa.string()),
        _filled("group", pa.string()),
        _filled("row", pa.int32()),
        _filled("column", pa.int32()),
        _filled("label", pa.string()),
        _filled("predicted", pa.string()),
        _filled("probability", pa.float64()),
    ]
)
"""Test samples that a study shows, in the order of the arrays stored with the table; `probability` is that of the
predicted class."""

EXPLANATIONS = pa.schema(
    [
        _filled("sample_id", pa.string()),
        _filled("method", pa.string()),
        _filled("region", pa.string()),
        _nullable("share", pa.float64()),
        _nullable("area", pa.float64()),
        _filled("seconds", pa.float64()),
    ]
)
"""One row per explained sample, method and region (`masked`: the manifest's mask, `object`: the mask of the object).
`share` is the part of the weight for the predicted class that falls on the region, `area` the region's share of the
sample's pixels, as expected for weight spread at random. Both are null if no mask is known, if it marks nothing in the
sample, or if no weight supports the class."""

WEIGHT_ON_REGIONS = pa.schema(
    [
        _filled("method", pa.string()),
        _filled("region", pa.string()),
        _nullable("predicted", pa.string()),
        *(_nullable(name, pa.float64()) for name in ("share", "area", "difference", "low", "high")),
        _filled("images", pa.int64()),
        _filled("groups", pa.int64()),
    ]
)
"""Means of `EXPLANATIONS` over samples, one row per method, region and predicted class (null: all samples together);
`low` and `high` bound the 95 % interval of `difference`, which is share minus area."""

EMBEDDING = pa.schema(
    [
        _filled("dimensions", pa.int32()),
        _filled("sample_id", pa.string()),
        _filled("image_id", pa.string()),
        _filled("group", pa.string()),
        _filled("label", pa.string()),
        *(_nullable(name, pa.float64()) for name in ("x", "y", "z")),
    ]
)
"""One row per training sample and number of dimensions of the embedding; `z` is null in two dimensions."""

SEPARATION = pa.schema(
    [
        _filled("dimensions", pa.int32()),
        _filled("embedded", pa.bool_()),
        _filled("measure", pa.string()),
        *(_nullable(name, pa.float64()) for name in ("value", "low", "high", "baseline", "divergence", "seconds")),
    ]
)
"""How well classes separate, one row per space (an embedding, or the components it was computed from) and measure:
`neighbours`, the accuracy of a vote of nearest neighbours from other groups, or `silhouette`. `baseline` is the
accuracy of always predicting the most frequent class, and 0 for the silhouette; `divergence` (Kullback-Leibler) is the
loss that t-SNE minimised, `seconds` its running time."""


def predictions(classes: list[str]) -> pa.Schema:
    """Schema of `predictions.parquet`: one row per sample, one probability per class."""
    return pa.schema(
        [
            _filled("sample_id", pa.string()),
            *_verdict_fields(classes)[:2],
            _filled("role", pa.string()),
            _filled("row", pa.int32()),
            _filled("column", pa.int32()),
            *_verdict_fields(classes)[2:],
        ]
    )


def predictions_of_cells(classes: list[str]) -> pa.Schema:
    """Schema of `predictions.parquet` of a study: predictions of many runs, each with the name of its cell."""
    return predictions(classes).insert(0, _filled("cell", pa.string()))


def verdicts(classes: list[str]) -> pa.Schema:
    """Schema of `verdicts.parquet`: one row per model, repeat and image."""
    return pa.schema(
        [
            _filled("model", pa.string()),
            _filled("repeat", pa.int32()),
            _filled("role", pa.string()),
            *_verdict_fields(classes),
        ]
    )


def _verdict_fields(classes: list[str]) -> list[pa.Field]:
    return [
        _filled("image_id", pa.string()),
        _filled("group", pa.string()),
        _filled("label", pa.string()),
        _filled("predicted", pa.string()),
        *(_filled(f"p_{name}", pa.float32()) for name in classes),
    ]


def samples(pixel_bytes: int, metadata: dict[str, Any]) -> pa.Schema:
    """Schema of a view's cache: one row per sample, its pixels as `pixel_bytes` bytes in row-major order.

    Parameters
    ----------
    pixel_bytes : int
        height x width x channels.
    metadata : dict
        Stored in the file as JSON under the key ``gradewise``; contains at least ``shape`` and ``view``.
    """
    return pa.schema(
        [
            _filled("sample_id", pa.string()),
            _filled("image_id", pa.string()),
            _filled("row", pa.int32()),
            _filled("column", pa.int32()),
            _filled("label", pa.string()),
            _nullable("masked_fraction", pa.float32()),
            _filled("pixels", pa.binary(pixel_bytes)),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )


def features(components: int, metadata: dict[str, Any]) -> pa.Schema:
    """Schema of a feature cache: one row per sample, its principal component scores as a fixed-size list."""
    return pa.schema(
        [
            _filled("sample_id", pa.string()),
            _filled("scores", pa.list_(pa.float32(), components)),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )


def read(
    path: Path, columns: list[str] | None = None, role: str | None = None, cell: str | None = None
) -> pd.DataFrame:
    """Read a table, or only its rows with a `role` or `cell`."""
    wanted = [(name, "==", value) for name, value in (("role", role), ("cell", cell)) if value is not None]
    return pq.read_table(path, columns=columns, filters=wanted or None).to_pandas()


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of files with the schema `samples` or `features`."""
    metadata: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"gradewise"])
    return metadata


def write(frame: pd.DataFrame, path: Path, schema: pa.Schema) -> None:
    """Write a table; columns that are not in the schema follow with their own types.

    Raises
    ------
    KeyError, ValueError, pyarrow.ArrowTypeError
        If a column is missing, contains forbidden nulls, or has another type.
    """
    further = [name for name in frame.columns if name not in schema.names]
    for name in further:
        schema = schema.append(_nullable(name, pa.Array.from_pandas(frame[name]).type))
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    with replacing(path) as partial:
        pq.write_table(table, partial)


@contextmanager
def appending(path: Path, schema: pa.Schema) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Function that appends rows to a table, holding only the rows of one call in memory; see `write`."""
    with replacing(path) as partial, pq.ParquetWriter(partial, schema) as writer:

        def append(frame: pd.DataFrame) -> None:
            writer.write_table(pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False))

        yield append


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Temporary path that becomes `path` when the block succeeds and is removed when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
