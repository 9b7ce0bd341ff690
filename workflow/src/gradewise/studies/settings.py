"""Sections that describe a study: what a published table or figure varied or showed, to be made again on any dataset.

Each kind of study, told apart by `show`, has a section of its own. They name models and views of the configuration;
`config.Config` sees that those exist and turns the settings that vary into models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gradewise.config.section import Section

Published = bool | int | float | str
"""A published value: a number or a word as it stands in the source, e.g. `84.125 %`, `< 30 sec`."""

Measure = Literal[
    "train",
    "validation",
    "test",
    "oob_rows",
    "oob_groups",
    "features",
    "training_rows",
    "repeated_rows",
    "parameters",
    "explained_variance",
    "gamma",
    "support_vectors",
    "converged",
    "optimiser_steps",
    "seconds",
    "memory",
]
"""What is measured of a trained model: image-level accuracy by role, out-of-bag accuracy, sizes, time [s] and memory
[MB]."""


class _Study(Section):
    """What every study has."""

    dataset: str
    title: str
    source: str = Field("", description="publication, and its table, figure or section, that this makes again")
    text: str | None = Field(None, description="what it is about, for the reader of the report")
    erratum: str | None = Field(None, description="what the source has wrong")
    published: tuple[dict[str, Published], ...] = Field(
        (), description="rows of the source: what names the row (a setting, a model, a class), and measured values"
    )
    comparable: bool = Field(False, description="whether the published values are of these very images")


class Row(Section):
    """One row of settings that differ from the model's own."""

    name: str = Field(min_length=1)
    set: dict[str, Any] = Field(default_factory=dict, description="settings, or view, with their values")
    published: dict[Measure, Published] = Field(default_factory=dict)


class SettingsStudy(_Study):
    """A model with some settings varied: every combination of values, or the rows listed."""

    show: Literal["settings"]
    model: str = Field(description="the model whose settings vary; it need not be among those of the dataset")
    vary: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] | tuple[Row, ...] = Field(min_length=1)
    best_of: tuple[str, ...] = Field(
        (), description="varied settings that are chosen on validation for each combination of the others"
    )
    measures: tuple[Measure, ...] = Field(("validation", "test"), min_length=1)
    draw: tuple[Literal["marks", "line", "heat_map", "curves", "agreement"], ...] = Field(
        ("marks",),
        description="marks: each row with its interval; line: against a varied number; heat_map: against two of them; "
        "curves: of training; agreement: of the rows' errors",
    )
    along: tuple[str, ...] = Field(
        (), max_length=2, description="the varied setting along x, and for a heat map that along y"
    )
    repeats: int | None = Field(None, ge=1, description="only the first so many repeats; null: all")

    @model_validator(mode="after")
    def check_names(self) -> SettingsStudy:
        """See that what is chosen and drawn is varied."""
        if isinstance(self.vary, dict):
            for field in ("best_of", "along"):
                for name in getattr(self, field):
                    if name not in self.vary:
                        raise ValueError(f"{field}: {name!r} is not varied; varied are {', '.join(self.vary)}")
            chosen = [name for name in self.along if name in self.best_of]
            if chosen:
                raise ValueError(f"along: {chosen[0]!r} is chosen by best_of, so that no row has a value of its own")
        elif self.best_of:
            raise ValueError("best_of: needs vary: {setting: [values]}, not a list of rows")
        wanted = {"line": 1, "heat_map": 2}
        for drawing in self.draw:
            if len(self.along) < wanted.get(drawing, 0):
                raise ValueError(f"draw: {drawing} needs along: [{', '.join(['a varied setting'] * wanted[drawing])}]")
        return self


class ResultsStudy(_Study):
    """Accuracy, out-of-bag accuracy and costs of models of the dataset."""

    show: Literal["results"]
    models: tuple[str, ...] = Field(min_length=1)
    measures: tuple[Measure, ...] = Field(("train", "validation", "test"), min_length=1)


class ClassesStudy(_Study):
    """Precision, recall and F score of each class, and confusion matrices."""

    show: Literal["classes"]
    models: tuple[str, ...] = Field(min_length=1)


class GroupsStudy(_Study):
    """A table of the groups: what is known of each, its images of each class, and the accuracy on it."""

    show: Literal["groups"]
    model: str
    columns: dict[str, str] = Field(description="columns of the label table, and how they are headed")


class LayersStudy(_Study):
    """The layers of a network."""

    show: Literal["layers"]
    model: str


class ExamplesStudy(_Study):
    """Images of each class, whole or as views show them."""

    show: Literal["examples"]
    views: tuple[str, ...] = Field((), description="none: the images as they are")
    each: int = Field(1, ge=1, le=12, description="images of each class")


class FeatureMapsStudy(_Study):
    """Maps that layers of a network make of an image of each class."""

    show: Literal["feature_maps"]
    model: str
    layers: tuple[str, ...] = Field(min_length=1, description="conv1, conv2 ..")


class ExplanationsStudy(_Study):
    """Which parts of an image speak for the network's answer, and how much of that lies on the object."""

    show: Literal["explanations"]
    model: str
    methods: tuple[Literal["lime", "grad_cam", "occlusion"], ...] = Field(
        ("lime", "grad_cam", "occlusion"), min_length=1
    )
    each: int = Field(1, ge=1, le=48, description="test images of each class; the first of each is shown")
    objects: str | None = Field(
        None, description="folder of masks of the object, under the names of the images; simulated mangoes have theirs"
    )


class ComponentsStudy(_Study):
    """Principal components as images, and the variance that they explain."""

    show: Literal["components"]
    model: str = Field(description="of the family pca_svm")
    count: int = Field(16, ge=1, le=64, description="components shown")


class EmbeddingStudy(_Study):
    """t-SNE of principal component scores, and how well classes separate in it."""

    show: Literal["embedding"]
    model: str = Field(description="of the family pca_svm; its components are embedded")
    dimensions: tuple[Literal[2, 3], ...] = Field((2, 3), min_length=1)
    perplexity: float = Field(30.0, gt=1)


class TreesStudy(_Study):
    """What a forest looks at: the importance of each pixel as an image, and the first tree drawn."""

    show: Literal["trees"]
    model: str = Field(description="of the family forest")


class ScalingStudy(_Study):
    """Time, memory and accuracy against the number of training images, from the runs of the learning curve."""

    show: Literal["scaling"]


class RecommendationStudy(_Study):
    """Which model to use, by the rule that the report follows."""

    show: Literal["recommendation"]


Study = Annotated[
    SettingsStudy
    | ResultsStudy
    | ClassesStudy
    | GroupsStudy
    | LayersStudy
    | ExamplesStudy
    | FeatureMapsStudy
    | ExplanationsStudy
    | ComponentsStudy
    | EmbeddingStudy
    | TreesStudy
    | ScalingStudy
    | RecommendationStudy,
    Field(discriminator="show"),
]


def in_words(settings: dict[str, Any]) -> str:
    """Settings as the name of a row: `components 50, C 1.5`."""
    return ", ".join(f"{key} {value_in_words(value)}" for key, value in settings.items())


def value_in_words(value: Any) -> str:
    """The value of a setting as names of rows hold it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return " ".join(value_in_words(part) for part in value.values())
    return " ".join(map(value_in_words, value)) if isinstance(value, list | tuple) else str(value)
