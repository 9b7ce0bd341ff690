"""The whole configuration: its sections and the consistency between them.

`load` turns parsed YAML into a checked `Config` or raises `ConfigError`, whose text names each wrong key, its value and
what is expected. An extension adds a section by subclassing `Config`, as `studies.config` does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from gradewise.config.backbones import Backbone
from gradewise.config.datasets import Dataset
from gradewise.config.faults import ConfigError, fault_lines
from gradewise.config.models import BlendModel, FittedModel, Model
from gradewise.config.optional import absent_backbones, left_out_models, without_models
from gradewise.config.section import LONGEST_NAME, NAME, Section, short, suggestion
from gradewise.config.views import View
from gradewise.families import registry

SCALES = ("small", "full")


class Config(Section):
    """The whole configuration."""

    seed: int = Field(2020, ge=0, lt=2**31)
    scale: Literal["small", "full"] = Field("small", description="which value of {small: .., full: ..} is used")
    datasets: dict[str, Dataset] = Field(min_length=1)
    views: dict[str, View] = Field(min_length=1)
    backbones: dict[str, Backbone] = Field(
        default_factory=dict, description="networks that others trained, whose features or weights models learn from"
    )
    models: dict[str, Model] = Field(min_length=1)
    studies: dict[str, Any] = Field(default_factory=dict, description="used by the extension of that name")
    _absent: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _left_out: Mapping[str, Mapping[str, str]] = PrivateAttr(default_factory=dict)

    @property
    def absent(self) -> Mapping[str, str]:
        """Why the weights of optional backbones are not there, by backbone."""
        return self._absent

    def left_out_of(self, dataset: str) -> Mapping[str, str]:
        """Why models that a dataset lists are left out, by model, since optional backbones are absent."""
        return self._left_out.get(dataset, {})

    @model_validator(mode="before")
    @classmethod
    def _take_scale(cls, raw: object) -> object:
        return _at_scale(raw, raw.get("scale", "small")) if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _check_names(self) -> Config:
        for section in ("datasets", "views", "backbones", "models", "studies"):
            for name in getattr(self, section):
                if not NAME.fullmatch(name):
                    raise ValueError(
                        f"{section}: {short(name)} cannot be a file name; use letters, digits, dot, dash, underscore"
                    )
                if len(name) > LONGEST_NAME:
                    raise ValueError(
                        f"{section}: {short(name)} has {len(name)} characters; files are named after it, use at most "
                        f"{LONGEST_NAME}"
                    )
        if "index" in (name.lower() for name in self.datasets):
            raise ValueError(
                "datasets: 'index' cannot be a dataset, since reports/index.html lists all reports; use another name"
            )
        for name, model in self.models.items():
            if isinstance(model, BlendModel):
                self._check_blend(name, model)
            else:
                check_known(f"models.{name}.view", model.view, self.views)
                self.check_backbone(f"models.{name}.backbone", model)
        for name, dataset in self.datasets.items():
            self._check_one_class(name, dataset)
            for model_name in dataset.models:
                check_known(f"datasets.{name}.models", model_name, self.models)
                self._check_blended(name, dataset, model_name)
            if dataset.deciding_level == "sample" and not self.cut_alike(self.fitted(name)):
                raise ValueError(
                    f"datasets.{name}: models are compared on single samples (decide_on: sample, or labels from masks) "
                    f"and the views of {', '.join(self.fitted(name))} do not cut the same ones: give them the same "
                    "operations up to the last tile (keep: all or centre), crop or polar, or set decide_on: image"
                )
            self._check_localised(name, dataset)
        return self

    def _check_localised(self, name: str, dataset: Dataset) -> None:
        if dataset.localisation is None:
            return
        key = f"datasets.{name}.localise"
        for model_name in dataset.localisation.models or ():
            model = self.models[model_name]
            if isinstance(model, BlendModel):
                raise ValueError(f"{key}.models: {model_name!r} is a blend, which draws no maps; name its members")
            if not self.views[model.view].straight:
                raise ValueError(
                    f"{key}.models: the view {model.view!r} of {model_name!r} bends images or cuts tiles once more, so "
                    "that no map can be laid over them; take a view of resize, crop and tile"
                )
        localised = self.localised(name)
        if not localised:
            raise ValueError(
                f"{key}: none of {', '.join(dataset.models)} has a view that only shifts and stretches images"
            )
        stride = dataset.localisation.stride
        side = min(self.views[model.view].window for place, model in self.fitted(name).items() if place in localised)
        if stride is not None and stride > side:
            raise ValueError(f"{key}.stride: {stride} leaves gaps between samples of {side} px; use at most {side}")

    def localised(self, dataset: str) -> tuple[str, ...]:
        """Models of a dataset whose maps are drawn."""
        settings = self.datasets[dataset].localisation
        if settings is None:
            return ()
        straight = (name for name, model in self.fitted(dataset).items() if self.views[model.view].straight)
        return settings.models or tuple(straight)

    def trained(self, dataset: str) -> dict[str, FittedModel]:
        """All models that are not blends, by name."""
        return self.fitted(dataset)

    def check_backbone(self, key: str, model: FittedModel) -> None:
        """Check that the backbone of a model is defined and can be used as its family does.

        Raises
        ------
        ValueError
            If not; the message begins with the key.
        """
        if model.backbone is None:
            return
        check_known(key, model.backbone, self.backbones)
        if model.fine_tunes and not self.backbones[model.backbone].fine_tunes:
            raise ValueError(
                f"{key}: weights of {model.backbone!r} cannot be trained further; use an EfficientNet-Lite, or a "
                "family that learns from features, such as linear"
            )

    def _check_one_class(self, name: str, dataset: Dataset) -> None:
        """Check that models that learn from one class, or from both, get what they need."""
        for model_name in dataset.models:
            model = self.models.get(model_name)
            if not isinstance(model, FittedModel):
                continue
            one_class = registry.family(model.family).one_class
            if one_class and (dataset.positive is None or len(dataset.classes) != 2):
                raise ValueError(
                    f"datasets.{name}.models: {model_name!r} ({model.family}) learns what is normal, so it needs two "
                    f"classes and positive, the one that is not; there are {', '.join(dataset.classes)} and positive: "
                    f"{dataset.positive or 'null'}. Combine classes by merge, or take the model out"
                )
            if not one_class and dataset.evaluation.train_only is not None:
                raise ValueError(
                    f"datasets.{name}.models: {model_name!r} ({model.family}) learns from images of both classes, but "
                    f"evaluation.train_only: {dataset.evaluation.train_only} trains on one; take the model out, or "
                    "use folds or holdout without train_only, with which both kinds of models can be compared"
                )

    def _check_blend(self, name: str, blend: BlendModel) -> None:
        for member in blend.members:
            check_known(f"models.{name}.members", member, self.models)
            if isinstance(self.models[member], BlendModel):
                raise ValueError(f"models.{name}.members: {member!r} is itself a blend; list its members instead")

    def _check_blended(self, name: str, dataset: Dataset, model_name: str) -> None:
        blend = self.models[model_name]
        if not isinstance(blend, BlendModel):
            return
        missing = [member for member in blend.members if member not in dataset.models]
        if missing:
            raise ValueError(
                f"datasets.{name}.models: {model_name!r} blends {', '.join(missing)}, which {name} does not list; "
                "add them to its models"
            )
        if blend.by == "vote" and dataset.verdict_costs is not None:
            raise ValueError(
                f"datasets.{name}.models: {model_name!r} blends by: vote, which gives no probabilities, and decide_by: "
                f"{dataset.decide_by} predicts the class of least expected cost; blend by: probability"
            )
        if blend.by == "vote" and dataset.adjusts and dataset.may_hand_over(model_name):
            raise ValueError(
                f"datasets.{name}.deploy.adjust_probabilities: {model_name!r}, which may be handed over, blends by: "
                "vote, and shares of votes cannot be adjusted; blend by: probability, or name another model "
                "(deploy.model)"
            )
        if blend.over == "repeats" and not dataset.evaluation.one_test:
            raise ValueError(
                f"datasets.{name}.models: {model_name!r} blends over: repeats, which needs evaluation: "
                "{predefined: true}, or {holdout: 0.3, same_test: true}: elsewhere a test image of one repeat was "
                "trained on in another"
            )

    def cut_alike(self, models: Iterable[str]) -> bool:
        """Whether models, none of them a blend, use the same samples, perhaps in different size or colour."""
        views = {model.view for name in models if not isinstance(model := self.models[name], BlendModel)}
        cuts = {self.views[view].cut for view in views}
        return len(views) == 1 or (len(cuts) == 1 and None not in cuts)

    def fitted(self, dataset: str) -> dict[str, FittedModel]:
        """The models of a dataset that are not blends, by name."""
        named = {name: self.models[name] for name in self.datasets[dataset].models}
        return {name: model for name, model in named.items() if not isinstance(model, BlendModel)}


def mentions_scales(raw: object) -> bool:
    """Whether a parsed configuration contains a value of the form {small: .., full: ..}."""
    if isinstance(raw, dict):
        return set(raw) == set(SCALES) or any(map(mentions_scales, raw.values()))
    return isinstance(raw, list | tuple) and any(map(mentions_scales, raw))


def _at_scale(raw: Any, scale: str) -> Any:
    """The configuration with every {small: .., full: ..} replaced by its value for a scale."""
    if isinstance(raw, dict):
        if set(raw) == set(SCALES) and scale in SCALES:
            return _at_scale(raw[scale], scale)
        return {key: _at_scale(value, scale) for key, value in raw.items()}
    return [_at_scale(value, scale) for value in raw] if isinstance(raw, list | tuple) else raw


def check_known(key: str, name: str, known: Collection[str]) -> None:
    """Check that a name used in the configuration is defined there.

    Raises
    ------
    ValueError
        If it is not; the message lists the defined names.
    """
    if name not in known:
        raise ValueError(f"{key}: {name!r} is not defined.{suggestion(name, known)} Defined: {', '.join(known)}")


Kind = TypeVar("Kind", bound=Config)


def load(raw: dict[str, Any], kind: type[Kind], absent: Mapping[str, str] | None = None) -> Kind:
    """Check a parsed configuration, and leave out models whose optional backbone is absent.

    Parameters
    ----------
    raw : dict
        The content of the YAML file.
    kind : type of Config
        `Config`, or the subclass of an extension.
    absent : mapping of str to str, optional
        Why the weights of optional backbones are not there, by backbone; by default what is found here.

    Returns
    -------
    Config

    Raises
    ------
    ConfigError
        With one line per error: key, value, what is expected.
    """
    checked = _check(raw, kind, "the configuration cannot be used:")
    absent = absent_backbones(checked.backbones) if absent is None else absent
    raw = _at_scale(raw, checked.scale)
    left_out = left_out_models(raw["models"], absent)
    if not left_out:
        return checked
    names = ", ".join(left_out)
    reduced = _check(without_models(raw, left_out), kind, f"the configuration cannot be used without {names}:")
    reduced._absent = absent
    reduced._left_out = {
        name: {model: left_out[model] for model in dataset.models if model in left_out}
        for name, dataset in checked.datasets.items()
    }
    return reduced


def _check(raw: dict[str, Any], kind: type[Kind], problem: str) -> Kind:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join([problem, *fault_lines(error)])) from None
