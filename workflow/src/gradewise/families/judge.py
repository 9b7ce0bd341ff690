"""How good the verdicts of candidate settings are, by the metric that decides between models.

`candidates` imports this module by its name, and only where there are several candidates. The code of metrics is
therefore no part of what other models depend on, and a new metric trains none of them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from gradewise.config.choosing import ChooseBy
from gradewise.metrics import METRICS, Counts, Metric
from gradewise.verdicts import classify, gather


@dataclass(frozen=True)
class VerdictJudge:
    """Scores the probabilities of some samples.

    Attributes
    ----------
    by : ChooseBy
    classes : list of str
        In the order of the probabilities.
    labels : Series of str
        The manifest's label by image_id, the truth about an image.
    samples : DataFrame
        Rows of `SampleTable.table`: the samples whose probabilities are scored.
    where : str
        What these samples are, for the record.
    """

    by: ChooseBy
    classes: list[str]
    labels: pd.Series
    samples: pd.DataFrame
    where: str

    @cached_property
    def metric(self) -> Metric:
        """The metric that decides; accuracy where some class is absent and the metric needs all of them."""
        images = self.samples["image_id"].drop_duplicates()
        truth = self.labels.loc[images] if self.by.level == "image" else self.samples["label"]
        of_class = truth.value_counts().reindex(self.classes, fill_value=0).to_numpy(dtype=np.float64)
        metric = METRICS[self.by.metric]
        # even verdicts without any mistake have no value then
        undefined = np.isnan(metric.overall(Counts(np.diag(of_class), self._costs)))
        return METRICS["accuracy"] if undefined else metric

    @property
    def described(self) -> dict[str, str]:
        """By what, on what and where candidates are compared, for `run.json`."""
        return {"metric": self.metric.name, "level": self.by.level, "where": self.where}

    def score(self, probabilities: np.ndarray) -> float:
        """The metric of the verdicts under probabilities, shape (n, k), of the samples; NaN where it is undefined."""
        verdicts = self._verdicts(probabilities)
        truth, called = (pd.Categorical(verdicts[name], self.classes).codes for name in ("label", "predicted"))
        confusion = np.zeros((len(self.classes), len(self.classes)))
        np.add.at(confusion, (truth, called), 1)
        return float(self.metric.overall(Counts(confusion, self._costs)))

    def better(self, score: float, other: float) -> bool:
        """Whether a score is better than another; any is better than an undefined one."""
        if np.isnan(score) or np.isnan(other):
            return bool(np.isnan(other) and not np.isnan(score))
        return score < other if self.metric.lower_is_better else score > other

    def _verdicts(self, probabilities: np.ndarray) -> pd.DataFrame:
        if self.by.level == "sample":
            return self.samples.assign(predicted=np.take(self.classes, classify(probabilities, self._costs)))
        columns = {f"p_{name}": probabilities[:, place] for place, name in enumerate(self.classes)}
        predictions = self.samples.assign(**columns)
        return gather(predictions, self.labels, self.classes, self.by.positive, self.by.aggregate, self._costs)

    @property
    def _costs(self) -> np.ndarray | None:
        return None if self.by.costs is None else np.array(self.by.costs)
