"""What goes with a model that is handed over, for use by prediction: a part for each topic."""

from __future__ import annotations

from pydantic import Field

from gradewise import tables
from gradewise.config.section import Section
from gradewise.judgement.sets import PredictionSets, Threshold
from gradewise.judgement.shares import Shares
from gradewise.judgement.strangeness import Unknown
from gradewise.localisation.record import Localisation
from gradewise.results import Results


class Judgement(Section):
    """What a model's probabilities mean in use, from what the tested models said of images that they had not seen."""

    prediction_sets: PredictionSets | None = None
    unknown: Unknown | None = None
    shares: Shares | None = Field(default=None, description="probabilities are adjusted to these; null: they are not")
    localisation: Localisation | None = None


def read_judgement(files: Results, model: str) -> Judgement:
    """What is known of a model of a dataset."""
    rows = tables.read(files.table("prediction_sets"))
    rows = rows.loc[(rows["model"] == model) & rows["class"].isna()]
    thresholds = [
        Threshold(coverage=coverage, least_probability=least)
        for coverage, least in zip(rows["coverage"], rows["least_probability"], strict=True)
    ]
    return Judgement(prediction_sets=PredictionSets(groups=int(rows["groups"].iloc[0]), thresholds=tuple(thresholds)))
