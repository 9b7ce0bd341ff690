"""The family `cnn`."""
