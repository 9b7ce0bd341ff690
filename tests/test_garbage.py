"""How often Python looks for garbage."""

import gc
import subprocess
import sys

import pytest

MODULE = "import gc, gradewise; print(gc.get_threshold()[0])"


@pytest.mark.parametrize("how", ["step", "import"])
def test_only_steps_look_for_garbage_more_rarely(tmp_path, how):
    (tmp_path / "step.py").write_text(MODULE)
    (tmp_path / "used.py").write_text("import step")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("import gradewise")
    (tmp_path / "package/step.py").write_text(MODULE)
    command = ["-m", "package.step"] if how == "step" else ["used.py"]
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (int(done.stdout) > gc.get_threshold()[0]) == (how == "step")
