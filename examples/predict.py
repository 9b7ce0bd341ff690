"""Classify new images from Python: python examples/predict.py results/mangoes/models/forest-photos/0 photo.jpg

The folder is that of one run. Prints one line per image, tab-separated: file, class, and the probability of each class.
The command `gradewise predict` does the same for any number of images and writes a table.
"""

import sys
from pathlib import Path

from gradewise.predict import predict_files

if len(sys.argv) < 3:
    sys.exit(__doc__)
for verdict in predict_files(Path(sys.argv[1]), map(Path, sys.argv[2:])):
    probabilities = [f"{name} {probability:.4f}" for name, probability in verdict.probabilities.items()]
    print(verdict.path, verdict.predicted or verdict.error, *probabilities, sep="\t")
