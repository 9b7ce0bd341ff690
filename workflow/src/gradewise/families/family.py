"""What a model family is: the contract between a kind of model and everything else.

A family says which settings it has, fits a model with them, reads a stored model back, and tells what a training asks
of a machine. Configuration, rules, comparison, report and studies take the rest from here, so a family is one folder of
this package or one package beside it (`registry` tells how it is found). `check.check_family` tests a family against
the contract.

Importing a family's module must be quick, as the workflow does so while it is parsed: libraries for training belong
inside `fit` and `load`, or in modules that these import.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from gradewise.config.section import Section
from gradewise.resources import Resources

if TYPE_CHECKING:
    from gradewise.families.classifier import Classifier
    from gradewise.families.training_set import TrainingSet

Settings = TypeVar("Settings", bound=Section)


@dataclass(frozen=True)
class Fitted:
    """A model that was fitted.

    Attributes
    ----------
    classifier : Classifier
        Predicts from pixels and writes itself into a folder.
    parameters : int
        How many numbers make up the model.
    device : str
        What it was trained on: "cpu", or the accelerator's name.
    facts : dict
        What else is worth knowing, for `run.json`; as JSON can hold it.
    seconds_elsewhere : float
        Time that belongs to the fit and was spent before it: principal components made for several models at once,
        or an earlier, killed job that this one went on from.
    """

    classifier: Classifier
    parameters: int
    device: str = "cpu"
    facts: dict[str, Any] = field(default_factory=dict)
    seconds_elsewhere: float = 0.0


class Family(ABC, Generic[Settings]):
    """A kind of model.

    Attributes
    ----------
    name : str
        What the configuration calls it (`family: forest`); letters, digits and underscores.
    label : str
        What the report calls it, e.g. "random forest".
    settings : type of Section
        Its settings with their types, defaults and descriptions.
    files : tuple of str
        Names of the files that its classifiers write, all of them, always.
    colour : str or None
        Of its models in figures, as "#rrggbb"; None: the next free one.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    settings: ClassVar[type[Section]]
    files: ClassVar[tuple[str, ...]]
    colour: ClassVar[str | None] = None

    def resources(self, candidates: Sequence[Settings]) -> Resources:
        """What a training asks of a machine; candidates are the settings that it chooses among."""
        return Resources()

    def components(self, settings: Settings) -> int | None:
        """How many principal components of the view it wants fitted beforehand, shared with other models; None: none.

        They are then at `TrainingSet.components`.
        """
        return None

    @abstractmethod
    def fit(self, training: TrainingSet, settings: Settings) -> Fitted:
        """Fit a model.

        The result is the same each time for the same training set, settings, seed and number of threads.

        Raises
        ------
        UserError
            Where the samples or settings do not allow it; the message says what would do.
        """

    @abstractmethod
    def load(self, folder: Path) -> Classifier:
        """Read what a classifier of this family wrote; its predictions are those of the model when it was fitted.

        Raises
        ------
        UserError
            Where a file is not what the family writes.
        """

    def fit_best(self, training: TrainingSet, candidates: Sequence[Settings]) -> tuple[Settings, Fitted]:
        """Fit each candidate and keep the most accurate on validation samples, the first listed where several tie.

        A family overrides this where its candidates can share work.

        Returns
        -------
        settings, fitted
            Where there were several candidates, `facts` has them with their validation accuracies under `tried`.
        """
        from gradewise.families.choose import choose

        choice = choose(
            candidates,
            lambda settings: self.fit(training, settings),
            lambda fitted: training.validation_accuracy(fitted.classifier.predict_proba),
        )
        choice.fitted.facts["tried"] = choice.tried
        return choice.settings, choice.fitted
