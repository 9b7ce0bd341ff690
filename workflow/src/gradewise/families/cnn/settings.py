"""The settings of convolutional networks: of their training, and of what is trained.

A network is either built by its settings and trained from random weights, or it is a backbone that is trained further.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, FiniteFloat, Tag, model_validator

from gradewise.config.section import Section, branch_of
from gradewise.families.settings import ClassWeight


class Rotate(Section):
    """Rotate by an angle drawn uniformly, at most this many degrees in either direction."""

    rotate: float = Field(gt=0, le=180)


class ColourJitter(Section):
    """Multiply brightness, contrast and saturation by factors drawn from this interval."""

    colour_jitter: tuple[FiniteFloat, FiniteFloat]

    @model_validator(mode="after")
    def _check_order(self) -> ColourJitter:
        lowest, highest = self.colour_jitter
        if not 0 <= lowest <= highest:
            raise ValueError(f"colour_jitter: [{lowest}, {highest}] is no interval from 0 up; give e.g. [0.8, 1.2]")
        return self


Augmentation = Annotated[
    Annotated[Literal["vertical_flip", "horizontal_flip", "perspective", "d4"], Tag("word")]
    | Annotated[Rotate, Tag("rotate")]
    | Annotated[ColourJitter, Tag("colour_jitter")],
    Discriminator(
        branch_of("rotate", "colour_jitter"),
        custom_error_type="augmentation",
        custom_error_message=(
            "not an augmentation. Augmentations: vertical_flip, horizontal_flip, d4, perspective, "
            "{rotate: 30}, {colour_jitter: [0.8, 1.2]}"
        ),
    ),
]


class Optimiser(Section):
    """Stochastic gradient descent with momentum, or Adam."""

    name: Literal["sgd", "adam"] = "sgd"
    lr: float = Field(0.01, gt=0, description="learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine"] = Field("constant", description="learning rate over the course of training")
    warm_up: float = Field(0.0, ge=0, lt=1, description="share of training in which the learning rate rises to `lr`")


class TrainingSettings(Section):
    """How a network is trained."""

    augment: tuple[Augmentation, ...] = ()
    mixup: float = Field(
        0.0, ge=0, description="mix pairs of samples, weights drawn from a beta distribution of this parameter; 0: none"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of each target spread evenly over all classes")
    batch_size: int = Field(32, ge=2)
    epochs: int | None = Field(None, ge=1)
    iterations: int | None = Field(None, ge=1, description="total number of mini-batches, instead of epochs")
    patience: int | None = Field(
        None, ge=1, description="stop after this many epochs without a lower validation loss; null: never"
    )
    optimiser: Optimiser = Field(default_factory=lambda: Optimiser.model_validate({}))
    class_weight: ClassWeight = None
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 arithmetic if the processor supports it"
    )

    @model_validator(mode="after")
    def _check_length(self) -> TrainingSettings:
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("give only one of epochs and iterations")
        return self


class CnnSettings(TrainingSettings):
    """A convolutional network (blocks of convolutions, then dense layers) and its training."""

    channels: tuple[int, ...] = Field((16, 32, 64, 96, 128), min_length=1, description="filters of each block")
    convolutions: int = Field(1, ge=1, description="convolutions in a block")
    kernel: int = Field(3, ge=1, description="side of the filters [px], odd")
    activation: Literal["relu", "leaky_relu", "prelu"] = "relu"
    norm: Literal["before", "after", "none"] = Field("before", description="batch norm before or after the activation")
    pool: Literal["max", "stride"] = Field("max", description="2x2 max pooling, or a 2x2 convolution of stride 2")
    dense: tuple[int, ...] = Field((40,), description="neurons of each hidden dense layer")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate after each hidden dense layer")
    init_std: float | None = Field(None, gt=0, description="Gaussian initialisation; null: PyTorch's own")

    @model_validator(mode="after")
    def _check_kernel(self) -> CnnSettings:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel: {self.kernel} is even; an odd side keeps the size of the maps")
        return self


class FineTuningOptimiser(Optimiser):
    """Adam or stochastic gradient descent with momentum, for weights that are good already."""

    name: Literal["sgd", "adam"] = "adam"
    lr: float = Field(3e-4, gt=0, description="learning rate of the head; deeper blocks have smaller ones")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="learning rate over the course of training")
    warm_up: float = Field(0.1, ge=0, lt=1, description="share of training in which the learning rate rises to `lr`")


class FineTuningSettings(TrainingSettings):
    """A backbone with a new head, first fitted to its features, then trained with its last blocks."""

    layers: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        8, description="blocks at the end of the backbone that are trained; the others keep their weights"
    )
    statistics: Literal["frozen", "updated"] = Field(
        "frozen",
        description="of batch normalisation: those of the backbone, which do well with small batches, or, in trained "
        "blocks, those of the batches",
    )
    rate_decay: float = Field(
        0.8, gt=0, le=1, description="learning rate of a block, as a share of that of the block after it"
    )
    optimiser: FineTuningOptimiser = Field(default_factory=lambda: FineTuningOptimiser.model_validate({}))
