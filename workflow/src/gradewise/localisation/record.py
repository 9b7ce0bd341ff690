"""What a model that is handed over takes along to mark in new images where a class shows."""

from __future__ import annotations

from pydantic import Field, FiniteFloat

from gradewise import tables
from gradewise.config.section import Section
from gradewise.results import Results


class Localisation(Section):
    """From which score on a place is marked: the part of `model.json` that prediction needs."""

    label: str = Field(description="the class that is looked for")
    stride: int | None = Field(ge=2, description="from one tile to the next [px]; null: that of the model, see `maps`")
    threshold: FiniteFloat = Field(description="places of at least this score are marked")
    false_alarm_share: float = Field(
        gt=0, lt=1, description="share of the area without defects, of tested images, that is marked by mistake"
    )
    images: int = Field(description="tested images that the threshold comes from")
    groups: int = Field(description="of these images")


def read_localisation(files: Results, model: str, label: str, stride: int | None) -> Localisation | None:
    """What is known of the maps of a model.

    Parameters
    ----------
    files : Results
        Of the dataset, with the table of the step `localise`.
    model : str
    label : str
        The class that was mapped.
    stride : int or None
        Of the tiles of its maps.

    Returns
    -------
    Localisation or None
        None where no maps of the model were measured, or no score keeps to the share of false alarms.
    """
    rows = tables.read(files.table("localisation"))
    rows = rows.loc[(rows["model"] == model) & (rows["metric"] == "threshold")]
    if rows.empty or rows["value"].abs().iloc[0] == float("inf"):
        return None
    row = rows.iloc[0]
    return Localisation(
        label=label,
        stride=stride,
        threshold=row["value"],
        false_alarm_share=row["false_alarm_share"],
        images=int(row["images"]),
        groups=int(row["groups"]),
    )
