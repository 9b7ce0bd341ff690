"""What a result was made from and with: code and data hashes, versions, derived seeds, memory.

Imports nothing heavy: the workflow calls `code_version` while it is parsed.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import resource
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from gradewise import __version__

PACKAGE = Path(__file__).parent
LIBRARIES = (
    "torch",
    "scikit-learn",
    "scikit-image",
    "opencv-python-headless",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "snakemake",
    "kornia",
    "skops",
    "safetensors",
)


def code_version(*modules: str) -> str:
    """Hash of the source of modules and of every first-party module that they import, directly or not.

    Parameters
    ----------
    *modules : str
        Dotted names, e.g. ``gradewise.families.forest.train_forest``.

    Returns
    -------
    str
        Twelve hexadecimal digits; other digits mean other code.
    """
    digest = hashlib.sha256()
    for name in sorted(_closure(modules)):
        digest.update(name.encode() + b"\0" + _source(name).read_bytes())
    return digest.hexdigest()[:12]


def _closure(modules: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(first_party_imports(name))
    return found


@cache
def first_party_imports(module: str) -> tuple[str, ...]:
    """Names of the modules of this package that a module's source imports, anywhere in it."""
    imported = []
    for node in ast.walk(ast.parse(_source(module).read_text())):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in imported if name.split(".")[0] == PACKAGE.name and _source(name).exists())


def _source(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed of its own for each purpose, from the configured one: below 2**31, equal for equal arguments."""
    text = "\0".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that results depend on, as far as installed."""
    found = {"python": platform.python_version(), "gradewise": __version__}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_memory_mb() -> float:
    """Highest resident memory of this process so far [MiB]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
