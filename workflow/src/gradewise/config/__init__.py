"""The configuration as typed models, one a section.

Whatever the user can set is declared here once, with its default and meaning. `load` turns parsed YAML into a
checked `Config` or raises `ConfigError`, whose text names each key at fault, the value found, and what would do.
The JSON schema in `workflow/schemas` is generated from these models.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from gradewise.config.section import Section, short, suggestion
from gradewise.config.views import View
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.metrics import deciding
from gradewise.studies.settings import Measure, Published, SettingsStudy, Study, in_words

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class ConfigError(Exception):
    """The configuration cannot be used; the message says where and what would do."""


# Models


class _NamedModel(BaseModel):
    """A named model: family, view and settings, each setting a value or `{choose: [..]}`.

    Attributes
    ----------
    candidates : tuple of settings
        Every combination of the values to choose among, one where there is nothing to choose.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    view: str

    @model_validator(mode="before")
    @classmethod
    def expand_choices(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "candidates" in given:
            return given
        settings = {key: value for key, value in given.items() if key not in ("family", "view")}
        kept = {key: given[key] for key in ("family", "view") if key in given}
        return {**kept, "candidates": _combinations(settings)}


class CnnModel(_NamedModel):
    """A convolutional network on a view."""

    family: Literal["cnn"]
    candidates: tuple[CnnSettings, ...]


class SvmModel(_NamedModel):
    """Principal components and a support vector classifier on a view."""

    family: Literal["pca_svm"]
    candidates: tuple[SvmSettings, ...]


class ForestModel(_NamedModel):
    """A random forest on a view."""

    family: Literal["forest"]
    candidates: tuple[ForestSettings, ...]


class BlendModel(Section):
    """Other models together: the mean of their probabilities, or their votes."""

    family: Literal["blend"]
    members: tuple[str, ...] = Field(min_length=1, description="models of the same dataset, blended with equal weight")
    by: Literal["probability", "vote"] = Field(
        "probability", description="mean probability, or number of members whose most probable class it is"
    )
    over: Literal["members", "repeats"] = Field(
        "members",
        description="members: those of the same repeat; repeats: the members of all repeats, which needs "
        "evaluation: {predefined: true} or {same_test: true}, as other test images were trained on in another repeat",
    )

    @model_validator(mode="after")
    def check_members(self) -> BlendModel:
        if len(set(self.members)) < len(self.members):
            raise ValueError(f"members: {list(self.members)} names something twice")
        if self.over == "members" and len(self.members) < 2:
            raise ValueError("members: name at least two models, or blend one over: repeats")
        return self


FittedModel = Annotated[CnnModel | SvmModel | ForestModel, Field(discriminator="family")]

Model = Annotated[FittedModel | BlendModel, Field(discriminator="family")]


def _combinations(settings: dict[str, Any]) -> list[dict[str, Any]]:
    choices = {}
    for key, value in settings.items():
        if isinstance(value, dict) and set(value) == {"choose"}:
            if not isinstance(value["choose"], list) or not value["choose"]:
                raise ValueError(f"{key}: choose needs a list of values, not {value['choose']!r}")
            choices[key] = value["choose"]
    return [{**settings, **dict(zip(choices, values, strict=True))} for values in itertools.product(*choices.values())]


# Datasets


class NanofibreSimulation(Section):
    """Made-up SEM micrographs of electrospun nanofibres."""

    kind: Literal["nanofibres"]
    images: int = Field(160, ge=16, description="spread evenly over the 16 experiments")
    side: int = Field(1024, ge=128, le=4096, description="height and width; a smaller image shows a smaller area [px]")
    fibre_diameter: float = Field(12.0, ge=4, le=60, description="mean at 15 wt.% and 15 kV [px]")
    beads: float = Field(1.2, ge=0, le=20, description="expected per 1000 px of fibre where the jet is unstable")
    variation: float = Field(1.0, ge=0, le=5, description="of the jet's stability between areas of an experiment")
    dust: float = Field(0.12, ge=0, le=1, description="share of images with specks of dust")
    noise: float = Field(9.0, ge=0, le=60, description="of the detector, standard deviation [grey levels]")
    defect_share: float = Field(
        0.013, gt=0, lt=1, description="NHNF where beads and dust cover at least this share of the image"
    )


class MangoSimulation(Section):
    """Made-up photos of mangoes, graded."""

    kind: Literal["mangoes"]
    images: int = Field(240, ge=6)
    photos: int = Field(3, ge=1, le=50, description="of each fruit; the last fruit may have fewer")
    side: int = Field(288, ge=64, le=2048, description="height and width [px]")
    grades: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = Field(
        (0.35, 0.35, 0.30), description="shares of fruits of grade A, B and C"
    )
    thumb: float = Field(
        0.04, gt=0, le=0.15, description="share of a fruit's visible face that a thumb covers: B up to here, C beyond"
    )
    hands: float = Field(0.25, ge=0, le=1, description="share of photos in which a hand holds the fruit")
    shadows: float = Field(0.12, ge=0, le=1, description="share of photos with shadows that may pass for blemishes")
    exposure: float = Field(0.1, ge=0, le=1, description="of the logarithm of brightness between photos")
    noise: float = Field(4.0, ge=0, le=60, description="of the camera, standard deviation [grey levels]")


class Table(Section):
    """A label table beside a folder of images."""

    csv: str = Field(description="columns image_id, label and any further ones")
    images: str = Field(description="the folder that image_id is relative to")
    role: Literal["train", "validation", "test"] | None = Field(None, description="for evaluation: {predefined: true}")


class Pattern(Section):
    """A regular expression whose first group, found in the file name, is the value."""

    regex: str

    @field_validator("regex")
    @classmethod
    def check_pattern(cls, regex: str) -> str:
        try:
            groups = re.compile(regex).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if groups < 1:
            raise ValueError('put the part that names the group in parentheses, e.g. "^(.*)_[0-9]+"')
        return regex


class Top(Section):
    """Mean of the highest tile probabilities of the positive class."""

    top: int = Field(ge=1)


class Evaluation(Section):
    """How images are split: exactly one of holdout, folds and predefined."""

    holdout: float | None = Field(None, gt=0, lt=1, description="share of images for test")
    folds: int | None = Field(None, ge=2)
    same_test: bool = Field(False, description="of holdout: every repeat has the same test images; training varies")
    predefined: bool = Field(False, description="test images are those of the tables with role: test")
    validation: float = Field(0.1, gt=0, lt=1, description="share of the training images that chooses settings")
    repeats: int = Field(5, ge=1, description="random draws of the whole procedure")

    @model_validator(mode="after")
    def check_one(self) -> Evaluation:
        if (self.holdout is not None) + (self.folds is not None) + self.predefined != 1:
            raise ValueError("give exactly one of holdout: 0.3, folds: 5 and predefined: true")
        if self.same_test and self.holdout is None:
            raise ValueError("same_test: is of holdout; with predefined: true it is so anyway")
        return self

    @property
    def one_test(self) -> bool:
        """Whether all repeats have the same test images."""
        return self.predefined or self.same_test

    @property
    def runs(self) -> int:
        """How many times each model is fitted."""
        return self.repeats * (self.folds or 1)


class Source(Section):
    """Where labelled images are and which of them can be used: all that the manifest depends on."""

    images: str | None = Field(None, description="a folder with a folder of images a class")
    tables: tuple[Table, ...] | None = None
    classes: tuple[str, ...] = Field(min_length=2, description="in order, worst last, where ordered")
    merge: dict[str, tuple[str, ...]] | None = Field(
        None, description="class: the labels it is made of, e.g. {sound: [A, B], defective: [C, D]}"
    )
    positive: str | None = Field(None, description="the class that precision, recall and ROC AUC speak of")
    group: str | Pattern | None = Field(
        None, description="a column of the label table, or {regex: ..} on the file name; null: each image alone"
    )
    masks: str | None = Field(None, description="folder of defect masks")
    mask_suffix: str = Field("", description="mask of a.tif is a<suffix>.png")
    labels_from: Literal["images", "masks"] = Field(
        "images", description="masks: a tile is positive where enough of it is masked"
    )
    max_megapixels: float = Field(200.0, gt=0, description="larger images are set aside unread")
    min_side: int = Field(16, ge=1, description="smaller images are set aside [px]")


def _deciding(word: str) -> str:
    if word not in deciding():
        raise PydanticKnownError("literal_error", {"expected": ", ".join(map(repr, deciding()))})
    return word


class Dataset(Source):
    """Labelled images, how they are split and which models are compared on them."""

    join_duplicates: bool | Literal["exact"] = Field(
        True, description="copies share a group: also changed ones (true), only those of the same pixels, or none"
    )
    simulate: Annotated[NanofibreSimulation | MangoSimulation, Field(discriminator="kind")] | None = None
    ordered: bool = Field(False, description="classes are grades: adds kappa, adjacent accuracy and grade error")
    mask_fraction: float = Field(0.02, gt=0, le=1, description="masked share that makes a tile positive")
    aggregate: Literal["mean", "max", "vote"] | Top = Field("mean", description="from tiles to a verdict on the image")
    costs: dict[str, dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]] | None = Field(
        None,
        description="what a mistake costs: {true class: {predicted class: cost}}, every pair of different classes; a "
        "right answer costs 0 unless given",
    )
    decide_by: Annotated[str, AfterValidator(_deciding)] = Field(
        "accuracy",
        description="what the recommendation ranks models by; cost needs costs, grades need ordered: true",
        json_schema_extra={"enum": list(deciding())},
    )
    decide_on: Literal["image", "sample"] | None = Field(
        None,
        description="what recommendation and comparisons rest on: whole images, or single samples (tiles); null: "
        "samples where masks label them, else images",
    )
    equivalence: float | None = Field(
        None,
        gt=0,
        description="differences smaller than this do not matter in practice, e.g. 0.02 for two percentage points of "
        "accuracy; in units of decide_by (costs: of 100 answers); null: every difference matters",
    )
    evaluation: Evaluation
    models: tuple[str, ...] = Field(min_length=1)
    leak_test: tuple[str, ...] | bool = Field(
        (), description="models to fit again on a split that ignores groups; true: all of them"
    )
    learning_curve: tuple[str, ...] | bool = Field(
        (), description="models to fit again on parts of the training groups; true: all of them"
    )
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.125, 0.25, 0.5), min_length=1, description="of the training groups, for the learning curve"
    )

    @property
    def leak_models(self) -> tuple[str, ...]:
        """Models of the leak test."""
        return self._chosen(self.leak_test)

    @property
    def curve_models(self) -> tuple[str, ...]:
        """Models that get a learning curve."""
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
    def check_further_runs(self) -> Dataset:
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

    @model_validator(mode="after")
    def check_consistency(self) -> Dataset:
        sources = [name for name in ("simulate", "images", "tables") if getattr(self, name) is not None]
        if len(sources) != 1:
            raise ValueError(f"give exactly one of simulate, images and tables (found: {', '.join(sources) or 'none'})")
        for field in ("classes", "models"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: {list(values)} names something twice")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"positive: {self.positive!r} is not one of classes {list(self.classes)}")
        if self.merge is not None:
            self._check_merge(self.merge)
        if self.costs is not None:
            self._check_costs(self.costs)
        missing = deciding()[self.decide_by].missing(self.ordered, self.costs is not None)
        if missing == "costs":
            raise ValueError(f"decide_by: {self.decide_by} needs costs: {{true class: {{predicted class: cost}}}}")
        if missing == "grades":
            raise ValueError(f"decide_by: {self.decide_by} needs grades; set ordered: true, or decide by accuracy")
        if self.labels_from == "masks":
            if self.masks is None and self.simulate is None:
                raise ValueError("labels_from: masks needs masks: the folder that holds them")
            if self.positive is None or len(self.classes) != 2:
                raise ValueError("labels_from: masks needs two classes and positive: the one that masks show")
        if (isinstance(self.aggregate, Top) or self.aggregate == "max") and (
            self.positive is None or len(self.classes) != 2
        ):
            raise ValueError("aggregate: max and {top: n} need two classes and positive")
        if self.evaluation.predefined:
            roles = {table.role for table in self.tables or ()}
            if self.tables is None or not {"train", "test"} <= roles or None in roles:
                raise ValueError(
                    "evaluation: {predefined: true} needs tables, each with role: train, validation or test, "
                    "and at least one each of train and test"
                )
        return self

    def source(self, simulated: str) -> Source:
        """Where the images are, of simulated ones too: in the folder that `simulate` writes to."""
        parts = {name: getattr(self, name) for name in Source.model_fields}
        if self.simulate is not None:
            parts["tables"] = (Table(csv=f"{simulated}/labels.csv", images=f"{simulated}/images", role=None),)
            parts["masks"] = f"{simulated}/masks"
        return Source(**parts)

    @property
    def deciding_level(self) -> Literal["image", "sample"]:
        """What the recommendation and the comparisons rest on."""
        return self.decide_on or ("sample" if self.labels_from == "masks" else "image")

    @property
    def deciding_metric(self) -> str:
        """The metric that the recommendation ranks by, under its name in `metrics.parquet`."""
        return deciding()[self.decide_by].name

    @property
    def cost_matrix(self) -> tuple[tuple[float, ...], ...] | None:
        """Cost of each answer, rows true class, columns predicted class, in the order of `classes`; None without."""
        if self.costs is None:
            return None
        return tuple(tuple(self.costs[true].get(called, 0.0) for called in self.classes) for true in self.classes)

    def _check_costs(self, costs: dict[str, dict[str, float]]) -> None:
        for name in [*costs, *(called for row in costs.values() for called in row)]:
            if name not in self.classes:
                raise ValueError(
                    f"costs: {name!r} is not one of classes {list(self.classes)}.{suggestion(name, self.classes)}"
                )
        for true, called in itertools.permutations(self.classes, 2):
            if called not in costs.get(true, {}):
                raise ValueError(f"costs.{true}.{called}: missing; say what taking {true} for {called} costs")

    def _check_merge(self, merge: dict[str, tuple[str, ...]]) -> None:
        strangers = sorted(set(merge) ^ set(self.classes))
        if strangers:
            raise ValueError(f"merge: {strangers} stand in only one of merge and classes")
        labels = [label for parts in merge.values() for label in parts]
        if len(set(labels)) < len(labels):
            raise ValueError("merge: a label stands under two classes")


@dataclass(frozen=True)
class Cell:
    """One combination of settings of a study.

    Attributes
    ----------
    name : str
        Unique in its study.
    run : str
        Name of the model that it is trained as, in paths; cells of equal settings, and models of the dataset, share it.
    varied : dict
        The settings that differ from the study's model, and their values.
    model : CnnModel, SvmModel or ForestModel
        With a single candidate.
    published : dict
        Published values by measure.
    """

    name: str
    run: str
    varied: dict[str, Any]
    model: FittedModel
    published: dict[str, Published]


SCALES = ("small", "full")
FAMILY_SHOWN = {
    "layers": "cnn",
    "feature_maps": "cnn",
    "explanations": "cnn",
    "components": "pca_svm",
    "embedding": "pca_svm",
    "trees": "forest",
}
"""Family that a kind of study needs."""


class Config(Section):
    """The whole configuration."""

    seed: int = Field(2020, ge=0, lt=2**31)
    scale: Literal["small", "full"] = Field(
        "small", description="which value counts where one is given as {small: .., full: ..}"
    )
    datasets: dict[str, Dataset] = Field(min_length=1)
    views: dict[str, View] = Field(min_length=1)
    models: dict[str, Model] = Field(min_length=1)
    studies: dict[str, Study] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def take_scale(cls, given: Any) -> Any:
        return _at_scale(given, given.get("scale", "small")) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def check_names(self) -> Config:
        for section in ("datasets", "views", "models", "studies"):
            for name in getattr(self, section):
                if not NAME.fullmatch(name):
                    raise ValueError(
                        f"{section}: {name!r} cannot be a file name; use letters, digits, dot, dash, underscore"
                    )
        for name, model in self.models.items():
            if isinstance(model, BlendModel):
                self._check_blend(name, model)
            else:
                _check_known(f"models.{name}.view", model.view, self.views)
        for name, dataset in self.datasets.items():
            for wanted in dataset.models:
                _check_known(f"datasets.{name}.models", wanted, self.models)
                self._check_blended(name, dataset, wanted)
            if dataset.deciding_level == "sample" and not self.cut_alike(self.fitted(name)):
                raise ValueError(
                    f"datasets.{name}: models are compared on single samples (decide_on: sample, or labels from masks) "
                    f"and the views of {', '.join(self.fitted(name))} do not cut the same ones: give them the same "
                    "operations up to the last tile (keep: all or centre), crop or polar, or set decide_on: image"
                )
        for name, study in self.studies.items():
            _check_known(f"studies.{name}.dataset", study.dataset, self.datasets)
            self._check_study(name, study)
        return self

    def _check_study(self, name: str, study: Study) -> None:
        key, dataset = f"studies.{name}", self.datasets[study.dataset]
        if isinstance(study, SettingsStudy):
            self._check_varied(key, study)
            self.cells(name)
            return
        for view in getattr(study, "views", ()):
            _check_known(f"{key}.views", view, self.views)
        one = getattr(study, "model", None)
        for model in (one,) if one is not None else getattr(study, "models", ()):
            field = "model" if one is not None else "models"
            if model not in dataset.models:
                raise ValueError(
                    f"{key}.{field}: {model!r} is not one of the models of {study.dataset}."
                    f"{suggestion(model, dataset.models)} Its models: {', '.join(dataset.models)}"
                )
            needed = FAMILY_SHOWN.get(study.show)
            if needed is not None and self.models[model].family != needed:
                raise ValueError(f"{key}.{field}: show: {study.show} needs a model of the family {needed}")
        if study.show == "scaling" and (not dataset.curve_models or len(dataset.shares) < 4):
            raise ValueError(
                f"{key}: show: scaling needs learning_curve: [models] and at least four shares in "
                f"datasets.{study.dataset}"
            )

    def _check_varied(self, key: str, study: SettingsStudy) -> None:
        _check_known(f"{key}.model", study.model, self.models)
        family, runs = self.models[study.model].family, self.datasets[study.dataset].evaluation.runs
        if "curves" in study.draw and family != "cnn":
            raise ValueError(f"{key}.draw: curves are of networks, and {study.model!r} is of the family {family}")
        bags = [measure for measure in study.measures if measure.startswith("oob_")]
        if bags and family != "forest":
            raise ValueError(f"{key}.measures: {bags[0]} is of forests, and {study.model!r} of the family {family}")
        self._check_published(key, study)
        if (study.repeats or 1) > runs:
            raise ValueError(f"{key}.repeats: {study.repeats} of the {runs} of {study.dataset}")

    def _check_published(self, key: str, study: SettingsStudy) -> None:
        """Each key of a published row must name a setting or a measure, or the row would stand beside nothing."""
        base = self.models[study.model]
        if not isinstance(study.vary, dict) or isinstance(base, BlendModel):
            return
        known = [*type(base.candidates[0]).model_fields, "view", *get_args(Measure)]
        for name in {name for row in study.published for name in row if name not in known}:
            raise ValueError(f"{key}.published: {name!r} is neither a setting nor a measure.{suggestion(name, known)}")

    def cells(self, study: str) -> tuple[Cell, ...]:
        """The combinations of settings of a study that varies them, in the order of the configuration."""
        return self._cells[study]

    @cached_property
    def _cells(self) -> dict[str, tuple[Cell, ...]]:
        """Cells of all studies; the first that has some settings names the model that is trained with them."""
        names: dict[tuple[str, str], str] = {}
        for dataset in self.datasets:
            names |= {
                (dataset, model.model_dump_json()): name for name, model in reversed(self.fitted(dataset).items())
            }
        found: dict[str, tuple[Cell, ...]] = {}
        for name, study in self.studies.items():
            if isinstance(study, SettingsStudy):
                found[name] = tuple(self._cell(name, study, *row, names) for row in _rows(study))
                cells = [cell.name for cell in found[name]]
                twice = next((cell for cell in cells if cells.count(cell) > 1), None)
                if twice is not None:
                    raise ValueError(f"studies.{name}.vary: {twice!r} stands twice; give every row a name of its own")
        runs: dict[tuple[str, str], str] = {}
        for (dataset, settings), run in names.items():
            if runs.setdefault((dataset, run), settings) != settings:
                raise ValueError(f"studies: two different rows would be stored as {run!r}; change one's name")
        return found

    def _cell(
        self,
        study: str,
        section: SettingsStudy,
        name: str,
        varied: dict[str, Any],
        published: dict[str, Published],
        names: dict[tuple[str, str], str],
    ) -> Cell:
        key = f"studies.{study}.vary ({name})"
        base = self.models[section.model]
        if isinstance(base, BlendModel):
            raise ValueError(f"studies.{study}.model: {section.model!r} is a blend, which has no settings to vary")
        if len(base.candidates) > 1:
            raise ValueError(
                f"studies.{study}.model: {section.model!r} chooses among settings (choose: [..]); name a model "
                "with one value of each, which need not be among the models of the dataset"
            )
        settings = base.candidates[0].model_dump(exclude_unset=True)
        chosen = {"family": base.family, "view": base.view, **settings, **varied}
        try:
            model = TypeAdapter(FittedModel).validate_python(chosen)
        except ValidationError as error:
            lines = (_SETTING.sub("", line.strip()) for line in _fault_lines(error))
            raise ValueError("; ".join(f"{key}.{line}" for line in lines)) from None
        if len(model.candidates) > 1:
            raise ValueError(f"{key}: choose is not possible here; list the values under vary")
        _check_known(f"{key}.view", model.view, self.views)
        own = re.sub(r"[^A-Za-z0-9.]+", "-", f"{study}--{name}").strip("-.")
        run = names.setdefault((section.dataset, model.model_dump_json()), own)
        return Cell(name, run, varied, model, published)

    def studies_of(self, dataset: str) -> dict[str, Study]:
        """The studies of a dataset, by name."""
        return {name: study for name, study in self.studies.items() if study.dataset == dataset}

    def trained(self, dataset: str) -> dict[str, FittedModel]:
        """The models of a dataset and of its studies that are fitted to samples, by name."""
        cells = [cell for study in self.studies_of(dataset) for cell in self._cells.get(study, ())]
        return self.fitted(dataset) | {cell.run: cell.model for cell in cells}

    def _check_blend(self, name: str, blend: BlendModel) -> None:
        for member in blend.members:
            _check_known(f"models.{name}.members", member, self.models)
            if isinstance(self.models[member], BlendModel):
                raise ValueError(f"models.{name}.members: {member!r} is a blend itself; name its members instead")

    def _check_blended(self, name: str, dataset: Dataset, wanted: str) -> None:
        blend = self.models[wanted]
        if not isinstance(blend, BlendModel):
            return
        missing = [member for member in blend.members if member not in dataset.models]
        if missing:
            raise ValueError(
                f"datasets.{name}.models: {wanted!r} blends {', '.join(missing)}, not among the models of {name}; "
                "add them there"
            )
        if blend.over == "repeats" and not dataset.evaluation.one_test:
            raise ValueError(
                f"datasets.{name}.models: {wanted!r} blends over: repeats, which needs evaluation: "
                "{predefined: true}, or {holdout: 0.3, same_test: true}: elsewhere a test image of one repeat was "
                "trained on in another"
            )

    def cut_alike(self, models: Iterable[str]) -> bool:
        """Whether models, none of them a blend, are given the same samples, if in different size or colour."""
        views = {model.view for name in models if not isinstance(model := self.models[name], BlendModel)}
        cuts = {self.views[view].cut for view in views}
        return len(views) == 1 or (len(cuts) == 1 and None not in cuts)

    def fitted(self, dataset: str) -> dict[str, FittedModel]:
        """The models of a dataset that are fitted to samples, by name: all but blends."""
        named = {name: self.models[name] for name in self.datasets[dataset].models}
        return {name: model for name, model in named.items() if not isinstance(model, BlendModel)}


def _rows(study: SettingsStudy) -> list[tuple[str, dict[str, Any], dict[str, Published]]]:
    """Name, varied settings and published values of each row of a study."""
    if not isinstance(study.vary, dict):
        return [
            (row.name, dict(row.set), {str(measure): value for measure, value in row.published.items()})
            for row in study.vary
        ]
    rows = []
    for values in itertools.product(*study.vary.values()):
        varied = dict(zip(study.vary, values, strict=True))
        rows.append((in_words(varied), varied, {} if study.best_of else _published(study, varied)))
    return rows


def _published(study: SettingsStudy, varied: dict[str, Any]) -> dict[str, Published]:
    """What the source says of a combination of settings."""
    for row in study.published:
        if all(key in row and row[key] == value for key, value in varied.items()):
            return {key: value for key, value in row.items() if key not in varied}
    return {}


def mentions_scales(given: Any) -> bool:
    """Whether a parsed configuration gives any value as {small: .., full: ..}."""
    if isinstance(given, dict):
        return set(given) == set(SCALES) or any(map(mentions_scales, given.values()))
    return isinstance(given, list | tuple) and any(map(mentions_scales, given))


def _at_scale(given: Any, scale: str) -> Any:
    """The configuration with every {small: .., full: ..} replaced by the value for a scale."""
    if isinstance(given, dict):
        if set(given) == set(SCALES) and scale in SCALES:
            return _at_scale(given[scale], scale)
        return {key: _at_scale(value, scale) for key, value in given.items()}
    return [_at_scale(value, scale) for value in given] if isinstance(given, list | tuple) else given


def _check_known(key: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{key}: {name!r} is not defined.{suggestion(name, known)} Defined: {', '.join(known)}")


def load(raw: dict[str, Any]) -> Config:
    """Check a parsed configuration.

    Parameters
    ----------
    raw : dict
        What the YAML file holds.

    Returns
    -------
    Config

    Raises
    ------
    ConfigError
        With a line for each fault: key, value, what would do.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(["the configuration cannot be used:", *_fault_lines(error)])) from None


def _fault_lines(error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors(include_url=False):
        where = _key(fault["loc"])
        message = fault["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
        if fault["type"] == "missing":
            lines.append(f"  {where}: missing")
        elif fault["type"] == "value_error":
            lines.append(f"  {where}: {message}" if where else f"  {message}")
        elif fault["type"] == "union_tag_not_found":
            lines.append(f"  {where}.{fault['ctx']['discriminator'][1:-1]}: missing")
        elif fault["type"] == "union_tag_invalid":
            kinds = fault["ctx"]["expected_tags"].replace("'", "")
            tag = fault["ctx"]["tag"]
            near = suggestion(tag, kinds.split(", "))
            lines.append(f"  {where}.{fault['ctx']['discriminator'][1:-1]} = {tag!r}: not one of {kinds}.{near}")
        elif fault["type"] == "literal_error":
            known = [word.strip("'") for word in re.findall(r"'[^']+'", message)]
            lines.append(f"  {where} = {short(fault['input'])}: {message}.{suggestion(fault['input'], known)}")
        else:
            lines.append(f"  {where} = {short(fault['input'])}: {message}")
    return list(dict.fromkeys(lines))


_SETTING = re.compile(r"^(cnn|pca_svm|forest)\.(candidates\.\d+\.?)?(: )?")

_BRANCHES = {
    "word",
    "Pattern",
    "Top",
    "int",
    "float",
    "bool",
    "str",
    "nanofibres",
    "mangoes",
    "constrained-int",
    "constrained-float",
}


def _key(location: tuple[int | str, ...]) -> str:
    """The dotted key of a pydantic location, without the parts that name branches of unions."""
    named, parts = list(location[:2]), list(location[2:])
    if named[:1] == ["views"]:
        parts = parts[1:]
    if named[:1] == ["studies"]:
        parts = parts[1:]
    if named[:1] == ["models"]:
        parts = parts[3:] if "candidates" in parts else parts[1:]
    kept = [part for part in parts if part not in _BRANCHES and "[" not in str(part)]
    return ".".join(str(part) for part in named + kept)


def json_schema() -> dict[str, Any]:
    """JSON schema of the configuration file, for editors: settings stand beside family and view, or under choose."""
    schema = Config.model_json_schema()
    definitions = schema["$defs"]
    operations = definitions["View"]["properties"]["operations"]
    for name in ("CnnModel", "SvmModel", "ForestModel"):
        model = definitions[name]
        settings = definitions.pop(model["properties"].pop("candidates")["items"]["$ref"].rpartition("/")[2])
        for key, value in settings["properties"].items():
            model["properties"][key] = {"anyOf": [value, _choose(value)]}
        model["required"] = ["family", "view"]
    for name, section in [("Config", schema), *list(definitions.items())]:
        for key, value in section.get("properties", {}).items():
            if key != "scale":
                section["properties"][key] = _by_scale(definitions, f"{name}.{key}", value)
    definitions["View"] = {"description": View.__doc__, **operations}
    return schema


def _by_scale(definitions: dict[str, Any], name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A value as it is, or one for each scale; in a mapping of names to values, each value likewise."""
    for branch in (value, *value.get("anyOf", ())):
        if isinstance(branch.get("additionalProperties"), dict):
            branch["additionalProperties"] = _by_scale(definitions, f"{name}.", branch["additionalProperties"])
    definitions[name] = value
    reference = {"$ref": f"#/$defs/{name}"}
    scaled = {
        "type": "object",
        "properties": dict.fromkeys(SCALES, reference),
        "required": list(SCALES),
        "additionalProperties": False,
    }
    return {"anyOf": [reference, scaled]}


def _choose(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"choose": {"type": "array", "items": value, "minItems": 1}},
        "required": ["choose"],
        "additionalProperties": False,
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
