"""Which classifier to use on labelled images, how good it will be on new ones, and what it will cost."""

__version__ = "0.1.0"
