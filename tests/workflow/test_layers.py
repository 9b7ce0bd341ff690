"""Who may import whom: a stage imports from itself, the ground floor and earlier stages; no circle exists."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import gradewise
from gradewise.provenance import first_party_imports, import_closure

PACKAGE = Path(gradewise.__file__).parent
CONFIG = PACKAGE.parents[2] / "config.yaml"
STAGES = [
    "simulate",
    "images",
    "views",
    "families",
    "evaluation",
    "localisation",
    "judgement",
    "predict",
    "report",
    "deployment",
    "studies",
    "start",
]
MODULES = sorted(
    ".".join(["gradewise", *path.relative_to(PACKAGE).with_suffix("").parts])
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)


ABOVE_FAMILIES = {
    f"gradewise.{name}" for name in ("config.models", "config.config", "config.schema", "plan", "planning")
}
"""Put the sections of the configuration together, families' settings among them; no step but `plan` imports them."""


def stage(module):
    if module in ABOVE_FAMILIES:
        return STAGES.index("families")
    if module == "gradewise.__main__":
        return len(STAGES)
    parts = module.split(".")
    return STAGES.index(parts[1]) if len(parts) > 1 and parts[1] in STAGES else -1


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_from_later_stages(module):
    later = [name for name in first_party_imports(module) if stage(name) > stage(module)]
    assert later == []


def loaded_first(module):
    """Modules that Python loads to import a module: those that it names, and the packages around these."""
    names = set(first_party_imports(module))
    for name in list(names):
        names |= {name.rsplit(".", depth)[0] for depth in range(1, name.count("."))}
    return {name for name in names if not f"{module}.".startswith(f"{name}.")}


def test_no_circle_exists():
    packages = {module.rpartition(".")[0] for module in MODULES} - {"gradewise"}
    order = TopologicalSorter({module: loaded_first(module) for module in [*MODULES, *packages]})
    assert len(list(order.static_order())) >= len(MODULES)


@pytest.mark.parametrize(
    ("step", "others"),
    [
        ("images.manifest", ("config", "views", "families")),
        ("views.view", ("families", "config.symmetries")),
        (
            "families.fit_pca",
            (
                "images",
                "views.apply",
                "config",
                "families.cnn",
                "families.pca_svm",
                "families.forest",
                "families.linear",
            ),
        ),
        (
            "families.train families.cnn",
            (
                "images",
                "views.apply",
                "config.views",
                "families.graph",
                "families.pca_svm",
                "families.forest",
                "families.linear",
            ),
        ),
        (
            "families.train families.pca_svm",
            (
                "images",
                "views.apply",
                "config.views",
                "families.graph",
                "families.cnn",
                "families.forest",
                "families.linear",
            ),
        ),
        (
            "families.train families.forest",
            (
                "images",
                "views.apply",
                "config.views",
                "families.graph",
                "families.cnn",
                "families.pca_svm",
                "families.linear",
            ),
        ),
        (
            "families.train families.linear",
            (
                "images",
                "views.apply",
                "config.views",
                "families.graph",
                "families.cnn",
                "families.pca_svm",
                "families.forest",
            ),
        ),
    ],
)
def test_edits_elsewhere_do_not_rerun_a_step(step, others):
    """Neither a simulator nor a table of the report nor a kind of study, nor `others`, count for the step's version."""
    unrelated = ("simulate", "evaluation", "judgement", "predict", "report", "studies", *others)
    closure = {
        name.removeprefix("gradewise.") for name in import_closure(*(f"gradewise.{module}" for module in step.split()))
    }
    assert [name for name in closure if f"{name}.".startswith(tuple(f"{part}." for part in unrelated))] == []


def test_parsing_the_workflow_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, yaml, gradewise.provenance, gradewise.studies.planning;"
        "from gradewise.studies.config import load;"
        f"gradewise.studies.planning.StudiesPlan(load(yaml.safe_load(open({str(CONFIG)!r}))));"
        "print(sorted({'numpy', 'pandas', 'torch', 'sklearn', 'cv2', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
