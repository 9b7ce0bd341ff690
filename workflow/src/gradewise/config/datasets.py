"""A dataset: labelled images, how they are split, and which models are compared on them."""

from __future__ import annotations

import hashlib
import itertools
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticKnownError

from gradewise.config.aggregation import Aggregate, Top
from gradewise.config.choosing import ChooseBy
from gradewise.config.deployment import RECOMMENDED, Deploy, LabelledImages
from gradewise.config.evaluation import Evaluation
from gradewise.config.localisation import Localise
from gradewise.config.section import LONGEST_NAME, NAME, short, suggestion, to_json
from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.config.sources import Source, Table
from gradewise.config.unknown import Unknown
from gradewise.metrics import METRICS, Metric, deciding

TAKEN = ("monitor", "studies")
"""Pages of a dataset beside its report, after which no new images can be named."""


def _deciding(word: str) -> str:
    if word not in deciding():
        raise PydanticKnownError("literal_error", {"expected": ", ".join(map(repr, deciding()))})
    return word


class Dataset(Source):
    """Labelled images, how they are split and which models are compared on them."""

    join_duplicates: bool | Literal["exact"] = Field(
        True, description="copies share a group: including changed ones (true), only those with equal pixels, or none"
    )
    simulate: Annotated[NanofibreSimulation | MangoSimulation, Field(discriminator="kind")] | None = None
    ordered: bool = Field(False, description="classes are grades: adds kappa, adjacent accuracy and grade error")
    mask_fraction: float = Field(0.02, gt=0, le=1, description="masked share that makes a tile positive")
    aggregate: Aggregate = Field("mean", description="how tiles are combined into a verdict on the image")
    costs: dict[str, dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]] | None = Field(
        None,
        description="cost of a mistake: {true class: {predicted class: cost}} for every pair of different classes; a "
        "correct prediction costs 0 unless given",
    )
    expected_shares: dict[str, Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        None,
        description="share of each class in use, {A: 0.8, B: 0.2}, where it differs from that of these images: the "
        "report then tells accuracy, predictive values and cost under that mix as well; deploy: "
        "{adjust_probabilities: true} has the model adjust to it",
    )
    decide_by: Annotated[str, AfterValidator(_deciding)] | None = Field(
        None,
        description="metric that ranks models; cost needs costs, and verdicts are then the classes of least expected "
        "cost; metrics of grades need ordered: true; null: accuracy, with a warning where classes are out of balance",
        json_schema_extra={"enum": [*deciding(), None]},
    )
    decide_on: Literal["image", "sample"] | None = Field(
        None,
        description="what the recommendation and comparisons are based on: whole images or single samples (tiles); "
        "null: samples if masks label them, otherwise images",
    )
    equivalence: float | None = Field(
        None,
        gt=0,
        description="differences smaller than this do not matter in practice, e.g. 0.02 for two percentage points of "
        "accuracy; in units of decide_by (costs: per 100 verdicts); null: every difference matters",
    )
    required: float | None = Field(
        None,
        description="value of decide_by, at its 95 % interval, from which the report calls a model ready, e.g. 0.95; "
        "null: where it avoids 80 % of the errors of always predicting one class",
    )
    faster: Literal["training", "prediction"] = Field(
        "training",
        description="of models shown to be at most equivalence worse than the best, the one that is faster at this is "
        "recommended; without equivalence always the best",
    )
    evaluation: Evaluation = Field(
        default_factory=lambda: Evaluation.model_validate({"folds": 5, "repeats": 1}),
        description="default: {folds: 5, repeats: 1}",
    )
    models: tuple[str, ...] = Field(min_length=1)
    leak_test: tuple[str, ...] | bool = Field(
        (), description="models to fit again on a split that ignores groups; true: all of them"
    )
    learning_curve: tuple[str, ...] | bool = Field(
        (), description="models to fit again on parts of the training groups; true: all of them"
    )
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.125, 0.25, 0.5), min_length=1, description="shares of the training groups for the learning curve"
    )

    localise: Localise | bool = Field(
        False,
        description="maps of where the positive class shows in test images, compared with masks where there are any; "
        "true: with the settings that are best for most",
    )
    attributions: bool = Field(
        True,
        description="maps of where the recommended model looks in typical, borderline and wrong test images of each "
        "class, in the report",
    )
    shards: int | None = Field(
        None,
        ge=1,
        le=500,
        description="jobs that cut the samples of a view, and that compute features of them, side by side; null: one "
        "for 20,000 images, for features one for 2,000; another number makes both again",
    )
    labels: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="what columns of the label table are called in the report, with their units: {flow_rate: flow rate "
        "[µL/min]}; others are called by their names",
    )
    deploy: Deploy | Literal[False] = Field(
        default_factory=lambda: Deploy(),
        description="the model that is handed over in results/<dataset>/deployed; false: none",
    )
    unknown: Unknown | Literal[False] = Field(
        default_factory=lambda: Unknown(),
        description="when a new image counts as unlike those of training; false: never",
    )
    apply: dict[str, str | LabelledImages] = Field(
        default_factory=dict,
        description="new images that the model is applied to, by name: a folder, {may: photos/may}, or labelled "
        "images, on which it is tested, {line-2: {images: photos/line-2}}",
    )

    @property
    def adjusts(self) -> bool:
        """Whether the model that is handed over adjusts its probabilities to the expected shares of classes."""
        return bool(self.deploy and self.deploy.adjust_probabilities)

    def may_hand_over(self, model: str) -> bool:
        """Whether a model of the dataset's list may be the one that is handed over."""
        return bool(self.deploy and self.deploy.model in (RECOMMENDED, model))

    @property
    def unadjustable(self) -> str | None:
        """Why the probabilities of verdicts cannot be adjusted to other shares of classes; None if they can."""
        if self.labels_from == "masks":
            return "with labels_from: masks, they belong to the shares of tiles, not to those of images"
        if self.aggregate != "mean":
            return "only means of the probabilities of an image's samples can be adjusted (aggregate: mean)"
        return None

    @property
    def labelled(self) -> dict[str, LabelledImages]:
        """New images with labels, by name."""
        return {name: images for name, images in self.apply.items() if isinstance(images, LabelledImages)}

    @property
    def leak_models(self) -> tuple[str, ...]:
        """Models of the leak test."""
        return self._chosen(self.leak_test)

    @property
    def curve_models(self) -> tuple[str, ...]:
        """Models with a learning curve."""
        return self._chosen(self.learning_curve)

    def _chosen(self, models: tuple[str, ...] | bool) -> tuple[str, ...]:
        if isinstance(models, bool):
            return self.models if models else ()
        return models

    @property
    def share_names(self) -> dict[str, float]:
        """Shares of the learning curve by name, in whole per cent, largest first: share-50, share-25, share-12."""
        return {f"share-{int(round(100 * share, 6))}": share for share in sorted(self.shares, reverse=True)}

    @model_validator(mode="after")
    def _check_further_runs(self) -> Dataset:
        for field in ("leak_test", "learning_curve"):
            for name in self._chosen(getattr(self, field)):
                if name not in self.models:
                    raise ValueError(
                        f"{field}: {name!r} is not one of the dataset's models.{suggestion(name, self.models)} "
                        f"Its models: {', '.join(self.models)}"
                    )
        if len(self.share_names) < len(self.shares):
            raise ValueError(f"shares: {list(self.shares)} must differ in whole per cent")
        return self

    @property
    def localisation(self) -> Localise | None:
        """The settings of maps; None where there are none."""
        if isinstance(self.localise, bool):
            return Localise.model_validate({}) if self.localise else None
        return self.localise

    @model_validator(mode="after")
    def _check_localisation(self) -> Dataset:
        if self.localisation is None:
            return self
        if self.positive is None:
            raise ValueError(
                "localise: needs positive, the class that is looked for, such as that of images with defects"
            )
        for name in self.localisation.models or ():
            if name not in self.models:
                raise ValueError(
                    f"localise.models: {name!r} is not one of the dataset's models.{suggestion(name, self.models)} "
                    f"Its models: {', '.join(self.models)}"
                )
        return self

    @model_validator(mode="after")
    def _check_deployment(self) -> Dataset:
        if self.deploy and self.deploy.model not in (RECOMMENDED, *self.models):
            name = self.deploy.model
            raise ValueError(
                f"deploy.model: {name!r} is not one of the dataset's models.{suggestion(name, self.models)} "
                f"Its models: {', '.join(self.models)}; or {RECOMMENDED}"
            )
        if self.adjusts and self.expected_shares is None:
            raise ValueError(
                "deploy.adjust_probabilities: needs expected_shares, the share of each class in use, such as {A: 0.8, "
                "B: 0.2}"
            )
        if self.adjusts and self.unadjustable is not None:
            raise ValueError(f"deploy.adjust_probabilities: impossible here, since {self.unadjustable}; leave it out")
        if self.apply and not self.deploy:
            raise ValueError("apply: there is no model to apply, since deploy is false; leave out one of the two")
        for name in self.apply:
            if name in TAKEN:
                raise ValueError(
                    f"apply: {name!r} is the name of another page, reports/<dataset>-{name}.html; change it"
                )
            if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
                raise ValueError(
                    f"apply: {short(name)} cannot be a file name; use letters, digits, dot, dash, underscore, at most "
                    f"{LONGEST_NAME}"
                )
        return self

    @model_validator(mode="after")
    def _check_consistency(self) -> Dataset:
        sources = [name for name in ("simulate", "images", "tables") if getattr(self, name) is not None]
        if len(sources) != 1:
            raise ValueError(f"give exactly one of simulate, images and tables (found: {', '.join(sources) or 'none'})")
        for field in ("classes", "models"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: {list(values)} contains a name twice")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"positive: {self.positive!r} is not one of classes {list(self.classes)}")
        if self.merge is not None:
            self._check_merge(self.merge)
        if self.costs is not None:
            self._check_costs(self.costs)
        if self.expected_shares is not None:
            self._check_shares(self.expected_shares)
        if self.required is not None and self._decisive.unit == "share" and not 0 < self.required <= 1:
            raise ValueError(
                f"required: {self.required:g} is not between 0 and 1; {self._decisive.name} is a share, 0.95 for 95 %"
            )
        missing = self._decisive.missing(self.ordered, self.costs is not None)
        if missing == "costs":
            raise ValueError(f"decide_by: {self.decide_by} needs costs: {{true class: {{predicted class: cost}}}}")
        if missing == "grades":
            raise ValueError(f"decide_by: {self.decide_by} needs grades; set ordered: true, or decide by accuracy")
        if self.labels_from == "masks":
            if self.masks is None and self.simulate is None:
                raise ValueError("labels_from: masks needs masks: the folder that contains them")
            if self.positive is None or len(self.classes) != 2:
                raise ValueError("labels_from: masks needs two classes and positive: the one that masks mark")
        if (isinstance(self.aggregate, Top) or self.aggregate == "max") and (
            self.positive is None or len(self.classes) != 2
        ):
            raise ValueError("aggregate: max and {top: n} need two classes and positive")
        if self.aggregate == "vote" and self.verdict_costs is not None:
            raise ValueError(
                f"aggregate: vote gives no probabilities, and decide_by: {self.decide_by} predicts the class of least "
                "expected cost; use mean, max or {top: n}"
            )
        if self.evaluation.train_only is not None:
            self._check_train_only(self.evaluation.train_only)
        if self.evaluation.predefined:
            roles = {table.role for table in self.tables or ()}
            if self.tables is None or not {"train", "test"} <= roles or None in roles:
                raise ValueError(
                    "evaluation: {predefined: true} needs tables, each with role: train, validation or test, "
                    "and at least one each of train and test"
                )
        return self

    def _check_train_only(self, normal: str) -> None:
        if normal not in self.classes:
            raise ValueError(
                f"evaluation.train_only: {normal!r} is not one of classes {list(self.classes)}."
                f"{suggestion(normal, self.classes)}"
            )
        if self.positive is None or len(self.classes) != 2 or normal == self.positive:
            raise ValueError(
                f"evaluation.train_only: {normal!r} needs two classes and positive: the other one; combine classes by "
                "merge"
            )
        for field in ("leak_test", "learning_curve"):
            if getattr(self, field):
                raise ValueError(f"{field}: needs training images of both classes, not evaluation.train_only")

    def source(self, simulated: str) -> Source:
        """Where the images are; simulated ones are in the folder that `simulate` writes to."""
        parts = {name: getattr(self, name) for name in Source.model_fields}
        if self.simulate is not None:
            table = {"csv": f"{simulated}/labels.csv", "images": f"{simulated}/images"}
            parts["tables"] = (Table.model_validate(table),)
            parts["masks"] = f"{simulated}/masks"
        return Source(**parts)

    @property
    def deciding_level(self) -> Literal["image", "sample"]:
        """What the recommendation and the comparisons are based on."""
        return self.decide_on or ("sample" if self.labels_from == "masks" else "image")

    @property
    def deciding_metric(self) -> str:
        """The metric that the recommendation ranks models by, as named in `metrics.parquet`."""
        return self._decisive.name

    @property
    def rule_fingerprint(self) -> str:
        """First digits of the SHA-256 of what decides: metric, level, margin, time that counts, costs, and what is
        required.

        Whoever notes it before the test is evaluated can show that none of these was changed afterwards.
        """
        decides = [self.deciding_metric, self.deciding_level, self.equivalence, self.faster, self.cost_matrix]
        decides += [] if self.required is None else [self.required]
        return hashlib.sha256(to_json(decides).encode()).hexdigest()[:12]

    @property
    def cost_matrix(self) -> tuple[tuple[float, ...], ...] | None:
        """Costs with true classes as rows, predicted ones as columns, in the order of `classes`; None if not set."""
        return self._cost_matrix(self.classes)

    @property
    def scale_costs(self) -> tuple[tuple[float, ...], ...] | None:
        """The same in the order of `scale`; None where either is not set."""
        return None if self.scale is None else self._cost_matrix(self.scale)

    def _cost_matrix(self, classes: tuple[str, ...]) -> tuple[tuple[float, ...], ...] | None:
        if self.costs is None:
            return None
        return tuple(tuple(self.costs[true].get(predicted, 0.0) for predicted in classes) for true in classes)

    @property
    def verdict_costs(self) -> tuple[tuple[float, ...], ...] | None:
        """The cost matrix where cost decides, so that verdicts are classes of least expected cost; otherwise None."""
        return self.cost_matrix if self._decisive.needs == "costs" else None

    @property
    def scale(self) -> tuple[str, ...] | None:
        """Classes from the lowest to the highest: grades, or two classes with the positive one last; None otherwise."""
        if self.ordered:
            return self.classes
        if self.positive is None or len(self.classes) != 2:
            return None
        return (*(name for name in self.classes if name != self.positive), self.positive)

    @property
    def choose_by(self) -> ChooseBy:
        """By what models choose among candidate settings: as the dataset compares models."""
        return ChooseBy(
            metric=self.deciding_metric,
            level=self.deciding_level,
            aggregate=self.aggregate,
            positive=self.positive,
            costs=self.verdict_costs,
        )

    @property
    def _decisive(self) -> Metric:
        return METRICS["accuracy"] if self.decide_by is None else deciding()[self.decide_by]

    def _check_costs(self, costs: dict[str, dict[str, float]]) -> None:
        for name in [*costs, *(predicted for row in costs.values() for predicted in row)]:
            if name not in self.classes:
                raise ValueError(
                    f"costs: {name!r} is not one of classes {list(self.classes)}.{suggestion(name, self.classes)}"
                )
        for true, predicted in itertools.permutations(self.classes, 2):
            if predicted not in costs.get(true, {}):
                raise ValueError(
                    f"costs.{true}.{predicted}: missing; set the cost of predicting {predicted} for {true}"
                )

    def _check_shares(self, shares: dict[str, float]) -> None:
        for name in shares:
            if name not in self.classes:
                raise ValueError(
                    f"expected_shares: {name!r} is not one of classes {list(self.classes)}."
                    f"{suggestion(name, self.classes)}"
                )
        for name in self.classes:
            if name not in shares:
                raise ValueError(f"expected_shares.{name}: missing; give the share of every class")
        total = sum(shares.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected_shares: add up to {total:g}, and must add up to 1")

    def _check_merge(self, merge: dict[str, tuple[str, ...]]) -> None:
        strangers = sorted(set(merge) ^ set(self.classes))
        if strangers:
            raise ValueError(f"merge: {strangers} are in only one of merge and classes")
        labels = [label for parts in merge.values() for label in parts]
        if len(set(labels)) < len(labels):
            raise ValueError("merge: a label is listed under two classes")
