"""Classifies new images with the model of a run, by the code that made its tested verdicts."""

from gradewise.predict.predictor import Predictor, Verdict, load_predictor, predict_files

__all__ = ["Predictor", "Verdict", "load_predictor", "predict_files"]
