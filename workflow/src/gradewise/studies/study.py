"""What every study is: a published table or figure to be reproduced on any dataset, described by a section.

Each kind of study is a package of `kinds`, of the name that `show` gives it: its section is `kinds.<show>.Study`, what
its part of the page holds is made by `kinds.<show>.page`. Sections are read while the workflow is parsed, so they
import nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, ClassVar

from pydantic import Field, GetJsonSchemaHandler, PlainValidator, SerializeAsAny, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from gradewise.config.config import Config
from gradewise.config.section import Section, suggestion
from gradewise.studies import kinds
from gradewise.studies.cells import Published


class StudySection(Section):
    """The section of a study; each kind adds its own settings.

    Attributes
    ----------
    outputs : tuple of str
        Files that the step of this kind writes into the study's folder; none where the page needs no step.
    """

    outputs: ClassVar[tuple[str, ...]] = ()

    show: str
    dataset: str
    title: str
    source: str = Field("", description="publication, and its table, figure or section, that this reproduces")
    text: str | None = Field(None, description="what it is about, for the reader of the report")
    erratum: str | None = Field(None, description="what the source has wrong")
    published: tuple[dict[str, Published], ...] = Field(
        (), description="rows of the source: what names the row (a setting, a model, a class), and measured values"
    )
    comparable: bool = Field(False, description="whether the published values are of these very images")

    @property
    def views_shown(self) -> tuple[str, ...]:
        """Views whose samples the page shows."""
        return ()

    @property
    def model_files(self) -> tuple[str, ...]:
        """Files that the page reads of models, below the folder of a dataset's models."""
        return ()

    def check(self, key: str, config: Config) -> None:
        """See that the rest of the configuration serves this study.

        Parameters
        ----------
        key : str
            Of this section, for messages.
        config : Config

        Raises
        ------
        ValueError
            Naming the key at fault and what would do.
        """


class OneModelStudy(StudySection):
    """A study of one model of the dataset, of a certain family where that is named.

    `files` are what the page reads of the model's first run. `shows_pixels` is false where the page is as well about
    models with a backbone.
    """

    family: ClassVar[str | None] = None
    shows_pixels: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ()

    model: str

    @property
    def model_files(self) -> tuple[str, ...]:
        """The files of the model's first run."""
        return tuple(f"{self.model}/0/{file}" for file in self.files)

    def check(self, key: str, config: Config) -> None:
        """See that the model is the dataset's and of the family needed; raises ValueError."""
        check_model(f"{key}.model", self, self.model, config)
        if self.family is not None and config.models[self.model].family != self.family:
            raise ValueError(f"{key}.model: show: {self.show} needs a model of the family {self.family}")
        if self.shows_pixels and getattr(config.models[self.model], "backbone", None) is not None:
            raise ValueError(
                f"{key}.model: show: {self.show} is about models without a backbone, and {self.model!r} has one; name "
                "another model"
            )


class ModelsStudy(StudySection):
    """A study of models of the dataset."""

    models: tuple[str, ...] = Field(min_length=1)

    def check(self, key: str, config: Config) -> None:
        """See that every model is the dataset's; raises ValueError."""
        for model in self.models:
            check_model(f"{key}.models", self, model, config)


def check_model(key: str, study: StudySection, model: str, config: Config) -> None:
    """See that a model is one of the dataset's.

    Raises
    ------
    ValueError
        Naming those that are.
    """
    known = config.datasets[study.dataset].models
    if model not in known:
        raise ValueError(
            f"{key}: {model!r} is not one of the models of {study.dataset}.{suggestion(model, known)} Its models: "
            f"{', '.join(known)}"
        )


def known_kinds() -> list[str]:
    """What `show` can be."""
    return sorted(module.name for module in iter_modules(kinds.__path__))


def section_of(show: str) -> type[StudySection]:
    """The section of a kind of study."""
    section: type[StudySection] = import_module(f"{kinds.__name__}.{show}").Study
    return section


def _parse(section: Any) -> StudySection:
    if isinstance(section, StudySection):
        return section
    known = known_kinds()
    show = section.get("show") if isinstance(section, dict) else None
    if show in known:
        return section_of(show).model_validate(section)
    fault = InitErrorDetails(type="missing", loc=("show",), input=section)
    if show is not None:
        message = "not one of {kinds}.{near}"
        words = {"kinds": ", ".join(known), "near": suggestion(show, known)}
        fault = InitErrorDetails(type=PydanticCustomError("kind", message, words), loc=("show",), input=show)
    raise ValidationError.from_exception_data("study", [fault])


class _AnyKind:
    """The JSON schema of a study: the section of any kind."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        sections = {show: section_of(show).__pydantic_core_schema__ for show in known_kinds()}
        return handler(core_schema.tagged_union_schema(sections, "show"))


AnyStudy = Annotated[SerializeAsAny[StudySection], PlainValidator(_parse), _AnyKind()]
"""A study of whichever kind its `show` names."""
