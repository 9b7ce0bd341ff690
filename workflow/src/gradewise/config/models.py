"""Models: a family with settings applied to a view, or a blend of other models."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SerializeAsAny, Tag, model_validator

from gradewise.config.section import Section
from gradewise.families import registry


class FittedModel(BaseModel):
    """A model fitted to the samples of a view: a family and its settings, each a value or `{choose: [..]}`.

    Attributes
    ----------
    family : str
        One of `registry.names`.
    view : str
    backbone : str or None
        The backbone whose features of the view's samples the model learns from, instead of pixels.
    candidates : tuple of Section
        Settings of the family, one entry per combination of the values to choose from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    view: str
    backbone: str | None = None
    candidates: tuple[SerializeAsAny[Section], ...]

    @property
    def samples(self) -> str:
        """Name of the cache that the model learns from: the view, and the backbone if there is one."""
        return self.view if self.backbone is None else f"{self.view}@{self.backbone}"

    @model_validator(mode="before")
    @classmethod
    def _take_settings(cls, entries: object) -> object:
        """Check the settings, which are given next to family and view, by the section of their family."""
        if not isinstance(entries, dict) or "candidates" in entries:
            return entries
        kept = {key: entries[key] for key in ("family", "view", "backbone") if key in entries}
        if "family" not in entries:
            return {**kept, "candidates": ()}
        section = registry.family(entries["family"]).settings
        settings = {key: value for key, value in entries.items() if key not in kept}
        return {**kept, "candidates": tuple(map(section.model_validate, _combinations(settings)))}

    @model_validator(mode="after")
    def _check_backbone(self) -> FittedModel:
        if self.backbone is None:
            return self
        if not registry.family(self.family).takes_features:
            able = [name for name in registry.names() if registry.family(name).takes_features]
            raise ValueError(
                f"backbone: the family {self.family} learns from pixels; those that can: {', '.join(able)}"
            )
        if any(getattr(settings, "augment", "none") != "none" for settings in self.candidates):
            raise ValueError("augment: features of a backbone cannot be rotated or flipped; use augment: none")
        return self


class BlendModel(Section):
    """A combination of other models by their mean probability or their votes."""

    family: Literal["blend"]
    members: tuple[str, ...] = Field(min_length=1, description="models of the same dataset, blended with equal weights")
    by: Literal["probability", "vote"] = Field(
        "probability", description="probability: mean probability; vote: share of members that predict the class"
    )
    over: Literal["members", "repeats"] = Field(
        "members",
        description="members: blends the members within each repeat; repeats: blends them across all repeats, which "
        "needs the same test images in every repeat (evaluation: {predefined: true} or {same_test: true})",
    )

    @model_validator(mode="after")
    def _check_members(self) -> BlendModel:
        if len(set(self.members)) < len(self.members):
            raise ValueError(f"members: {list(self.members)} contains a name twice")
        if self.over == "members" and len(self.members) < 2:
            raise ValueError("members: list at least two models, or blend one with over: repeats")
        return self


def _branch(model: object) -> str:
    family = model.get("family") if isinstance(model, dict) else getattr(model, "family", None)
    return "blend" if family == "blend" else "fitted"


Model = Annotated[Annotated[FittedModel, Tag("fitted")] | Annotated[BlendModel, Tag("blend")], Discriminator(_branch)]


def _combinations(settings: dict[str, Any]) -> list[dict[str, Any]]:
    choices = {}
    for key, value in settings.items():
        if isinstance(value, dict) and set(value) == {"choose"}:
            if not isinstance(value["choose"], list) or not value["choose"]:
                raise ValueError(f"{key}: choose needs a list of values, not {value['choose']!r}")
            choices[key] = value["choose"]
    return [{**settings, **dict(zip(choices, values, strict=True))} for values in itertools.product(*choices.values())]
