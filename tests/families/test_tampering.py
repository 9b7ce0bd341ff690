"""Models that were damaged or altered are refused with one error that names the file, and never crash the process."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from gradewise.command import UserError
from gradewise.families.fit_pca import fit_pca
from gradewise.families.hashes import HASHES
from gradewise.families.load import load
from gradewise.families.train import train

SETTINGS = {
    "forest": ("forest", {"trees": 2}),
    "selected": ("forest", {"trees": 2, "select": 1.0}),
    "reduced": ("forest", {"trees": 2, "components": 3}),
    "svm": ("pca_svm", {"components": 4}),
    "linear": ("linear", {}),
    "cnn": ("cnn", {"channels": [2], "dense": [3], "epochs": 1, "batch_size": 8}),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, write):
    """A folder with one small model of each kind."""
    root = tmp_path_factory.mktemp("trained")
    cache = write(root / "cache", groups=30)
    fit_pca(**cache.inputs, repeat=0, components=5, threads=1, output=root / "pca")
    shared = {"features": root / "pca/features.parquet", "pca": root / "pca/pca.safetensors"}
    for name, (family, settings) in SETTINGS.items():
        train(
            family=family,
            **cache.inputs,
            **(shared if family == "pca_svm" else {}),
            repeat=0,
            dataset="made-up",
            model=name,
            view="whole",
            classes=cache.classes,
            candidates=[settings],
            seed=1,
            threads=1,
            output=root / name,
        )
    return root


@pytest.fixture
def copy(trained, tmp_path):
    """Gives a copy of a model's folder, without hashes, so that the content itself must be checked."""

    def of(name: str) -> Path:
        folder = shutil.copytree(trained / name, tmp_path / name)
        (folder / HASHES).unlink()
        return folder

    return of


def edit_json(file: str, **values: object) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        content = {**json.loads((folder / file).read_text()), **values}
        (folder / file).write_text(json.dumps({key: value for key, value in content.items() if value != "absent"}))

    return alter


def edit_settings(**values: object) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        settings = json.loads((folder / "model.json").read_text())["settings"]
        edit_json("model.json", settings={**settings, **values})(folder)

    return alter


