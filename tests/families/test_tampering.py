"""Models that were damaged or altered are refused with one error that names the file, and never crash the process."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from safetensors.numpy import load_file, save
from sklearn.svm import SVC

from gradewise.command import UserError
from gradewise.families.estimators import read_estimator
from gradewise.families.fit_pca import fit_pca
from gradewise.families.forest.stored import TRUSTED
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


def edit_svc(change: Callable[[SVC], object]) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        svc = read_estimator(folder / "svm.skops", ())
        change(svc)
        skops.io.dump(svc, folder / "svm.skops")

    return alter


def edit_forest(change: Callable[[object], object]) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        forest = read_estimator(folder / "forest.skops", TRUSTED)
        change(forest)
        skops.io.dump(forest, folder / "forest.skops")

    return alter


def edit_nodes(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    """Change the state of the first tree."""

    def alter_tree(forest) -> None:
        tree = forest.estimators_[0]
        constructor, arguments, state = tree.tree_.__reduce__()
        state = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in state.items()}
        change(state)
        tree.tree_ = constructor(*arguments)
        tree.tree_.__setstate__(state)

    return edit_forest(alter_tree)


def edit_schema(file: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        with zipfile.ZipFile(folder / file) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        content["schema.json"] = change(content["schema.json"].decode()).encode()
        with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)

    return alter


def number(value: int) -> dict[str, object]:
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": str(value),
        "is_json": True,
    }


def first_tree(content):
    return content["content"]["content"]["estimators_"]["content"][0]["content"]["content"]["tree_"]


def many_outputs(schema: str) -> str:
    content = json.loads(schema)
    first_tree(content)["__reduce__"]["args"]["content"][2] = number(2**40)
    return json.dumps(content)


def one_node(schema: str) -> str:
    content = json.loads(schema)
    first_tree(content)["content"]["content"]["node_count"] = number(1)
    return json.dumps(content)


def false_number(schema: str) -> str:
    """Give the first tree the number of a part that comes before it."""
    content = json.loads(schema)
    first_tree(content)["__id__"] = content["__id__"]
    return json.dumps(content)


def blanks(folder: Path) -> None:
    with zipfile.ZipFile(folder / "forest.skops", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("blanks", bytes(2**24))


def huge_array(folder: Path) -> None:
    with zipfile.ZipFile(folder / "svm.skops", "a", zipfile.ZIP_DEFLATED) as archive, archive.open("x", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})


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


def put(state, name, value, node=0):
    state["nodes"][name][node] = value


NAN = float("nan")
CASES = {
    "forest-cut": ("forest", cut("forest.skops"), r"forest\.skops: cannot be read"),
    "forest-blanks": ("forest", blanks, r"forest\.skops: unpacks to \d+ bytes"),
    "forest-left-child": ("forest", edit_nodes(lambda s: put(s, "left_child", 10**9)), "children do not follow"),
    "forest-right-child": ("forest", edit_nodes(lambda s: put(s, "right_child", -7)), "children do not follow"),
    "forest-one-child": ("forest", edit_nodes(lambda s: put(s, "right_child", -1)), "one child"),
    "forest-cycle": ("forest", edit_nodes(lambda s: put(s, "left_child", 0)), "children do not follow"),
    "forest-feature": ("forest", edit_nodes(lambda s: put(s, "feature", 10**9)), "outside 0 to 63"),
    "forest-negative-feature": ("forest", edit_nodes(lambda s: put(s, "feature", -5)), "outside 0 to 63"),
    "forest-threshold": ("forest", edit_nodes(lambda s: put(s, "threshold", NAN)), "threshold is not finite"),
    "forest-values": ("forest", edit_nodes(lambda s: s["values"].fill(NAN)), "do not add up to 1"),
    "forest-node-count": ("forest", edit_schema("forest.skops", one_node), "says that it has 1 nodes"),
    "forest-depth": ("forest", edit_nodes(lambda s: s.update(max_depth=0)), "is not 0 levels deep"),
    "forest-outputs": ("forest", edit_schema("forest.skops", many_outputs), "another number of outputs"),
    "forest-false-number": ("forest", edit_schema("forest.skops", false_number), "two different parts"),
    "forest-attribute": ("forest", edit_forest(lambda f: setattr(f, "predict_proba", 1)), "missing or unknown"),
    "forest-no-trees": ("forest", edit_forest(lambda f: f.estimators_.clear()), "number of trees"),
    "forest-other-estimator": (
        "forest",
        lambda folder: skops.io.dump(SVC(), folder / "forest.skops"),
        "contains a SVC, not a forest",
    ),
    "forest-shape": ("forest", edit_json("model.json", shape=[9, 8, 1]), r"64 features, 3 classes .* not 72"),
    "forest-features": ("forest", edit_json("model.json", features="Other"), r"model\.json: cannot be read"),
    "forest-unknown-key": ("forest", edit_json("model.json", extra=1), r"model\.json: .*unknown key 'extra'"),
    "forest-pipe": ("forest", pipe, r"model\.json: there is no such file"),
    "selected-beyond": (
        "selected",
        edit_tensors("pixels.safetensors", lambda t: put({"nodes": t}, "kept", 10**6, -1)),
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
    "svm-fewer-components": ("svm", edit_settings(components=3), "takes 4 components, not 3"),
    "svm-vectors": (
        "svm",
        edit_svc(lambda svc: setattr(svc, "support_vectors_", svc.support_vectors_[:-1])),
        r"support_ is not int32",
    ),
    "svm-counts": ("svm", edit_svc(lambda svc: svc._n_support.__setitem__(0, 10**6)), "do not add up"),
    "svm-nan": ("svm", edit_svc(lambda svc: svc._dual_coef_.fill(NAN)), "_dual_coef_ contains values"),
    "svm-kernel": ("svm", edit_svc(lambda svc: setattr(svc, "kernel", "precomputed")), "kernel is 'precomputed'"),
    "svm-huge-array": ("svm", huge_array, "x has 0 bytes, but should have 8000000000000"),
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
    for case in ("forest-left-child", "forest-feature", "forest-node-count", "forest-outputs"):
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
