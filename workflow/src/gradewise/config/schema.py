"""The JSON schema of the configuration file, for editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradewise.config.config import SCALES, Config
from gradewise.config.section import Section
from gradewise.config.views import View
from gradewise.families import registry
from gradewise.families.family import Family


def json_schema(kind: type[Config], families: Iterable[str]) -> dict[str, Any]:
    """JSON schema of the configuration file; settings are given next to family and view, or under choose.

    Parameters
    ----------
    kind : type of Config
        Including the sections of extensions.
    families : iterable of str
        Families whose models the schema describes.
    """
    schema = kind.model_json_schema()
    definitions = schema["$defs"]
    operations = definitions["View"]["properties"]["operations"]
    del definitions["FittedModel"], definitions["Section"]
    models = [model for name in families for model in _models(definitions, registry.family(name))]
    models.append({"$ref": "#/$defs/BlendModel"})
    schema["properties"]["models"]["additionalProperties"] = {"oneOf": models}
    for name, section in [("Config", schema), *list(definitions.items())]:
        for key, value in section.get("properties", {}).items():
            if key != "scale":
                section["properties"][key] = _by_scale(definitions, f"{name}.{key}", value)
    definitions["View"] = {"description": View.__doc__, **operations}
    return schema


def _models(definitions: dict[str, Any], family: Family[Any]) -> list[dict[str, str]]:
    """Add the definitions of a family's models, with and without a backbone, and return references to them."""
    name, backbone = f"{type(family).__name__}Model", {"backbone": {"title": "Backbone", "type": "string"}}
    models = [_model(definitions, name, family, family.settings, backbone if family.takes_features else {})]
    if family.fine_tuning is not None:
        models.append(_model(definitions, f"FineTuned{name}", family, family.fine_tuning, backbone, ["backbone"]))
    return models


def _model(
    definitions: dict[str, Any],
    name: str,
    family: Family[Any],
    section: type[Section],
    backbone: dict[str, Any],
    required: Iterable[str] = (),
) -> dict[str, str]:
    settings = section.model_json_schema()
    definitions.update(settings.pop("$defs", {}))
    definitions[name] = {
        "type": "object",
        "title": name,
        "description": settings["description"],
        "properties": {
            "family": {"const": family.name, "title": "Family", "type": "string"},
            "view": {"title": "View", "type": "string"},
            **backbone,
            **{key: {"anyOf": [value, _choose(value)]} for key, value in settings["properties"].items()},
        },
        "required": ["family", "view", *required, *settings.get("required", ())],
        "additionalProperties": False,
    }
    return {"$ref": f"#/$defs/{name}"}


def _by_scale(definitions: dict[str, Any], name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Allow a value as it is or one per scale; in a mapping of names to values, for each value."""
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
