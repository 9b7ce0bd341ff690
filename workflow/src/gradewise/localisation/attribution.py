"""Three ways to say which pixels of a sample speak for a prediction of a network: LIME, Grad-CAM and occlusion.

All three explain the log odds of a class: the logarithm of its probability over that of all other classes. Unlike the
probability it does not saturate where the network is sure. What is hidden takes the mean colour of training samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import LayerAttribution, LayerGradCam, Lime, Occlusion
from skimage.segmentation import slic
from torch import Tensor

from gradewise.families.cnn.classifier import BATCH_PIXELS, CnnClassifier, to_floats
from gradewise.families.cnn.pooling import pooling_last

SEGMENTS = 60
"""Superpixels that a sample is cut into for LIME, about."""

LIME_SAMPLES = 500
"""Copies of a sample with superpixels hidden at random."""

KERNEL_WIDTH = 0.25
"""Of LIME's weights for copies by how much is hidden, in cosine distance (Ribeiro, Singh & Guestrin 2016)."""

WINDOWS = 8
"""How many windows of occlusion fit side by side into the smaller side of a sample; they move by half their side."""


@dataclass(frozen=True)
class Explained:
    """A network whose predictions are explained; the seed is that of what LIME hides."""

    model: CnnClassifier
    seed: int

    def weights(self, method: str, pixels: np.ndarray, predicted: int) -> np.ndarray:
        """How much each pixel of a sample speaks for a class, in units of log odds as far as the method has units.

        For uint8 pixels (height, width, channels) and the position of the class, float32 of shape (height, width).
        LIME: change of the log odds when the pixel's superpixel is shown instead of hidden; occlusion: mean change over
        the windows that hide the pixel; Grad-CAM: of its own scale, never negative.
        """
        explain = {"lime": self._lime, "grad_cam": self._grad_cam, "occlusion": self._occlusion}[method]
        self.model.network.eval()
        batch = self.model.normalise(to_floats(pixels[None], self.model.device))
        return explain(pixels, batch, predicted).detach().float().cpu().numpy()

    @cached_property
    def _layers(self) -> tuple[torch.nn.Sequential, dict[str, str]]:
        return pooling_last(self.model.network.features)

    def _log_odds(self, predicted: int) -> Callable[[Tensor], Tensor]:
        layers, _ = self._layers

        def log_odds(batch: Tensor) -> Tensor:
            scores: Tensor = self.model.network.head(layers(batch).flatten(1)) / self.model.temperature
            others = [place for place in range(scores.shape[1]) if place != predicted]
            return scores[:, predicted] - scores[:, others].logsumexp(1)

        return log_odds

    @property
    def _batch_size(self) -> int:
        return max(1, BATCH_PIXELS[self.model.device.type] // math.prod(self.model.shape[:2]))

    def _lime(self, pixels: np.ndarray, batch: Tensor, predicted: int) -> Tensor:
        """Ribeiro, Singh & Guestrin (2016), "Why should I trust you?", KDD; a ridge regression as in their package."""
        segments = torch.from_numpy(superpixels(pixels)).to(batch.device)
        lime = Lime(self._log_odds(predicted), SkLearnRidge(alpha=1.0), similarity_func=_similarity)
        with torch.random.fork_rng(devices=[batch.device] if batch.is_cuda else []):
            torch.manual_seed(self.seed)
            weights: Tensor = lime.attribute(
                batch,
                feature_mask=segments[None, None],
                n_samples=LIME_SAMPLES,
                perturbations_per_eval=self._batch_size,
            )
        return weights[0, 0]

    def _grad_cam(self, pixels: np.ndarray, batch: Tensor, predicted: int) -> Tensor:
        """Selvaraju et al. (2017), Grad-CAM, ICCV; maps of the last convolution after its activation."""
        layers, finished = self._layers
        last = layers.get_submodule(list(finished.values())[-1])
        weights: Tensor = LayerGradCam(self._log_odds(predicted), last).attribute(batch, relu_attributions=True)
        weights = LayerAttribution.interpolate(weights, self.model.shape[:2], "bilinear")
        return weights[0, 0]

    def _occlusion(self, pixels: np.ndarray, batch: Tensor, predicted: int) -> Tensor:
        """Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, ECCV."""
        height, width, channels = self.model.shape
        side = max(2, min(height, width) // WINDOWS)
        stride = max(1, side // 2)
        weights: Tensor = Occlusion(self._log_odds(predicted)).attribute(
            batch,
            sliding_window_shapes=(channels, side, side),
            strides=(channels, stride, stride),
            perturbations_per_eval=self._batch_size,
        )
        return weights[0].mean(dim=0)


def superpixels(pixels: np.ndarray) -> np.ndarray:
    """Superpixels of about equal size that follow edges (SLIC, Achanta et al. 2012), int64 (height, width) from 0."""
    grey = pixels.shape[2] == 1
    segments = slic(
        pixels[..., 0] if grey else pixels,
        n_segments=SEGMENTS,
        compactness=0.1 if grey else 10.0,
        sigma=1.0,
        start_label=0,
        channel_axis=None if grey else -1,
    )
    return np.unique(segments, return_inverse=True)[1].reshape(segments.shape).astype(np.int64)


def _similarity(original: Tensor, hidden: Tensor, shown: Tensor, **options: Any) -> Tensor:
    """Weight of a copy by the cosine distance between what it shows of the superpixels and all of them."""
    distance = 1 - shown.float().mean(dim=1).sqrt()
    return torch.exp(-(distance**2) / KERNEL_WIDTH**2).sqrt()
