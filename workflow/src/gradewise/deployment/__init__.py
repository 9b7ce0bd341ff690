"""Hands over a model: a folder with all that classifying new images takes, and the proof of what it predicts."""
