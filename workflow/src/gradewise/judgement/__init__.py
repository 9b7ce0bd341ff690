"""What the probabilities of a model mean in use, from what the tested models said of images that they had not seen."""
