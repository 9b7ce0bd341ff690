"""Schemas of the tables of images, each declared once."""

from __future__ import annotations

import pyarrow as pa

from gradewise.tables import filled, nullable

MANIFEST = pa.schema(
    [
        filled("image_id", pa.string()),
        filled("path", pa.string()),
        filled("label", pa.string()),
        filled("group", pa.string()),
        nullable("role", pa.string()),
        filled("width", pa.int32()),
        filled("height", pa.int32()),
        filled("mode", pa.string()),
        filled("bits", pa.int8()),
        filled("pixel_hash", pa.string()),
        nullable("pixel_size_nm", pa.float64()),
        filled("bar_rows", pa.int32()),
        nullable("mask", pa.string()),
        nullable("mask_hash", pa.string()),
        nullable("file_hash", pa.string()),
    ]
)
"""One row per image; further columns of the label table follow. `bits` is the number of bits its grey levels use,
`pixel_size_nm` the width of a pixel where the microscope stored it, `bar_rows` the height of the data bar at the
bottom, 0 without one. The hashes are of decoded pixels, of what the mask marks and of the bytes of the file, unless
these are more than its pixels take."""

IMAGES = pa.schema([*(nullable(field.name, field.type) for field in MANIFEST), nullable("reason", pa.string())])
"""One row per listed file: the columns of the manifest, as far as the file can be read, and the `reason` if it cannot
be used; further columns of the label table follow."""

FINGERPRINTS = pa.schema(
    [
        filled("image_id", pa.string()),
        filled("thumbnail", pa.binary()),
        *(
            filled(name, pa.float64())
            for name in (
                *("brightness", "contrast", "sharpness", "black_share", "saturated_share"),
                *("border_red", "border_green", "border_blue"),
            )
        ),
        filled("levels", pa.int32()),
        filled("pages", pa.int32()),
        nullable("masked_share", pa.float64()),
        filled("file_format", pa.string()),
        filled("file_bytes", pa.int64()),
        *(nullable(name, pa.string()) for name in ("camera_make", "camera_model", "software", "taken")),
    ]
)
"""One row per image of the manifest: a small grey picture (`thumbnail`, rows of a square) and facts that do not depend
on its content; `masked_share` is that of its mask."""

KEPT = pa.schema(
    [
        filled("image_id", pa.string()),
        filled("view", pa.string()),
        filled("start", pa.int64()),
        filled("height", pa.int32()),
        filled("width", pa.int32()),
        filled("channels", pa.int32()),
        filled("bits", pa.int8()),
    ]
)
"""Which view made the pixels of an image (`kept.name_of`; empty where they are its own), where they begin [byte], how
many rows, columns and channels they have (0: grey levels without an axis for them), and the bits of each number."""

PRINTS = pa.schema([field for field in FINGERPRINTS if field.name != "thumbnail"])
"""The columns of fingerprints beside the small picture, which takes far more memory than all of them."""

ROWS = 1024
"""Number of images whose facts and small pictures are Python objects at a time, which take many times the memory of a
table."""

DUPLICATES = pa.schema(
    [
        filled("image_id", pa.string()),
        filled("other_image_id", pa.string()),
        filled("kind", pa.string()),
        filled("symmetry", pa.int32()),
        filled("cropped", pa.float64()),
        filled("similarity", pa.float64()),
    ]
)
"""One row per pair of images. Its `kind` is `exact` (copies with equal pixels), `near` (changed copies) or `alike` (not
copies, but too similar to be independent). `symmetry` is the element of `symmetry.permutations` that maps the first to
the other, `cropped` the share of the area that the other lacks (negative if the first lacks it), `similarity` the
correlation of their structure after alignment."""

AUDIT = pa.schema(
    [
        filled("check", pa.string()),
        filled("severity", pa.string()),
        nullable("subject", pa.string()),
        nullable("image_id", pa.string()),
        nullable("other_image_id", pa.string()),
        nullable("value", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        nullable("baseline", pa.float64()),
        filled("text", pa.string()),
    ]
)
"""One row per finding. `severity` is `fact` (neutral), `notice` (worth checking, or already handled) or `warning` (may
invalidate results); `subject` is the class, column or clue concerned; `low` and `high` bound the 95 % interval of
`value`, which should be compared with `baseline`."""

CLUE_PREDICTIONS = pa.schema([filled("image_id", pa.string()), filled("predicted", pa.string())])
"""One row per image of the manifest: the class that facts without content predict, learnt from other groups."""

SPLITS = pa.schema(
    [
        filled("repeat", pa.int32()),
        filled("image_id", pa.string()),
        filled("role", pa.string()),
    ]
)
