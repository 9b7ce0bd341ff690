"""What is said of models that learn from features or weights of a network that others trained on other images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradewise.evaluation.measured import Run
from gradewise.report import numbers


def backbone_in_words(record: Mapping[str, Any]) -> str:
    """The backbone that the record of a run names, e.g. 'lite0 (efficientnet_lite0, trained on ImageNet, Apache-2.0)'.

    Empty for a model without one.
    """
    backbone = record.get("backbone")
    if not backbone:
        return ""
    layer = backbone.get("layer")
    network = f"layer {layer} of an ONNX file" if layer else backbone["architecture"]
    return f"{backbone['name']} ({network}, trained on {backbone['trained_on']}, {backbone['licence']})"


def warning(runs: Iterable[Run]) -> str:
    """Which models saw other images before, and why that matters; empty if none did."""
    models: dict[tuple[str, bool], list[str]] = {}
    blends: dict[str, list[str]] = {}
    for run in runs:
        backbone = backbone_in_words(run.record), bool(run.record.get("fine_tuned"))
        if backbone[0] and run.model not in models.setdefault(backbone, []):
            models[backbone].append(run.model)
        if run.record["family"] == "blend":
            blends[run.model] = run.record["settings"]["members"]
    sentences = [
        f"{numbers.listed(names)} {_verb(fine_tuned, len(names))} {backbone}."
        for (backbone, fine_tuned), names in models.items()
    ]
    if not sentences:
        return ""
    pretrained = {name for names in models.values() for name in names}
    for blend, members in blends.items():
        seen = [member for member in members if member in pretrained]
        if seen:
            sentences.append(f"{blend} blends {numbers.listed(seen)}, among others.")
    sentences.append(
        "Such models saw other images before, so that they need fewer of these than the others. Images for pretraining "
        "are often collected from the internet, and may show the same kind of thing. If test images were among them, "
        "accuracy is too high; images that were never published cannot be."
    )
    return " ".join(sentences)


def licences(runs: Iterable[Run]) -> str:
    """Under which licences others published what a model that is handed over contains; empty if nothing."""
    backbones = [run.record["backbone"] for run in runs if run.record.get("backbone")]
    told = dict.fromkeys(f"{backbone['name']} ({backbone['licence']})" for backbone in backbones)
    if not told:
        return ""
    return (
        f"The folder contains weights that others published: {numbers.listed(list(told))}. Keep to "
        f"{'this licence' if len(told) == 1 else 'these licences'} when you pass the model on."
    )


def _verb(fine_tuned: bool, models: int) -> str:
    if fine_tuned:
        return "fine-tunes" if models == 1 else "fine-tune"
    return f"{'learns' if models == 1 else 'learn'} from features of"
