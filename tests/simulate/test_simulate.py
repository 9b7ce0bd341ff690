import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise.config.simulations import MangoSimulation, NanofibreSimulation
from gradewise.simulate.simulate import simulate

pytestmark = pytest.mark.slow

NANOFIBRES = NanofibreSimulation.model_validate({"kind": "nanofibres", "images": 16, "side": 256})
MANGOES = MangoSimulation.model_validate({"kind": "mangoes", "images": 8, "side": 96})


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module", params=[NANOFIBRES, MANGOES], ids=["nanofibres", "mangoes"])
def dataset(request, tmp_path_factory):
    output = tmp_path_factory.mktemp("simulated")
    simulate(simulation=request.param, seed=5, threads=1, output=output)
    return request.param, output


def test_any_number_of_processes_writes_the_same_bytes(dataset, tmp_path):
    simulation, output = dataset
    simulate(simulation=simulation, seed=5, threads=2, output=tmp_path)
    assert contents(tmp_path) == contents(output)


def test_another_seed_writes_other_images(dataset, tmp_path):
    simulation, output = dataset
    simulate(simulation=simulation, seed=6, threads=1, output=tmp_path)
    ours, theirs = contents(output), contents(tmp_path)
    assert all(ours[name] != theirs[name] for name in ours if name.startswith("images/"))


def test_each_row_of_the_label_table_has_an_image_and_masks_of_its_size(dataset):
    simulation, output = dataset
    table = pd.read_csv(output / "labels.csv")
    assert list(table.columns[:2]) == ["image_id", "label"]
    assert len(table) == simulation.images
    folders = [folder.name for folder in output.iterdir() if folder.is_dir()]
    for folder in folders:
        assert sorted(path.name for path in (output / folder).iterdir()) == sorted(table["image_id"])
        for name in table["image_id"]:
            with Image.open(output / folder / name) as image:
                assert image.size == (simulation.side, simulation.side)
                assert image.mode == ("RGB" if folder == "images" and simulation.kind == "mangoes" else "L")


def test_metadata_name_the_group_and_do_not_repeat_the_label(dataset):
    simulation, output = dataset
    columns = list(pd.read_csv(output / "labels.csv").columns)
    assert (
        columns[2:]
        == {
            "nanofibres": ["experiment", "area", "concentration_wt", "voltage_kv", "flow_rate_ul_min", "distance_cm"],
            "mangoes": ["fruit", "photo", "cultivar"],
        }[simulation.kind]
    )


def test_what_an_earlier_run_left_is_replaced(tmp_path):
    stray = tmp_path / "images" / "stray.png"
    stray.parent.mkdir()
    stray.touch()
    simulate(simulation=MANGOES, seed=5, threads=1, output=tmp_path)
    assert not stray.exists()


def test_red_is_the_first_channel(tmp_path):
    simulate(simulation=MANGOES, seed=5, threads=1, output=tmp_path)
    colours = [
        read(path)[read(tmp_path / "objects" / path.name) > 0].mean(axis=0) for path in (tmp_path / "images").iterdir()
    ]
    red, _, blue = np.mean(colours, axis=0)
    assert red > blue


def run(*flags):
    command = [sys.executable, "-m", "gradewise.simulate.simulate", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_runs_from_the_command_line(tmp_path):
    settings = '{"kind":"mangoes","images":6,"side":64}'
    done = run("--simulation", settings, "--seed", "2020", "--threads", "1", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "images").iterdir())) == 6


def test_an_unknown_kind_is_refused_by_name(tmp_path):
    done = run("--simulation", '{"kind":"plums"}', "--seed", "1", "--threads", "1", "--output", str(tmp_path))
    assert done.returncode != 0
    assert "plums" in done.stderr


def test_workers_end_when_their_parent_is_killed(tmp_path):
    settings = '{"kind":"mangoes","images":400,"side":64}'
    command = [sys.executable, "-m", "gradewise.simulate.simulate", "--simulation", settings, "--seed", "1"]
    flags = ["--threads", "2", "--output", str(tmp_path)]
    # workers hold the pipe open as long as they live
    with subprocess.Popen([*command, *flags], stdout=subprocess.PIPE) as process:
        while not (tmp_path / "images").exists() and process.poll() is None:
            time.sleep(0.05)
        process.kill()
        process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
