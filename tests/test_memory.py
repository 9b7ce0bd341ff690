"""A process keeps the memory that it freed, or gives it back, where it is asked to."""

import subprocess
import sys

import pytest

FREED = """
import numpy as np
from gradewise.memory import keep_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1])

if {keep}:
    keep_freed_memory()
before = resident()
block = np.ones(2**24)  # 128 MiB
during = resident()
del block
print((resident() - before) / (during - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("keep", [True, False])
def test_freed_memory_is_kept_only_where_asked_for(keep):
    done = subprocess.run([sys.executable, "-c", FREED.format(keep=keep)], capture_output=True, text=True, check=True)
    assert (float(done.stdout) > 0.5) == keep


HOLES = """
import numpy as np
from gradewise.memory import give_back_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1])

before = resident()
blocks = [np.ones(2**10) for _ in range(2**14)]  # 128 MiB
during = resident()
del blocks[:-1]  # the last one lies above the hole
left = resident()
give_back_memory()
print((left - before) / (during - before), (resident() - before) / (during - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_holes_are_given_back():
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    left, given_back = map(float, done.stdout.split())
    assert left > 0.5
    assert given_back < 0.2
