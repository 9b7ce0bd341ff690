"""Which classifier to use on labelled images, how good it will be on new ones, and what it will cost."""

import os

__version__ = "0.1.0"

# By default OpenMP's threads wait for each other in a busy loop, which slows training of networks many times as soon as
# another process needs a core. The variable is read once, when a library that uses OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
