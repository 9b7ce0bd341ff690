"""What columns of the label table are called for people: as the configuration says, or from their names."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = {
    "ul_min": "µL/min",
    "ml_min": "mL/min",
    "ml_h": "mL/h",
    "nm": "nm",
    "um": "µm",
    "mm": "mm",
    "cm": "cm",
    "px": "px",
    "ms": "ms",
    "kg": "kg",
    "mg": "mg",
    "ml": "mL",
    "ul": "µL",
    "kv": "kV",
    "mv": "mV",
    "khz": "kHz",
    "hz": "Hz",
    "deg_c": "°C",
    "percent": "%",
}
"""Units by the last parts of the names of columns; only those that mean nothing else."""


def in_words(column: str, labels: Mapping[str, str]) -> str:
    """The label of a column, or its name with spaces and the unit that it ends in: 'flow rate [µL/min]'."""
    # the manifest's own names are taken
    column = column.removeprefix("table_")
    if column in labels:
        return labels[column]
    for ending, unit in UNITS.items():
        stem = column.lower().removesuffix(f"_{ending}")
        if stem and len(stem) < len(column):
            return f"{column[: len(stem)].replace('_', ' ')} [{unit}]"
    return column.replace("_", " ")
