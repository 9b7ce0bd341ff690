"""Kind `settings`: a model with some settings varied."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from gradewise.config.config import Config, check_known
from gradewise.config.models import BlendModel
from gradewise.config.section import Section, suggestion
from gradewise.studies.cells import Published, in_words
from gradewise.studies.measures import MEASURES, MeasureName
from gradewise.studies.study import StudySection


def matches(row: Mapping[str, Published], settings: Mapping[str, Any]) -> bool:
    """Whether a row of the source is of these settings."""
    return all(key in row and row[key] == value for key, value in settings.items())


class ListedRow(Section):
    """One row of settings that differ from the model's own."""

    name: str = Field(min_length=1)
    set: dict[str, Any] = Field(default_factory=dict, description="settings, or view, with their values")
    published: dict[MeasureName, Published] = Field(default_factory=dict)


class Study(StudySection):
    """A model with some settings varied: every combination of values, or the rows listed."""

    outputs: ClassVar = ("cells.parquet", "agreements.parquet", "curves.parquet")

    show: Literal["settings"]
    model: str = Field(description="the model whose settings vary; it need not be among those of the dataset")
    vary: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] | tuple[ListedRow, ...] = Field(min_length=1)
    best_of: tuple[str, ...] = Field(
        (), description="varied settings that are chosen on validation for each combination of the others"
    )
    measures: tuple[MeasureName, ...] = Field(("validation", "test"), min_length=1)
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
    def check_names(self) -> Study:
        """See that what is chosen and drawn is varied."""
        if isinstance(self.vary, dict):
            for field, names in (("best_of", self.best_of), ("along", self.along)):
                for name in set(names) - set(self.vary):
                    raise ValueError(f"{field}: {name!r} is not varied; varied are {', '.join(self.vary)}")
            chosen = [name for name in self.along if name in self.best_of]
            if chosen:
                raise ValueError(f"along: {chosen[0]!r} is chosen by best_of, so that no row has a value of its own")
        elif self.best_of:
            raise ValueError("best_of: needs vary: {setting: [values]}, not a list of rows")
        for drawing, axes in (("line", 1), ("heat_map", 2)):
            if drawing in self.draw and len(self.along) < axes:
                raise ValueError(f"draw: {drawing} needs along: [{', '.join(['a varied setting'] * axes)}]")
        return self

    @property
    def rows(self) -> list[tuple[str, dict[str, Any], dict[str, Published]]]:
        """Name, varied settings and published values of each row."""
        if not isinstance(self.vary, dict):
            named = [{str(key): value for key, value in row.published.items()} for row in self.vary]
            return [(row.name, row.set, values) for row, values in zip(self.vary, named, strict=True)]
        combinations = [dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())]
        return [(in_words(row), row, {} if self.best_of else self.published_of(row)) for row in combinations]

    def published_of(self, varied: Mapping[str, Any]) -> dict[str, Published]:
        """What the source says of a combination of settings."""
        for row in self.published:
            if matches(row, varied):
                return {key: value for key, value in row.items() if key not in varied}
        return {}

    def check(self, key: str, config: Config) -> None:
        """See that the model can be varied and has what is measured and drawn; raises ValueError."""
        check_known(f"{key}.model", self.model, config.models)
        base, runs = config.models[self.model], config.datasets[self.dataset].evaluation.runs
        if isinstance(base, BlendModel):
            raise ValueError(f"{key}.model: {self.model!r} is a blend, which has no settings to vary")
        if len(base.candidates) > 1:
            raise ValueError(
                f"{key}.model: {self.model!r} chooses among settings (choose: [..]); name a model with one value of "
                "each, which need not be among the models of the dataset"
            )
        if "curves" in self.draw and base.family != "cnn":
            raise ValueError(f"{key}.draw: curves are of networks, and {self.model!r} is of the family {base.family}")
        bags = [measure for measure in self.measures if measure.startswith("oob_")]
        if bags and base.family != "forest":
            raise ValueError(f"{key}.measures: {bags[0]} is of forests, and {self.model!r} of the family {base.family}")
        estimated = base.candidates[0].model_dump().get("out_of_bag", ())
        for measure in bags:
            unit = measure.removeprefix("oob_")
            if unit not in estimated and not any("out_of_bag" in varied for _, varied, _ in self.rows):
                raise ValueError(
                    f"{key}.measures: {measure} needs a forest with out_of_bag: [{', '.join([*estimated, unit])}], and "
                    f"{self.model!r} has [{', '.join(estimated)}]"
                )
        if isinstance(self.vary, dict):
            known = [*type(base.candidates[0]).model_fields, "view", *MEASURES]
            for name in {name for row in self.published for name in row if name not in known}:
                raise ValueError(
                    f"{key}.published: {name!r} is neither a setting nor a measure.{suggestion(name, known)}"
                )
        if (self.repeats or 1) > runs:
            raise ValueError(f"{key}.repeats: {self.repeats} of the {runs} of {self.dataset}")
