"""Optional backbones whose weights are not there, and what is left out of a configuration for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradewise.config.backbones import Backbone

LISTS = ("models", "leak_test", "learning_curve")
"""Keys of a dataset that list models."""


def absent_backbones(backbones: Mapping[str, Backbone]) -> dict[str, str]:
    """Why the weights of optional backbones are not there, by the name of the backbone."""
    absent = {}
    for name, backbone in backbones.items():
        if backbone.optional:
            try:
                backbone.file()
            except ValueError as error:
                absent[name] = str(error).removeprefix("weights: ")
    return absent


def left_out_models(models: Mapping[str, Any], absent: Mapping[str, str]) -> dict[str, str]:
    """Why models are left out, by name: they need an absent backbone, or blend a model that does.

    Parameters
    ----------
    models : mapping
        The section `models` as parsed.
    absent : mapping
        See `absent_backbones`.
    """
    left_out = {
        name: f"it needs the optional backbone {model['backbone']}: {absent[model['backbone']]}"
        for name, model in models.items()
        if model.get("backbone") in absent
    }
    for name, model in models.items():
        gone = [member for member in model.get("members", ()) if member in left_out]
        if gone:
            left_out[name] = f"it blends {', '.join(gone)}, which {'is' if len(gone) == 1 else 'are'} left out"
    return left_out


def without_models(raw: Mapping[str, Any], left_out: Mapping[str, str]) -> dict[str, Any]:
    """A parsed configuration without some models."""
    return {
        **raw,
        "models": {name: model for name, model in raw["models"].items() if name not in left_out},
        "datasets": {name: _without(dataset, left_out) for name, dataset in raw["datasets"].items()},
    }


def _without(dataset: Mapping[str, Any], left_out: Mapping[str, str]) -> dict[str, Any]:
    lists: dict[str, Any] = {
        key: [name for name in dataset[key] if name not in left_out]
        for key in LISTS
        if isinstance(dataset.get(key), list | tuple)
    }
    maps = dataset.get("localise")
    if isinstance(maps, dict) and isinstance(maps.get("models"), list | tuple):
        lists["localise"] = {**maps, "models": [name for name in maps["models"] if name not in left_out] or None}
    deploy = dataset.get("deploy")
    if isinstance(deploy, dict) and deploy.get("model") in left_out:
        # then the recommended one is
        lists["deploy"] = {key: value for key, value in deploy.items() if key != "model"}
    return {**dataset, **lists}
