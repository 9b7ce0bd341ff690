"""Fits a convolutional network and collects facts about it.

During training the run's folder contains `checkpoint-*.safetensors`, from which an interrupted run continues.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from gradewise.families.classifier import Classifier
from gradewise.families.cnn.convnet import layer_table
from gradewise.families.cnn.settings import CnnSettings, TrainingSettings
from gradewise.families.cnn.temperature import choose_temperature
from gradewise.families.cnn.training import Trained, train_network
from gradewise.families.family import Fitted
from gradewise.families.training_set import TrainingSet


def fit(training: TrainingSet, settings: CnnSettings) -> Fitted:
    """Train a network on the training samples.

    Its probabilities are calibrated on the validation samples if enough of their groups show that this helps (see
    `temperature`); predicted classes stay the same. CUDA is used if there is a device. On the CPU the result is
    reproducible for the same seed, settings, samples and number of threads.

    Raises
    ------
    UserError
        If the samples are too small for the network or too few, or if training diverges.
    """
    torch.set_num_threads(training.threads)
    checkpoint = checkpoint_file(training, settings)
    trained = train_network(training.samples, training.classes, settings, training.seed, checkpoint)
    classifier = trained.classifier
    positions, targets = training.validation
    if len(positions):
        scores = torch.cat(list(classifier.predict_scores(training.samples.pixels, positions))).cpu().numpy()
        temperature = choose_temperature(scores, targets, training.groups(positions))
        classifier = replace(classifier, temperature=temperature)
    layers = [asdict(layer) for layer in layer_table(classifier.network, classifier.shape)]
    parameters = sum(value.numel() for value in classifier.network.parameters())
    return fitted(classifier, parameters, trained, {"temperature": classifier.temperature, "layers": layers})


def checkpoint_file(training: TrainingSet, settings: TrainingSettings) -> Path:
    """The file from which interrupted training continues, named after the settings."""
    settings_hash = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
    return training.folder / f"checkpoint-{settings_hash}.safetensors"


def fitted(classifier: Classifier, parameters: int, trained: Trained[Any], facts: dict[str, Any]) -> Fitted:
    """What a family returns of a trained network: `facts` are added to those about the course of its training."""
    facts = {"curves": trained.curves, "kept": trained.kept, "precision": trained.precision, **facts}
    device = "cpu"
    if trained.classifier.device.type == "cuda":
        facts["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
        device = torch.cuda.get_device_name()
    return Fitted(classifier, parameters, device, facts, trained.seconds_before)
