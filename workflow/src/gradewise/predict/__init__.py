"""Classifies new images with trained models, by the code that made their tested verdicts."""

from gradewise.predict.loading import load_predictor, predict_files
from gradewise.predict.predictor import Predictor, Verdict

__all__ = ["Predictor", "Verdict", "load_predictor", "predict_files"]