def edit_tensors(file: str, change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        from safetensors import safe_open

        with safe_open(folder / file, framework="numpy") as stored:
            metadata = stored.metadata()
        tensors = load_file(folder / file)
        change(tensors)
        (folder / file).write_bytes(save(tensors, metadata))

    return alter


def edit_pca_metadata(**values: object) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        tensors = load_file(folder / "pca.safetensors")
        facts = {"seconds_fit": 0.0, "shape": [8, 8, 1], "total_variance": 1.0, **values}
        (folder / "pca.safetensors").write_bytes(save(tensors, {"gradewise": json.dumps(facts)}))

    return alter


def edit_trees(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    return edit_tensors("forest.safetensors", change)


def edit_machine(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    return edit_tensors("svm.safetensors", change)


def cut(file: str) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: len(content) * 2 // 3])

    return alter


def mostly_holes(file: str, tensor: str, kind: str, length: int) -> Callable[[Path], None]:
    """A file whose header claims a tensor of a length, none of which was ever written."""

    def alter(folder: Path) -> None:
        size = length * int(kind[1:]) // 8
        header = json.dumps({tensor: {"dtype": kind, "shape": [length], "data_offsets": [0, size]}}).encode()
        (folder / file).write_bytes(len(header).to_bytes(8, "little") + header)
        os.truncate(folder / file, 8 + len(header) + size)

    return alter


def pipe(folder: Path) -> None:
    (folder / "model.json").unlink()
    os.mkfifo(folder / "model.json")


def put(arrays, name, value, position=0):
    arrays[name][position] = value


NAN = float("nan")
CASES = {
    "forest-cut": ("forest", cut("forest.safetensors"), r"forest\.safetensors: cannot be read"),
    "forest-no-model": (
        "forest",
        lambda folder: (folder / "forest.safetensors").write_bytes(b"not a model"),
        r"forest\.safetensors: cannot be read",
    ),
    "forest-holes": (
        "forest",
        mostly_holes("forest.safetensors", "values", "F64", 2**27),
        r"forest\.safetensors: .*ever written",
    ),
    "forest-left-child": ("forest", edit_trees(lambda t: put(t, "left_child", 10**9)), "children do not follow"),
    "forest-right-child": ("forest", edit_trees(lambda t: put(t, "right_child", -7)), "children do not follow"),
    "forest-one-child": ("forest", edit_trees(lambda t: put(t, "right_child", -1)), "one child"),
    "forest-cycle": ("forest", edit_trees(lambda t: put(t, "left_child", 0)), "children do not follow"),
    "forest-feature": ("forest", edit_trees(lambda t: put(t, "feature", 10**9)), "outside 0 to 63"),
    "forest-negative-feature": ("forest", edit_trees(lambda t: put(t, "feature", -5)), "outside 0 to 63"),
    "forest-threshold": ("forest", edit_trees(lambda t: put(t, "threshold", NAN)), "threshold contains"),
    "forest-nan": ("forest", edit_trees(lambda t: t["values"].fill(NAN)), "values contains"),
    "forest-values": ("forest", edit_trees(lambda t: t["values"].fill(0.4)), "do not add up to 1"),
    "forest-negative-values": ("forest", edit_trees(lambda t: put(t, "values", [2, -1, 0])), "do not add up to 1"),
    "forest-node-count": ("forest", edit_trees(lambda t: put(t, "node_counts", 1)), "numbers of nodes do not add up"),
    "forest-negative-count": (
        "forest",
        edit_trees(lambda t: t.update(node_counts=t["node_counts"].sum() * np.array([2, -1]))),
        "numbers of nodes do not add up",
    ),
    "forest-fewer-features": (
        "forest",
        edit_trees(lambda t: t.update(feature=t["feature"][:-1])),
        "numbers of nodes do not add up",
    ),
    "forest-no-trees": ("forest", edit_trees(lambda t: t.update(node_counts=t["node_counts"][:0])), "node_counts is"),
    "forest-type": (
        "forest",
        edit_trees(lambda t: t.update(left_child=t["left_child"].astype(np.int64))),
        "left_child is I64",
    ),
    "forest-shape": ("forest", edit_json("model.json", shape=[2, 1, 1]), "outside 0 to 1"),
    "forest-classes": ("forest", edit_json("model.json", classes=["A", "B"]), "values is F64"),
    "forest-features": ("forest", edit_json("model.json", features="Other"), r"model\.json: cannot be read"),
    "forest-unknown-key": ("forest", edit_json("model.json", extra=1), r"model\.json: .*unknown key 'extra'"),
    "forest-pipe": ("forest", pipe, r"model\.json: there is no such file"),
    "selected-beyond": (
        "selected",
        edit_tensors("pixels.safetensors", lambda t: put(t, "kept", 10**6, -1)),
        r"pixels\.safetensors: kept is not a selection of 64 values",
    ),
    "selected-holes": (
        "selected",
        mostly_holes("pixels.safetensors", "kept", "I64", 2**27),
        r"pixels\.safetensors: .*claims 10737\d+ bytes, of which \d+ were ever written",
    ),
    "selected-beyond-memory": (
        "selected",
        mostly_holes("pixels.safetensors", "kept", "I64", 2**40),
        r"pixels\.safetensors: .*more than the memory of this machine",
    ),
    "svm-holes": ("svm", mostly_holes("pca.safetensors", "mean", "F32", 2**28), r"pca\.safetensors: .*ever written"),
    "cnn-holes": ("cnn", mostly_holes("model.safetensors", "a", "F32", 2**28), r"model\.safetensors: .*ever written"),
    "selected-type": (
        "selected",
        edit_tensors("pixels.safetensors", lambda t: t.update(kept=t["kept"].astype(np.float32))),
        "kept is F32",
    ),
    "reduced-shape": ("reduced", edit_pca_metadata(shape=[4, 16, 1]), r"pca\.safetensors: has components of"),
    "svm-cut-components": ("svm", cut("pca.safetensors"), r"pca\.safetensors: cannot be read"),
    "svm-view": ("svm", edit_pca_metadata(shape=[9, 9, 1]), r"pca\.safetensors: mean is F32 of shape \(64,\)"),
    "svm-variance": ("svm", edit_pca_metadata(total_variance="x"), r"pca\.safetensors: cannot be read"),
    "svm-nan-mean": ("svm", edit_tensors("pca.safetensors", lambda t: t["mean"].fill(NAN)), "mean contains"),
    "svm-extra-tensor": (
        "svm",
        edit_tensors("pca.safetensors", lambda t: t.update(more=t["mean"])),
        "unknown tensors more",
    ),
    "svm-fewer-components": ("svm", edit_settings(components=3), r"vectors is F64 of shape \(\d+, 4\)"),
    "svm-cut": ("svm", cut("svm.safetensors"), r"svm\.safetensors: cannot be read"),
    "svm-vectors": (
        "svm",
        edit_machine(lambda t: t.update(vectors=t["vectors"][:-1])),
        "numbers of support vectors do not add up",
    ),
    "svm-coefficients": (
        "svm",
        edit_machine(lambda t: t.update(coefficients=t["coefficients"][:, :-1].copy())),
        "numbers of support vectors do not add up",
    ),
    "svm-counts": ("svm", edit_machine(lambda t: put(t, "counts", 10**6)), "do not add up"),
    "svm-negative-count": (
        "svm",
        edit_machine(lambda t: t.update(counts=t["counts"].sum() * np.array([1, 1, -1]))),
        "do not add up",
    ),
    "svm-nan": ("svm", edit_machine(lambda t: t["coefficients"].fill(NAN)), "coefficients contains values"),
    "svm-kernel": ("svm", edit_settings(kernel="precomputed"), r"model\.json: .*kernel"),
    "svm-other-kernel": ("svm", edit_settings(kernel="linear"), "for a linear kernel"),
    "svm-gamma": ("svm", edit_json("model.json", gamma=0.0), r"model\.json: .*gamma"),
    "svm-no-gamma": ("svm", edit_json("model.json", gamma=None), "gamma is None for a rbf kernel"),
    "svm-sigmoids": ("svm", edit_json("model.json", sigmoids=[[1.0, 0.0]]), "has 1 sigmoids, not 3"),
    "svm-nan-sigmoids": ("svm", edit_json("model.json", sigmoids=[[NAN, 0.0]] * 3), "NaN is not a number"),
    "linear-cut": ("linear", cut("linear.safetensors"), r"linear\.safetensors: cannot be read"),
    "linear-nan": ("linear", edit_tensors("linear.safetensors", lambda t: t["weights"].fill(NAN)), "weights contains"),
    "linear-view": ("linear", edit_json("model.json", shape=[9, 9, 1]), r"weights is F64 of shape \(64, 3\)"),
    "linear-classes": ("linear", edit_json("model.json", classes=["A", "B"]), r"not F64 of shape \(64, 2\)"),
    "linear-unknown-key": ("linear", edit_json("model.json", extra=1), r"model\.json: .*unknown key 'extra'"),
    "cnn-cut": ("cnn", cut("model.safetensors"), r"model\.safetensors: cannot be read"),
    "cnn-temperature": ("cnn", edit_json("model.json", temperature=0), r"model\.json: .*temperature"),
    "cnn-negative-temperature": ("cnn", edit_json("model.json", temperature=-1.0), r"model\.json: .*temperature"),
    "cnn-nan-temperature": ("cnn", edit_json("model.json", temperature=NAN), "NaN is not a number"),
    "cnn-std": ("cnn", edit_json("model.json", std=[0.0]), r"model\.json: .*std"),
    "cnn-mean": ("cnn", edit_json("model.json", mean=[0.1, 0.2]), "not those of 1 channels"),
    "cnn-class-less": (
        "cnn",
        edit_json("model.json", classes=["A", "B"]),
        r"model\.safetensors: head\.FC2\.weight is F32",
    ),
    "cnn-nan": (
        "cnn",
        edit_tensors("model.safetensors", lambda t: t["head.FC1.bias"].fill(NAN)),
        r"FC1\.bias contains",
    ),
    "cnn-missing-tensor": (
        "cnn",
        edit_tensors("model.safetensors", lambda t: t.pop("head.FC1.bias")),
        r"lacks the tensors head\.FC1\.bias",
    ),
    "cnn-type": (
        "cnn",
        edit_tensors("model.safetensors", lambda t: t.update({"head.FC1.bias": np.zeros(3)})),
        r"FC1\.bias is F64",
    ),
    "cnn-endless": ("cnn", edit_settings(convolutions=10**12), "too few for"),
    "cnn-wide": ("cnn", edit_settings(channels=[2**40]), r"model\.safetensors: "),
    "cnn-large-json": (
        "cnn",
        lambda folder: (folder / "model.json").write_bytes(b" " * (2**24 + 1)),
        r"model\.json: has 16777217 bytes",
    ),
    "cnn-nested-json": (
        "cnn",
        lambda folder: (folder / "model.json").write_bytes(b"[" * 10**6),
        r"model\.json: cannot be read",
    ),
    "run-class-more": (
        "svm",
        edit_json("run.json", classes=["A", "B", "C", "D"]),
        r"run\.json: lists the classes A, B, C, D",
    ),
    "run-no-family": ("svm", edit_json("run.json", family="absent"), r"run\.json: cannot be read .*family"),
}


@pytest.mark.parametrize(("name", "alter", "message"), CASES.values(), ids=CASES)
def test_an_altered_model_is_refused(copy, name, alter, message):
    folder = copy(name)
    alter(folder)
    with pytest.raises(UserError, match=message) as refusal:
        load(folder)
    assert str(folder) in str(refusal.value)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_untouched_model_is_loaded(copy, name):
    assert load(copy(name)).classes == ["A", "B", "C"]


def test_a_model_that_differs_from_its_hashes_is_refused(trained, tmp_path):
    folder = shutil.copytree(trained / "cnn", tmp_path / "cnn")
    load(folder)
    edit_tensors("model.safetensors", lambda tensors: tensors["head.FC1.bias"].fill(0))(folder)
    with pytest.raises(UserError, match=r"model\.safetensors: differs from its hash in model\.sha256"):
        load(folder)


def test_a_listed_file_that_is_missing_is_named(trained, tmp_path):
    folder = shutil.copytree(trained / "selected", tmp_path / "selected")
    (folder / "pixels.safetensors").unlink()
    with pytest.raises(UserError, match=r"pixels\.safetensors: there is no such file"):
        load(folder)


def test_damaged_hashes_are_refused(trained, tmp_path):
    folder = shutil.copytree(trained / "cnn", tmp_path / "cnn")
    (folder / HASHES).write_text(f"{'0' * 64}  ../cnn/model.json\n")
    with pytest.raises(UserError, match=r"model\.sha256: has the line"):
        load(folder)


def test_hashes_are_those_of_sha256sum(trained):
    for name in SETTINGS:
        subprocess.run(
            ["sha256sum", "--check", "--strict", HASHES], cwd=trained / name, check=True, capture_output=True
        )


def test_files_have_the_permissions_that_the_umask_leaves(trained):
    umask = os.umask(0)
    os.umask(umask)
    files = [path for name in (*SETTINGS, "pca") for path in (trained / name).iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}


def test_a_process_survives_trees_with_false_indices(copy, tmp_path):
    folders = []
    for case in ("forest-left-child", "forest-feature", "forest-node-count", "svm-counts"):
        name, alter, _ = CASES[case]
        folders.append(copy(name).rename(tmp_path / case))
        alter(folders[-1])
    code = """
import sys
from pathlib import Path
from gradewise.command import UserError
from gradewise.families.load import load
for folder in sys.argv[1:]:
    try:
        load(Path(folder))
    except UserError:
        print("refused")
"""
    ended = subprocess.run([sys.executable, "-c", code, *map(str, folders)], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["refused"] * 4
