"""Proposes models that learn from features of a pretrained network, where the weights of one are installed."""

from __future__ import annotations

from gradewise.config.known_backbones import KNOWN, Known
from gradewise.start.commented import Line, Section

MOST_COMPONENTS = 300
"""Principal components of features, which are some thousands."""


def installed_backbone() -> Known | None:
    """The first backbone whose package is installed; None if none is."""
    return next((known for known in KNOWN.values() if known.is_installed()), None)


def backbone_section(known: Known) -> Line:
    """The section `backbones`."""
    section = Section(tuple(Line(key, value) for key, value in known.section.items()))
    return Line("backbones", Section((Line(known.name, section),)), "networks that others trained on other images")


def pretrained_models(known: Known, view: str, training: int, weight: list[Line]) -> list[Line]:
    """Models on features of a backbone, with their reasons.

    Parameters
    ----------
    known : Known
    view : str
        Whose samples the backbone sees.
    training : int
        Number of training samples.
    weight : list of Line
        The setting `class_weight`, if classes are unbalanced.
    """
    common = [Line("view", view), Line("backbone", known.name)]
    components = max(10, min(MOST_COMPONENTS, training // 2 // 10 * 10))
    linear = [
        Line("family", "linear"),
        *common,
        Line("C", {"choose": [0.001, 0.01, 0.1]}, "validation chooses; larger values follow training images closer"),
        *weight,
    ]
    svm = [
        Line("family", "pca_svm"),
        *common,
        Line("components", components, "principal components of the features"),
        Line("C", {"choose": [1, 10]}, "validation chooses"),
        *weight,
    ]
    why = f"learns from features of a network that saw {known.trained_on} before: often the best with few images"
    return [
        Line(f"linear-{known.name}", Section(tuple(linear)), why),
        Line(f"svm-{known.name}", Section(tuple(svm)), "the same features, and bent borders between classes"),
    ]


def how_to_get_one() -> list[Line]:
    """Comments on how to have such models, where no weights are installed."""
    known = next(iter(KNOWN.values()))
    return [
        Line("", why="Models on features of a pretrained network are often better where images are few:"),
        Line("", why=f"{known.how_to_get} ({known.size}), and gradewise init proposes some; see gradewise backbone"),
    ]
