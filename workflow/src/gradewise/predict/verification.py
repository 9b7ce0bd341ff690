"""What `verify` found: `verification.json`, the proof that a model handed over predicts what was tested."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from gradewise.command import UserError
from gradewise.config.section import Section
from gradewise.judgement.shares import Shares

NAME = "verification.json"
"""Name of the file in the folder of a dataset's results."""

TOLERANCE = 1e-6
"""Largest difference of a probability on the processor that counts as equal: rounding of 32-bit sums, whose order
depends on how many samples are predicted together."""
TOLERANCE_GPU = 1e-2
"""The same where predictions were made on a GPU, which adds in another order and approximates functions otherwise."""


class OnnxForm(Section):
    """The ONNX form of a member, which predicts without gradewise."""

    member: str
    missing: str | None = Field(default=None, description="why there is none")
    bytes: int | None = None
    native_bytes: int | None = Field(default=None, description="of the model itself")
    seconds_per_sample: float | None = Field(default=None, description="on one processor [s]")
    native_seconds_per_sample: float | None = Field(default=None, description="of the model itself [s]")


class OnnxComparison(Section):
    """Verdicts of the ONNX forms on the same files, compared with those of the models themselves."""

    largest_difference: float = Field(description="of a probability of a sample")
    other_class: tuple[str, ...] = Field(description="image_id of images with another class")


class AdjustedComparison(Section):
    """Verdicts on the same files with probabilities adjusted to expected shares, compared with those of the test after
    the same adjustment."""

    shares: Shares
    largest_difference: float = Field(description="of a probability of an image")
    other_class: tuple[str, ...] = Field(description="image_id of images with another class")
    tolerance: float = Field(description="an adjustment enlarges differences that were small before it")

    @property
    def equal(self) -> bool:
        """Whether the adjusted verdicts are those of the test, adjusted."""
        return not self.other_class and self.largest_difference <= self.tolerance


class Verification(Section):
    """Verdicts on files of test images, compared with those that the test was evaluated on."""

    model: str
    repeat: int = Field(description="whose model was handed over for the comparison")
    images: int = Field(description="test images that were compared")
    of_images: int = Field(description="test images of the repeat")
    samples: int = Field(description="samples whose probabilities were compared, over all members")
    largest_difference: float = Field(description="of a probability of an image")
    largest_sample_difference: float = Field(description="of a probability of a sample")
    other_class: tuple[str, ...] = Field(description="image_id of images with another class than in the test")
    device: str = Field(description="where the tested predictions were made")
    tolerance: float
    seconds_per_image: float = Field(description="from file to verdict, decoding included [s]")
    threads: int
    onnx: tuple[OnnxForm, ...] = Field(default=(), description="one entry a member")
    onnx_verdicts: OnnxComparison | None = Field(default=None, description="null: a member has no ONNX form")
    adjusted: AdjustedComparison | None = Field(default=None, description="null: probabilities are not adjusted")
    script_missing: str | None = Field(default=None, description="why the folder has no predict_onnx.py")
    versions: dict[str, str]

    @property
    def difference(self) -> float:
        """Largest difference of any probability."""
        return max(self.largest_difference, self.largest_sample_difference)

    @property
    def equal(self) -> bool:
        """Whether all verdicts are those of the test."""
        return self.outcome == "equal" and (self.adjusted is None or self.adjusted.equal)

    @property
    def outcome(self) -> Literal["equal", "other classes", "other probabilities"]:
        """The comparison before any adjustment, in two words."""
        if self.other_class:
            return "other classes"
        return "equal" if self.difference <= self.tolerance else "other probabilities"


def read_verification(path: Path) -> Verification:
    """Read `verification.json`.

    Raises
    ------
    UserError
        If it is not what the rule `verify` writes.
    """
    try:
        return Verification.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise UserError(f"{path}: not what the rule verify writes; run the workflow again ({error})") from error
