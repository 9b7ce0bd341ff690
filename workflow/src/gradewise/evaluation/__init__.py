"""From predictions to metrics with intervals and comparisons."""
