"""Where a result comes from: hashes of code and data, versions, derived seeds, memory.

Imports nothing heavy: the workflow calls `code_version` while it is parsed.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import resource
import sys
from collections.abc import Collection
from functools import cache
from importlib import metadata
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import NamedTuple

from gradewise import __version__

PACKAGE = "gradewise"
LIBRARIES = (
    "torch",
    "scikit-learn",
    "scikit-image",
    "opencv-python-headless",
    "numpy",
    "numba",
    "scipy",
    "pandas",
    "pyarrow",
    "snakemake",
    "kornia",
    "safetensors",
)


def code_version(*modules: str) -> str:
    """Hash of the code of modules and of every first-party module that they import, directly or not.

    Comments, docstrings and formatting do not count. Modules of gradewise and of the top-level packages of `modules`
    are first-party, so a package installed alongside gradewise counts if one of its modules is named. No module is
    executed, so imports by computed names are not followed.

    Parameters
    ----------
    *modules : str
        Dotted names, e.g. ``gradewise.families.train``.

    Returns
    -------
    str
        Twelve hexadecimal digits.

    Raises
    ------
    ModuleNotFoundError
        If one of `modules` has no source file.
    """
    digest = hashlib.sha256()
    for name in sorted(import_closure(*modules)):
        digest.update(name.encode() + b"\0" + _parse(_file_of(name).read_bytes()).digest)
    return digest.hexdigest()[:12]


def import_closure(*modules: str) -> set[str]:
    """Modules and every first-party module that they import, directly or not; see `code_version`."""
    packages = frozenset({PACKAGE, *(name.partition(".")[0] for name in modules)})
    closure: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure.add(name)
            waiting.extend(first_party_imports(name, packages))
    return closure


def first_party_imports(module: str, packages: Collection[str] = (PACKAGE,)) -> list[str]:
    """Names of the modules of given packages that a module imports anywhere in its source."""
    path = _file_of(module)
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    imported = (
        resolve_name(name, package) if name.startswith(".") else name for name in _parse(path.read_bytes()).imports
    )
    return [name for name in imported if name.partition(".")[0] in packages and _find_file(name) is not None]


class _Code(NamedTuple):
    """Hash of a module's code, and the names that it imports, relative ones with leading dots."""

    digest: bytes
    imports: tuple[str, ...]


@cache
def _parse(source: bytes) -> _Code:
    """Hash and imports in one pass over the syntax tree, the slowest part of computing code versions."""
    parts: list[str] = []
    imports: list[str] = []
    waiting: list[object] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            statements = [child for child in node if not _is_docstring(child)]
            parts.append(str(len(statements)))
            waiting += statements
        elif isinstance(node, ast.AST):
            parts.append(type(node).__name__)
            waiting += [getattr(node, field, None) for field in node._fields]
            if isinstance(node, ast.Import):
                imports += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                separator = "." if node.module else ""
                imports += [base, *(f"{base}{separator}{alias.name}" for alias in node.names)]
        else:
            parts.append(repr(node))
    return _Code(hashlib.sha256("\0".join(parts).encode()).digest(), tuple(imports))


def _is_docstring(statement: object) -> bool:
    """Whether a statement is a bare string, which has no effect."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _file_of(module: str) -> Path:
    path = _find_file(module)
    if path is None:
        raise ModuleNotFoundError(f"no source file of the module {module!r} is installed")
    return path


@cache
def _find_file(module: str) -> Path | None:
    """Source file of a module, found without executing its parent packages; None if there is none."""
    package, _, name = module.rpartition(".")
    if not package:
        spec = find_spec(module)
        return Path(spec.origin) if spec and spec.has_location and spec.origin else None
    places = [place for folder in _folders(package) for place in (folder / name / "__init__.py", folder / f"{name}.py")]
    return next((place for place in places if place.is_file()), None)


@cache
def _folders(package: str) -> list[Path]:
    """Folders of a package's modules; empty if it is not a package."""
    parent, _, name = package.rpartition(".")
    if not parent:
        spec = find_spec(package)
        return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    return [folder / name for folder in _folders(parent) if (folder / name).is_dir()]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def derive_seed(seed: int, *names: str | int) -> int:
    """Derive a separate seed for each purpose from the configured one; below 2**31, equal for equal arguments."""
    text = "\0".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def versions() -> dict[str, str]:
    """Versions of Python, this package and the installed libraries that results depend on."""
    installed = {"python": platform.python_version(), "gradewise": __version__}
    for name in LIBRARIES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def peak_memory_mb() -> float:
    """Highest resident memory of this process so far [MiB]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
