"""The contract between a model family and the rest of the package.

A family declares its settings, fits a model with them, loads a stored model, and says which resources training needs.
Configuration, rules, comparison, report and studies need nothing else, so a family is one folder of this package or a
package installed alongside it (see `registry`). `check.check_family` tests a family against the contract.

Importing a family's module must be quick, because the workflow imports it while it is parsed: import libraries for
training inside `fit` and `load`, or in modules that these import.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from gradewise.config.section import Section
from gradewise.resources import Resources

if TYPE_CHECKING:
    from onnx import ModelProto

    from gradewise.families.classifier import Classifier
    from gradewise.families.training_set import TrainingSet

Settings = TypeVar("Settings", bound=Section)


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    Attributes
    ----------
    classifier : Classifier
        Predicts from pixels and writes its own files.
    parameters : int
        Number of parameters of the model.
    device : str
        Where it was trained: "cpu", or the accelerator's name.
    facts : dict
        Further facts for `run.json`; must be representable as JSON.
    seconds_elsewhere : float
        Time that belongs to the fit but was spent before it: on principal components shared by several models, or in
        an earlier, interrupted job that this one continued [s].
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
        Its name in the configuration (`family: forest`): letters, digits and underscores.
    label : str
        Its name in the report, e.g. "random forest".
    settings : type of Section
        Its settings with types, defaults and descriptions.
    files : tuple of str
        Names of all files that every classifier of the family writes.
    colour : str or None
        Colour of its models in figures, as "#rrggbb"; None: the next free one.
    training_groups : int
        Groups of each class that it needs for training; 2 where it makes folds of the training groups.
    takes_features : bool
        Whether models may learn from features of a backbone, float32 samples of 1 x 1 x d, instead of pixels.
    fit_module : str or None
        Dotted name of a module that imports the libraries which fitting needs, so that their import does not count as
        time of a fit; None: it may count.
    fine_tuning : type of Section or None
        Settings of models that learn from pixels and start from the weights of a backbone, `TrainingSet.pretrained`;
        None if there are no such models. A family does not also take features.
    fine_tuning_module : str or None
        Dotted name of the module that fits and loads such models. It is named, not imported, so that an edit of it
        trains no other models again; None: they have the code of the family.
    one_class : bool
        Whether models learn from samples of one class alone, the one that is not `TrainingSet.positive`.
    onnx_module : str or None
        Dotted name of a module whose function `to_onnx` turns a classifier into an ONNX model, with `graph.Graph`; None
        if there is no such form. It is named, not imported, so that an edit of it trains nothing again.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    settings: ClassVar[type[Section]]
    files: ClassVar[tuple[str, ...]]
    colour: ClassVar[str | None] = None
    training_groups: ClassVar[int] = 1
    takes_features: ClassVar[bool] = False
    fit_module: ClassVar[str | None] = None
    fine_tuning: ClassVar[type[Section] | None] = None
    fine_tuning_module: ClassVar[str | None] = None
    one_class: ClassVar[bool] = False
    onnx_module: ClassVar[str | None] = None

    def settings_with(self, backbone: bool) -> type[Section]:
        """Settings of models with or without a backbone."""
        return self.fine_tuning if backbone and self.fine_tuning is not None else self.settings

    def resources(self, candidates: Sequence[Settings]) -> Resources:
        """Resources for one fit, whichever of the settings it has.

        Where settings are chosen, the workflow requests the time of as many fits as that may take.
        """
        return Resources()

    def components(self, settings: Settings) -> int | None:
        """Number of principal components to fit beforehand and share with other models; None: none.

        They are available as `TrainingSet.components`.
        """
        return None

    def import_libraries(self) -> None:
        """Import `fit_module` before the time of a fit is measured."""
        if self.fit_module is not None:
            import_module(self.fit_module)

    @abstractmethod
    def fit(self, training: TrainingSet, settings: Settings) -> Fitted:
        """Fit a model.

        The result is reproducible for the same training set, settings, seed and number of threads.

        Raises
        ------
        UserError
            If the samples or settings do not allow it; the message says what to change.
        """

    @abstractmethod
    def load(self, folder: Path) -> Classifier:
        """Read a classifier of this family; it predicts exactly as it did when it was fitted.

        Raises
        ------
        UserError
            If a file was not written by the family.
        """

    def to_onnx(self, classifier: Classifier) -> ModelProto | None:
        """A classifier of this family as an ONNX model, which predicts without this package; None: not available.

        Its input `pixels` takes uint8 samples (n, height, width, channels), its output `probabilities` is float32
        (n, classes) and within 1e-5 of `predict_proba`.
        """
        if self.onnx_module is None:
            return None
        model: ModelProto = import_module(self.onnx_module).to_onnx(classifier)
        return model

    def fit_best(self, training: TrainingSet, candidates: Sequence[Settings]) -> tuple[Settings, Fitted]:
        """Fit each candidate and keep the one with the best score on validation samples; the first of several equals.

        `TrainingSet.judge` scores by the metric that decides between the dataset's models. A family overrides this if
        its candidates can share work.

        Returns
        -------
        settings, fitted
            With several candidates, `facts` lists them with their scores, see `choose.Choice`.
        """
        from gradewise.families.choose import choose

        choice = choose(
            candidates,
            lambda settings: self.fit(training, settings),
            lambda fitted: training.predict_validation(fitted.classifier.predict_proba),
            training.judge,
        )
        choice.fitted.facts.update(choice.facts)
        return choice.settings, choice.fitted
