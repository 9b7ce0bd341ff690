"""Which classifier to use on labelled images, how good it will be on new ones, and what it will cost."""

import os

__version__ = "0.1.0"

# OpenMP's threads otherwise wait for each other in a busy loop, which makes networks many times slower to train as soon
# as another process wants a core. It is read once, when a library that uses OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
