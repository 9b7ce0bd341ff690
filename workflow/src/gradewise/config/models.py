"""Models: a family with settings applied to a view, or a blend of other models."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SerializeAsAny, Tag, model_validator

from gradewise.config.section import Section
from gradewise.families import registry
from gradewise.results import features_name


class FittedModel(BaseModel):
    """A model fitted to the samples of a view: a family and its settings, each a value or `{choose: [..]}`.

    Attributes
    ----------
    family : str
        One of `registry.names`.
    view : str
    backbone : str or None
        The backbone whose features of the view's samples the model learns from instead of pixels, or whose weights it
        starts from: which of the two depends on the family.
    candidates : tuple of Section
        Settings of the family, one entry per combination of the values to choose from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    view: str
    backbone: str | None = None
    candidates: tuple[SerializeAsAny[Section], ...]

    @property
    def named(self) -> dict[str, str]:
        """Family and view, and the backbone if there is one, as the configuration gives them."""
        named = {"family": self.family, "view": self.view}
        return named if self.backbone is None else {**named, "backbone": self.backbone}

    @property
    def on_features(self) -> bool:
        """Whether the model learns from features of its backbone."""
        return self.backbone is not None and registry.family(self.family).takes_features

    @property
    def fine_tunes(self) -> bool:
        """Whether the model starts from the weights of its backbone."""
        return self.backbone is not None and not self.on_features

    @property
    def samples(self) -> str:
        """Name of the cache that the model learns from: the view, and the backbone that made features of it."""
        return features_name(self.view, self.backbone) if self.backbone and self.on_features else self.view

    @model_validator(mode="before")
    @classmethod
    def _take_settings(cls, entries: object) -> object:
        """Check the settings, which are given next to family and view, by the section of their family."""
        if not isinstance(entries, dict) or "candidates" in entries:
            return entries
        kept = {key: entries[key] for key in ("family", "view", "backbone") if key in entries}
        if "family" not in entries:
            return {**kept, "candidates": ()}
        family = registry.family(entries["family"])
        with_backbone = entries.get("backbone") is not None
        section = family.settings_with(with_backbone)
        settings = {key: value for key, value in entries.items() if key not in kept}
        others = family.settings_with(not with_backbone).model_fields
        for key in settings:
            if key not in section.model_fields and key in others:
                raise ValueError(
                    f"{key}: is a setting of models {'without' if with_backbone else 'with'} a backbone; remove "
                    f"{'it or `backbone`' if with_backbone else 'it, or name a `backbone`'}"
                )
        return {**kept, "candidates": tuple(map(section.model_validate, _combinations(settings)))}

    @model_validator(mode="after")
    def _check_backbone(self) -> FittedModel:
        if self.backbone is None:
            return self
        family = registry.family(self.family)
        if not family.takes_features and family.fine_tuning is None:
            kinds = {name: registry.family(name) for name in registry.names()}
            able = [name for name, kind in kinds.items() if kind.takes_features or kind.fine_tuning is not None]
            raise ValueError(f"backbone: the family {self.family} cannot use one; those that can: {', '.join(able)}")
        if self.on_features and any(getattr(settings, "augment", "none") != "none" for settings in self.candidates):
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
