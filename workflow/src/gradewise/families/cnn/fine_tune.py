"""Trains a backbone further: first a new head on its features as they are, then the head with the last blocks."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import torch

from gradewise.config.backbones import Backbone
from gradewise.families.backbones.embedding import Embedding, read_published, read_weights
from gradewise.families.cnn.classifier import NetworkClassifier, place
from gradewise.families.cnn.fine_tuned import FineTunedClassifier, load_fine_tuned
from gradewise.families.cnn.fit import checkpoint_file, fitted
from gradewise.families.cnn.lite import LiteNetwork
from gradewise.families.cnn.settings import FineTuningSettings
from gradewise.families.cnn.temperature import choose_temperature
from gradewise.families.cnn.training import train_further
from gradewise.families.family import Fitted
from gradewise.families.linear.fit import regress
from gradewise.families.training_set import TrainingSet

__all__ = ["fine_tune", "load_fine_tuned"]

HEAD_C = 0.01
"""Inverse strength of the penalty with which the head is first fitted, the default of the family `linear`."""


def fine_tune(training: TrainingSet, settings: FineTuningSettings) -> Fitted:
    """Train a backbone further on the training samples.

    The head starts as a logistic regression on features of unchanged samples, since a random one would spoil the blocks
    below it at first (Kumar et al. 2022, Fine-tuning can distort pretrained features, ICLR). Calibration, checkpoints
    and reproducibility are as for `fit.fit`.

    Raises
    ------
    UserError
        If the weights do not fit the backbone, the samples are too small or too few, or training diverges.
    """
    pretrained = training.pretrained
    assert pretrained is not None, "models with these settings have a backbone"
    torch.set_num_threads(training.threads)
    section = pretrained.backbone.section
    embedding = read_published(pretrained.weights, section, training.shape)
    weights, intercept, accuracy = _fit_head(training, embedding, settings)
    published = read_weights(pretrained.weights) if settings.statistics == "updated" else None
    network = place(LiteNetwork(section, embedding.tensors, weights, intercept, settings.layers, published))
    start = hashlib.sha256(section.sha256.encode() + weights.tobytes() + intercept.tobytes()).hexdigest()
    trained = train_further(
        NetworkClassifier(network, settings, training.shape, training.classes, *_normalisation(section)),
        network.groups(settings.rate_decay),
        training.samples,
        training.seed,
        checkpoint_file(training, settings),
        start,
    )
    classifier = FineTunedClassifier(
        replace(embedding, tensors=network.tensors()),
        *network.head_weights(),
        training.classes,
        settings,
        threads=training.threads,
    )
    positions, targets = training.validation
    if len(positions):
        scores = classifier.scores(training.samples.pixels[positions])
        temperature = choose_temperature(scores, targets, training.groups(positions))
        classifier = replace(classifier, temperature=temperature)
    facts = {
        "temperature": classifier.temperature,
        "backbone": pretrained.backbone.described(),
        "fine_tuned": True,
        "parameters_trained": sum(value.numel() for value in network.parameters() if value.requires_grad),
        "validation_accuracy_of_head": accuracy,
    }
    parameters = sum(value.numel() for value in network.parameters())
    return fitted(classifier, parameters, trained, facts)


def _normalisation(section: Backbone) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each of three channels."""
    mean, std = ([float(value) for value in np.broadcast_to(values, 3)] for values in (section.mean, section.std))
    return mean, std


def _fit_head(
    training: TrainingSet, embedding: Embedding, settings: FineTuningSettings
) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Weights and intercept, float32, of a logistic regression on features, and its accuracy on validation samples."""
    positions, targets = training.train
    pixels = training.samples.pixels
    features = embedding.embed(pixels[positions], training.threads).reshape(len(positions), -1)
    head = regress(features, targets, HEAD_C, settings.class_weight)
    weights, intercept = head.weights.astype(np.float32), head.intercept.astype(np.float32)
    rows, expected = training.validation
    if not len(rows):
        return weights, intercept, None
    scores = embedding.embed(pixels[rows], training.threads).reshape(len(rows), -1) @ weights + intercept
    return weights, intercept, float((scores.argmax(axis=1) == expected).mean())
