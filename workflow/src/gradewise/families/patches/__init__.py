"""The family `patches`: what does not look like a normal image, learnt from normal images alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradewise.families.family import Family, Fitted
from gradewise.families.patches.settings import CommonSettings, MapsSettings, PatchesSettings
from gradewise.resources import Resources

if TYPE_CHECKING:
    from gradewise.families.patches.classifier import PatchesClassifier
    from gradewise.families.training_set import TrainingSet


class Patches(Family[CommonSettings]):
    """Distance of patches from those of normal images.

    A texture has no fixed position in an image, so that a patch is compared with normal patches from anywhere.
    """

    name = "patches"
    label = "normal patches"
    colour = "#5e4fa2"
    settings = PatchesSettings
    fit_module = "gradewise.families.patches.fit"
    fine_tuning = MapsSettings
    files = ("patches.safetensors", "model.json")
    one_class = True

    def resources(self, candidates: Sequence[CommonSettings]) -> Resources:
        """Memory for a network's maps of one sample and for patches, which do not grow with the samples."""
        return Resources(memory_mb=2500, memory_per_mb=1, minutes=30, minutes_per_gb=600)

    def fit(self, training: TrainingSet, settings: CommonSettings) -> Fitted:
        """Fit a classifier, see `fit.fit`."""
        from gradewise.families.patches.fit import fit

        return fit(training, settings)

    def load(self, folder: Path) -> PatchesClassifier:
        """Read a classifier."""
        from gradewise.families.patches.classifier import read_patches

        return read_patches(folder)
