"""A model that is handed over: complete in its folder, equal to the run it came from, and refused if altered."""

import json
import shutil

import pytest

from gradewise import provenance
from gradewise.command import UserError
from gradewise.families import hashes
from gradewise.predict import artefact, load_predictor, parts, predict_files
from gradewise.predict.artefact import copy_members, read_artefact, seal
from gradewise.predict.loading import read_parts


@pytest.fixture
def handed_over(make_blend, tmp_path):
    """A blend of two forests in a folder of its own, and the verdicts of the run it came from."""
    run = make_blend(["grey", {"resize": 16}], ["grey", {"tile": 16}], "probability", "image")
    images = sorted((tmp_path / "photos").iterdir())
    verdicts = list(predict_files(run, images))
    parts = read_parts(run)
    folder = tmp_path / "handed-over"
    seal(folder, parts, "both", copy_members(parts, folder))
    shutil.rmtree(tmp_path / "results")
    return folder, images, verdicts


def test_it_predicts_the_same_without_the_results_it_came_from(handed_over, tmp_path):
    folder, images, verdicts = handed_over
    assert list(predict_files(folder, images)) == verdicts
    moved = folder.rename(tmp_path / "elsewhere")
    assert list(predict_files(moved, images)) == verdicts
    assert read_artefact(moved).name == "both"


def test_its_fingerprint_is_that_of_the_run(make_run, tmp_path):
    run = make_run("grey", {"resize": 16})
    parts = read_parts(run)
    seal(tmp_path / "copy", parts, "forest", copy_members(parts, tmp_path / "copy"))
    assert load_predictor(tmp_path / "copy").fingerprint == load_predictor(run).fingerprint


def test_two_runs_of_one_model_lie_side_by_side(run, tmp_path):
    shutil.copytree(run, run.parent / "1")
    (run.parents[1] / "twice/0").mkdir(parents=True)
    record = json.loads((run / "run.json").read_text())
    settings = {"members": ["forest"], "repeats": [0, 1], "by": "probability", "level": "sample"}
    record |= {"family": "blend", "model": "twice", "settings": settings}
    (run.parents[1] / "twice/0/run.json").write_text(json.dumps(record))
    parts = read_parts(run.parents[1] / "twice/0")
    members = copy_members(parts, tmp_path / "copy")
    assert [member.folder for member in members] == ["models/forest-0", "models/forest-1"]


def alter(path, **changed):
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_an_altered_or_incomplete_folder_is_refused_with_the_file(handed_over):
    folder, images, _ = handed_over

    def refused(match):
        with pytest.raises(UserError, match=match):
            predict_files(folder, images)

    model, weights = folder / "model.json", folder / "models/forest/forest.safetensors"
    whole, content = weights.read_bytes(), model.read_text()
    weights.write_bytes(whole[:-1] + b"x")
    refused("forest.safetensors: differs from its hash in model.json")
    weights.unlink()
    refused("forest.safetensors: is missing, though model.json lists it")
    weights.write_bytes(whole)
    alter(model, format=2)
    refused("has the format 2, and this version of gradewise reads 1")
    model.write_text(content[: len(content) // 2])
    refused("model.json: cannot be read")
    model.write_text(content)
    alter(model, files={"../outside.txt": "0" * 64})
    refused("which is not inside the folder")
    model.write_text(content)
    alter(model, files={})
    refused("lists no files of the model 'forest'")
    model.write_text(content)
    alter(model, members=[json.loads(content)["members"][0] | {"folder": "/etc"}])
    refused("is not a path inside the folder")
    model.write_text(content)
    assert len(list(predict_files(folder, images))) == len(images)


def test_its_files_are_hashed_once(handed_over, monkeypatch):
    folder, images, verdicts = handed_over
    hashed = []

    def counted(path):
        hashed.append(path.resolve())
        return provenance.hash_file(path)

    for module in (artefact, parts, hashes):
        monkeypatch.setattr(module, "hash_file", counted)
    assert list(predict_files(folder, images)) == verdicts
    assert len(hashed) == len(set(hashed)) == len(read_artefact(folder).files)
