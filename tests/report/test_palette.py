from types import SimpleNamespace

from gradewise.families import registry
from gradewise.report.palette import class_styles, styles


def test_models_of_one_family_share_a_colour_and_differ_in_marker_and_line():
    first, second = styles({"a": "forest", "b": "forest"}).values()
    assert first.colour == second.colour
    assert first.marker != second.marker
    assert first.line != second.line


def test_a_family_has_the_same_colour_whatever_stands_beside_it():
    alone, among = styles({"svm": "pca_svm"}), styles({"net": "cnn", "x": "unheard-of", "svm": "pca_svm"})
    assert alone["svm"].colour == among["svm"].colour


def test_families_differ_in_colour():
    chosen = styles({name: name for name in ("cnn", "pca_svm", "forest", "linear", "blend", "other")})
    assert len({style.colour for style in chosen.values()}) == 6


def test_up_to_four_classes_look_different_from_each_other_and_from_every_family():
    classes = class_styles(["A", "B", "C", "D"]).values()
    names = ("cnn", "pca_svm", "forest", "linear", "patches", "blend")
    families = styles({family: family for family in names}).values()
    colours = [style.colour for style in (*classes, *families)]
    assert len(set(colours)) == len(colours)
    assert len({style.marker for style in classes}) == 4


def test_a_family_of_another_package_brings_its_colour(monkeypatch):
    monkeypatch.setattr(registry, "names", lambda: (*registry.BUILT_IN, "discriminant"))
    monkeypatch.setattr(registry, "family", lambda name: SimpleNamespace(colour={"discriminant": "#123456"}.get(name)))
    chosen = styles({"lda": "discriminant", "net": "cnn"})
    assert chosen["lda"].colour == "#123456"
    assert chosen["net"].colour == styles({"net": "cnn"})["net"].colour
