"""The model families: training, prediction, storage."""
