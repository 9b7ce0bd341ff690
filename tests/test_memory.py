"""A process keeps the memory that it freed, or gives it back, where it is asked to."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

RESIDENT = """
import numpy as np
from gradewise.memory import give_back_memory, keep_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1])
"""

FREED = """
if {keep}:
    keep_freed_memory()
before = resident()
block = np.ones(2**24)  # 128 MiB
during = resident()
del block
print((resident() - before) / (during - before))
"""

HOLES = """
before = resident()
blocks = [np.ones(2**10) for _ in range(2**14)]  # 128 MiB
during = resident()
del blocks[:-1]  # the last one lies above the hole
left = resident()
give_back_memory()
print((left - before) / (during - before), (resident() - before) / (during - before))
"""


def printed(code: str) -> list[float]:
    """The numbers that code prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", RESIDENT + code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.parametrize("keep", [True, False])
def test_freed_memory_is_kept_only_where_asked_for(keep):
    (left,) = printed(FREED.format(keep=keep))
    assert (left > 0.5) == keep


def test_holes_are_given_back():
    left, given_back = printed(HOLES)
    assert left > 0.5
    assert given_back < 0.2
