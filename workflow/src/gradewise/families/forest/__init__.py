"""The family `forest`."""
