"""Schemas of the tables of the evaluation, each declared once."""

from __future__ import annotations

import pyarrow as pa

from gradewise.families.schemas import verdict_fields
from gradewise.tables import filled, nullable

METRICS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        nullable("repeat", pa.int32()),
        filled("role", pa.string()),
        filled("level", pa.string()),
        filled("metric", pa.string()),
        nullable("class", pa.string()),
        nullable("value", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
    ]
)
"""`repeat` is null in rows for all repeats together; `low` and `high` bound the 95 % interval; `images` and `groups`
count the distinct ones that the row is based on. A null value is undefined, a null bound cannot be determined."""

COMPARISONS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("first", pa.string()),
        filled("second", pa.string()),
        filled("baseline", pa.bool_()),
        filled("role", pa.string()),
        filled("level", pa.string()),
        filled("metric", pa.string()),
        nullable("difference", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        nullable("error", pa.float64()),
        nullable("freedom", pa.float64()),
        nullable("p_value", pa.float64()),
        nullable("p_adjusted", pa.float64()),
        nullable("detectable", pa.float64()),
        filled("scale", pa.float64()),
        filled("first_only_right", pa.int64()),
        filled("second_only_right", pa.int64()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
        filled("repeats", pa.int64()),
        filled("collapsed", pa.int64()),
        nullable("error_correlation", pa.float64()),
    ]
)
"""One row per pair of models, and per model and `baseline`: metric of `first` minus that of `second`, over all repeats.

`low` and `high` bound the simultaneous 95 % interval, which leaves out 0 exactly where `p_adjusted` is below 0.05;
`p_value` is that of the pair alone. `error` and `freedom` are the standard error and its degrees of freedom.
`detectable` is the smallest difference that is found with a power of 80 % (null: none is), `scale` the largest
possible one, `collapsed` the number of
repeats in which one of the two predicted one class for everything, `error_correlation` the correlation (phi) between
the two models' mistakes. At `level` sample, `images` and the columns `*_only_right` count samples."""

STANDINGS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("level", pa.string()),
        filled("metric", pa.string()),
        nullable("value", pa.float64()),
        nullable("probability_best", pa.float64()),
        nullable("optimism", pa.float64()),
    ]
)
"""One row per model. `value` is the metric that decides, `probability_best` the probability that the model is the best
on new groups, `optimism` how much better the best model looks than it is, because it was chosen on the same test groups
(the same in all rows)."""

LEAKS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("metric", pa.string()),
        *(
            nullable(f"{what}{bound}", pa.float64())
            for what in ("grouped", "careless", "gap")
            for bound in ("", "_low", "_high")
        ),
        nullable("siblings", pa.float64()),
        filled("grouped_trained", pa.float64()),
        filled("careless_trained", pa.float64()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
        filled("repeats", pa.int64()),
    ]
)
"""One row per model: a metric on test images under the dataset's split (`grouped`), under one that ignores groups
(`careless`), and careless minus grouped (`gap`), each with its 95 % interval. `siblings` is the share of careless test
images whose group also has images in training or validation; `grouped_trained` and `careless_trained` are the numbers
of training groups under either split (means over repeats); `images` and `groups` count those tested in either."""

LEARNING_CURVE = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("share", pa.float64()),
        filled("groups", pa.float64()),
        filled("images", pa.float64()),
        *(
            nullable(f"{what}{bound}", pa.float64())
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
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("groups", pa.float64()),
        filled("images", pa.float64()),
        *(nullable(name, pa.float64()) for name in ("asymptote", "scale", "exponent")),
        *(
            nullable(f"{what}{bound}", pa.float64())
            for what in ("slope", "doubled", "groups_for_a_point")
            for bound in ("", "_low", "_high")
        ),
        filled("finding", pa.string()),
        filled("repeats", pa.int64()),
    ]
)
"""One row per model: what its learning curve says about more data of the same kind.

The fitted error is asymptote + scale x (training groups) ** -exponent. `slope` is the accuracy gained per doubling of
the training groups within the data, `doubled` the gain expected from doubling all of them, `groups_for_a_point` the
number of further groups needed for one percentage point (infinite if the curve never reaches it). `finding` is `grows`,
`flat` or `undetermined`."""

CALIBRATION = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("part", pa.string()),
        filled("share", pa.float64()),
        filled("confidence", pa.float64()),
        nullable("accuracy", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        filled("verdicts", pa.float64()),
    ]
)
"""Calibration on test over all repeats, on images or samples as `decide_on` says. `part` bin: one row per bin of
confidence, with its share of the verdicts and its mean confidence. `part` coverage: one row per share of the most
confident verdicts kept, with the lowest confidence among them."""

SUBGROUPS = pa.schema(
    [
        filled("dataset", pa.string()),
        filled("model", pa.string()),
        filled("column", pa.string()),
        filled("value", pa.string()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
        nullable("accuracy", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        nullable("difference", pa.float64()),
        nullable("expected", pa.float64()),
        nullable("detectable", pa.float64()),
        nullable("p_column", pa.float64()),
        nullable("p_value", pa.float64()),
    ]
)
"""Accuracy on test over all repeats for each value of the manifest's columns, on images or samples as `decide_on` says.
`difference` is that from the other images of the column; `expected` is the accuracy drawn towards that of the other
values; `detectable` is the difference from all images of the column that would be detected with a power of 80 %.
`p_column` tests whether the values of a column differ at all, corrected for the number of columns of the model;
`p_value` tests the value as well, corrected for the number of values."""


def verdicts_schema(classes: list[str]) -> pa.Schema:
    """Schema of `verdicts.parquet`: one row per model, repeat and image."""
    return pa.schema(
        [
            filled("model", pa.string()),
            filled("repeat", pa.int32()),
            filled("role", pa.string()),
            *verdict_fields(classes),
        ]
    )
