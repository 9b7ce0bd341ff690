"""Provenance: code versions follow imports and ignore prose; seeds are derived apart."""

import sys

import pytest

from gradewise import provenance

STEP = '''"""A step."""

from dataclasses import dataclass

# twice as fast
FACTOR = 2


@dataclass
class Settings:
    """Settings of the step."""

    side: int = 8
    """Side in pixels."""


def nothing():
    """Do nothing."""


def step(settings: Settings):
    """Multiply."""
    return {"side": FACTOR * settings.side}
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes modules of a package that lies beside gradewise; the package has another name in each test."""
    name = f"plugin_{tmp_path.name}"
    folder = tmp_path / name
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(modules):
        for module, source in modules.items():
            path = folder.joinpath(*module.split("/")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return name

    write({"__init__": ""})
    return write


def test_the_version_of_a_step_covers_the_modules_it_imports_and_no_others():
    closure = provenance.import_closure("gradewise.images.audit")
    assert {
        "gradewise.images.audit",
        "gradewise.images.clues",
        "gradewise.images.schemas",
        "gradewise.provenance",
    } <= closure
    assert not any(name.startswith(("gradewise.families", "gradewise.report")) for name in closure)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("# twice as fast\n", ""),
        ('"""A step."""', '"""Another description."""'),
        ('    """Settings of the step."""\n\n', ""),
        ('"""Side in pixels."""', '"""Side of a tile [px]."""'),
        ('    """Multiply."""\n', ""),
        ('{"side": FACTOR * settings.side}', "(\n        {'side': (FACTOR * settings.side),}\n    )"),
    ],
)
def test_comments_docstrings_and_formatting_leave_the_version_alone(plugin, text, other):
    name = plugin({"step": STEP})
    before = provenance.code_version(f"{name}.step")
    assert STEP.count(text) == 1
    plugin({"step": STEP.replace(text, other)})
    assert provenance.code_version(f"{name}.step") == before


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("FACTOR = 2", "FACTOR = 3"),
        ("FACTOR = 2", "FACTOR = 2.0"),
        ('{"side"', '{"length"'),
        ("int = 8", "float = 8"),
        ("@dataclass\n", "@dataclass()\n"),
        ('    """Do nothing."""\n', '    return """Do nothing."""\n'),
        ("FACTOR * settings.side", "settings.side * FACTOR"),
    ],
)
def test_the_version_changes_with_what_is_computed(plugin, text, other):
    name = plugin({"step": STEP})
    before = provenance.code_version(f"{name}.step")
    assert STEP.count(text) == 1
    plugin({"step": STEP.replace(text, other)})
    assert provenance.code_version(f"{name}.step") != before


@pytest.mark.parametrize(
    ("step", "part"),
    [
        ("from .part import value", "part"),
        ("from . import part", "part"),
        ("import {name}.part", "part"),
        ("from {name}.part import value", "part"),
        ("def step():\n    from .deeper.part import value", "deeper/part"),
        ("from .deeper import middle", "part"),
    ],
)
def test_the_version_of_a_package_beside_gradewise_follows_its_own_imports(plugin, step, part):
    name = plugin({"deeper/middle": "from ..part import value", "deeper/part": "value = 1", "part": "value = 1"})
    plugin({"step": step.format(name=name), "other": "x = 1"})
    before = provenance.code_version("gradewise.families.run", f"{name}.step")
    plugin({"other": "x = 2"})
    assert provenance.code_version("gradewise.families.run", f"{name}.step") == before
    plugin({part: "value = 2"})
    assert provenance.code_version("gradewise.families.run", f"{name}.step") != before


def test_no_module_is_executed_to_find_the_version(plugin):
    name = plugin({"__init__": "raise RuntimeError", "deeper/step": "from ..part import value", "part": "value = 1"})
    provenance.code_version(f"{name}.deeper.step")
    assert not any(module.startswith(name) for module in sys.modules)


def test_a_module_that_is_not_installed_is_named(plugin):
    with pytest.raises(ModuleNotFoundError, match=r"plugin_\w+\.absent"):
        provenance.code_version(f"{plugin({})}.absent")


def test_seeds_differ_by_purpose_and_repeat_by_name():
    assert provenance.derive_seed(1, "split", 0) == provenance.derive_seed(1, "split", 0)
    drawn = {provenance.derive_seed(seed, name, k) for seed in (1, 2) for name in ("a", "b") for k in range(5)}
    assert len(drawn) == 20
    assert all(0 <= seed < 2**31 for seed in drawn)
