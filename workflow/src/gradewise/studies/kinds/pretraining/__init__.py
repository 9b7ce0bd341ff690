"""Kind `pretraining`: models from scratch against pretrained ones, and how many groups pretraining saves."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradewise.config.config import Config
from gradewise.config.models import FittedModel
from gradewise.studies.study import ModelsStudy

LEAST_SIZES = 4
"""Of the training set, all of it included: a curve with three parameters is fitted to them."""


class Study(ModelsStudy):
    """Accuracy against the number of training groups, from the runs of the learning curve."""

    outputs: ClassVar = ("savings.parquet",)

    show: Literal["pretraining"]

    def check(self, key: str, config: Config) -> None:
        """See that the learning curve has models of both kinds, and enough sizes; raises ValueError."""
        super().check(key, config)
        dataset = config.datasets[self.dataset]
        for model in self.models:
            if model not in dataset.curve_models:
                raise ValueError(
                    f"{key}.models: {model!r} has no learning curve; name it in learning_curve of "
                    f"datasets.{self.dataset}"
                )
            if not isinstance(config.models[model], FittedModel):
                raise ValueError(f"{key}.models: {model!r} is a blend; name models that are fitted")
        if len(dataset.shares) + 1 < LEAST_SIZES:
            raise ValueError(
                f"{key}: show: pretraining needs at least {LEAST_SIZES - 1} shares in datasets.{self.dataset}"
            )
        scratch = from_scratch(self.models, config)
        if not scratch or len(scratch) == len(self.models):
            raise ValueError(f"{key}.models: name at least one model with a backbone and one without")


def from_scratch(models: tuple[str, ...], config: Config) -> list[str]:
    """The models that have no backbone, of some."""
    return [name for name in models if getattr(config.models[name], "backbone", None) is None]
