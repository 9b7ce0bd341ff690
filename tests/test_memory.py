"""A process that trains keeps the memory that it freed."""

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
