"""Which classifier to use on labelled images, how good it will be on new ones, and what it will cost."""

import gc
import os
import sys

__version__ = "0.1.0"

# By default OpenMP's threads wait for each other in a busy loop, which slows training of networks many times as soon as
# another process needs a core. The variable is read once, when a library that uses OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What is imported stays, but Python would look for garbage among it hundreds of times, which takes a sixth of the time
# of imports. A step (`python -m gradewise...`) imports some of it where it is first needed, and so looks for garbage
# more rarely throughout. Other processes that use the package are left alone.
if sys.argv[:1] == ["-m"]:
    gc.set_threshold(10_000)
