"""Trains a network on the training samples of one repeat and monitors it on the validation samples.

Training is divided into stretches. After each stretch the network is evaluated, a point is added to the curves and,
unless that takes too much of the time, a checkpoint is written. All randomness derives from the seed and the iteration
at which a stretch begins, so interrupted and resumed training gives the same result as uninterrupted training.

What a stretch needs is drawn and sent to the device before it begins. Within it nothing waits for the device, which on
a GPU would cost more time than the computation.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradewise.command import UserError
from gradewise.families.cnn.augment import Augmenter
from gradewise.families.cnn.batches import batches_per_epoch, pixel_statistics, shuffled_batches
from gradewise.families.cnn.checkpoint import optimiser_tensors, read_checkpoint, restore_optimiser, write_checkpoint
from gradewise.families.cnn.classifier import CnnClassifier, NetworkClassifier, floats, place
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.pixels import PixelSource
from gradewise.families.cnn.settings import CnnSettings, Optimiser
from gradewise.families.targets import training_targets
from gradewise.memory import keep_freed_memory
from gradewise.progress import duration
from gradewise.provenance import code_version, derive_seed
from gradewise.views.samples import Samples

log = logging.getLogger(__name__)

EVALUATIONS = 10
"""Minimum number of evaluations if `iterations` are set."""

SECONDS_BETWEEN_LINES = 15.0

CHECKPOINT_SHARE = 0.02
"""Share of the time that checkpoints may take. On a GPU, writing one can take as long as the epoch before it."""

CURVES = (
    "epoch",
    "iteration",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
)

Curves = dict[str, list[float | None]]


Kind = TypeVar("Kind", bound=NetworkClassifier)
Group = tuple[list[nn.Parameter], float]
"""Parameters that are trained, and their learning rate as a share of the optimiser's."""


@dataclass(frozen=True)
class Trained(Generic[Kind]):
    """A trained network and the course of its training.

    Attributes
    ----------
    classifier : NetworkClassifier
    curves : dict of lists
        One entry per evaluation: epoch (fractional for shorter stretches), iteration, train_loss, train_accuracy,
        validation_loss, validation_accuracy (null without validation samples), seconds since the start. Training
        values are means over the stretch, on augmented and mixed samples and with dropout; their loss is the one
        minimised, that of validation samples has no label smoothing.
    kept : int
        Index of the entry in the curves that the weights belong to.
    precision : str
        `fp32` or `bf16`.
    seconds_before : float
        Time spent by earlier, interrupted runs whose checkpoint this one continued [s].
    """

    classifier: Kind
    curves: Curves
    kept: int
    precision: str
    seconds_before: float


@dataclass
class _State:
    iteration: int = 0
    seconds: float = 0.0
    best: int = -1
    curves: Curves = field(default_factory=lambda: {name: [] for name in CURVES})

    @property
    def evaluations_since_best(self) -> int:
        return len(self.curves["epoch"]) - 1 - self.best


def train_network(
    samples: Samples, classes: list[str], settings: CnnSettings, seed: int, checkpoint: Path
) -> Trained[CnnClassifier]:
    """Train a network from random weights; for arguments, result and errors see `train_further`."""
    positions, _ = training_targets(samples, classes)
    height, width, channels = samples.pixels.shape[1:]
    shape = (height, width, channels)
    with _own_random_numbers():
        torch.manual_seed(derive_seed(seed, "initial"))
        try:
            network = ConvNet(settings, shape, len(classes))
        except ValueError as error:
            raise UserError(str(error)) from error
    mean, std = pixel_statistics(samples.pixels, positions)
    classifier = CnnClassifier(place(network), settings, shape, classes, mean, std)
    return train_further(classifier, [(list(network.parameters()), 1.0)], samples, seed, checkpoint)


def train_further(
    classifier: Kind, groups: Sequence[Group], samples: Samples, seed: int, checkpoint: Path, start: str = ""
) -> Trained[Kind]:
    """Train the network of a classifier, continuing from a matching checkpoint if there is one.

    With `patience`, training stops after that many evaluations without a lower validation loss, and the weights with
    the lowest loss are kept; otherwise the final ones. The network is evaluated after each epoch, or after each tenth
    of `iterations` if that is less than an epoch.

    Parameters
    ----------
    classifier : NetworkClassifier
        Its network is trained in place.
    groups : sequence of Group
        All parameters to train.
    samples : Samples
    seed : int
        The run's own seed.
    checkpoint : Path
        Written after evaluations, as long as this takes little of the time; the caller removes it once the results are
        stored.
    start : str
        Identifies the initial weights where they do not follow from the seed.

    Raises
    ------
    UserError
        If settings and samples do not match, or the loss is no longer finite.
    """
    settings = classifier.settings
    positions, _ = training_targets(samples, classifier.classes)
    if len(positions) < 2:
        raise UserError("a network needs at least two training samples (batch norm compares them); add images")
    if settings.patience is not None and not len(samples.of("validation")):
        raise UserError(
            f"patience: {settings.patience} needs a validation loss, but this repeat has no validation samples; "
            "increase evaluation.validation, or set patience: null"
        )
    try:
        augmenter = Augmenter(settings.augment, classifier.shape)
    except ValueError as error:
        raise UserError(str(error)) from error
    if classifier.device.type == "cpu":
        keep_freed_memory()
    with _deterministic():
        return _Training(classifier, groups, augmenter, samples, positions, seed, checkpoint, start).run()


class _Training(Generic[Kind]):
    """Training in progress: the network, its optimiser and the state so far."""

    def __init__(
        self,
        classifier: Kind,
        groups: Sequence[Group],
        augmenter: Augmenter,
        samples: Samples,
        positions: np.ndarray,
        seed: int,
        checkpoint: Path,
        start: str,
    ) -> None:
        self.classifier = classifier
        self.network = classifier.network
        self.settings = classifier.settings
        self.device = classifier.device
        self.augmenter = augmenter
        self.positions = positions
        self.validation = samples.of("validation")
        self.seed = seed
        self.checkpoint = checkpoint
        targets = torch.from_numpy(samples.targets(classifier.classes))
        self.weights = class_weights(
            targets[positions], len(classifier.classes), self.settings.class_weight is not None
        ).to(self.device)
        self.targets = targets.to(self.device)
        self.precision = choose_precision(self.settings.precision, self.device)
        self.per_epoch = batches_per_epoch(len(positions), self.settings.batch_size)
        self.total = self.settings.iterations or (self.settings.epochs or 0) * self.per_epoch
        self.stretch = (
            min(self.per_epoch, -(-self.total // EVALUATIONS)) if self.settings.iterations else self.per_epoch
        )
        self.optimiser = build_optimiser(groups, self.settings.optimiser)
        self.fingerprint = _fingerprint(classifier, samples, seed, self.precision, start)
        self.source = PixelSource(samples.pixels, self.device)
        self.state = _State()
        self.best: dict[str, Tensor] = {}
        self.first_iteration = 0
        self.seconds_before = 0.0
        self.start = self.last_line = self.saved = time.perf_counter()
        self.seconds_to_save = 0.0

    def run(self) -> Trained[Kind]:
        self._resume()
        with _own_random_numbers():
            while self.state.iteration < self.total and not self._out_of_patience():
                train_loss, train_accuracy = self._train_stretch()
                validation_loss, validation_accuracy = self._evaluate()
                self.state.seconds = self._seconds()
                point = (
                    self.state.iteration / self.per_epoch,
                    self.state.iteration,
                    train_loss,
                    train_accuracy,
                    validation_loss,
                    validation_accuracy,
                    self.state.seconds,
                )
                for name, value in zip(CURVES, point, strict=True):
                    self.state.curves[name].append(value)
                self._keep_best()
                self._save()
                self._log_if_due()
        if self._out_of_patience():
            log.info("no lower validation loss for %d evaluations: stopped", self.settings.patience)
        if self.best:
            self.network.load_state_dict(self.best)
        kept = self.state.best if self.best else len(self.state.curves["epoch"]) - 1
        return Trained(self.classifier, self.state.curves, kept, self.precision, self.seconds_before)

    def _train_stretch(self) -> tuple[float, float]:
        """Train up to the next evaluation and return the mean loss and accuracy."""
        stop = min(self.state.iteration + self.stretch, self.total)
        torch.manual_seed(derive_seed(self.seed, "stretch", self.state.iteration))
        self.network.train()
        loss_sum, weight_sum, right = torch.zeros(3, device=self.device, dtype=torch.float64)
        samples = 0
        order = list(shuffled_batches(self.positions, self.settings.batch_size, self.seed, self.state.iteration, stop))
        sizes = [len(rows) for rows in order]
        changes = self.augmenter.draw(sizes, self.device)
        mixtures = (
            draw_mixtures(sizes, self.settings.mixup, self.device) if self.settings.mixup else [None] * len(sizes)
        )
        targets_of = torch.split(self.targets[torch.from_numpy(np.concatenate(order)).to(self.device)], sizes)
        for pixels, targets, change, mixture in zip(
            self.source.batches(order), targets_of, changes, mixtures, strict=True
        ):
            self._set_rate()
            batch = self.classifier.normalise(change(floats(pixels)))
            if mixture is not None:
                batch = mixture.mix(batch)
            with self._autocast():
                scores = self.network(batch).float()
            total, weight = self._loss(scores, targets)
            if mixture is not None:
                other_total, other_weight = self._loss(scores, targets[mixture.partners])
                total = mixture.share * total + (1 - mixture.share) * other_total
                weight = mixture.share * weight + (1 - mixture.share) * other_weight
            self.optimiser.zero_grad()
            torch.autograd.backward(total / weight)
            _step(self.optimiser)
            loss_sum += total.detach()
            weight_sum += weight
            right += (scores.detach().argmax(1) == targets).sum()
            samples += len(targets)
            self.state.iteration += 1
            if self.state.iteration < stop:
                self._log_if_due()
        loss = (loss_sum / weight_sum).item()
        finite = torch.stack([value.isfinite().all() for value in self.network.parameters()])
        if not math.isfinite(loss) or not finite.all():
            raise UserError(
                f"the training loss is no longer finite before iteration {self.state.iteration}; "
                f"lower optimiser.lr ({self.settings.optimiser.lr})"
                + (", or use norm: before" if isinstance(self.settings, CnnSettings) else "")
            )
        return loss, right.item() / samples

    def _loss(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sum of the losses of a batch, and the sum of their weights."""
        total = functional.cross_entropy(
            scores, targets, self.weights, reduction="sum", label_smoothing=self.settings.label_smoothing
        )
        return total, self.weights[targets].sum()

    def _evaluate(self) -> tuple[float | None, float | None]:
        """Loss and accuracy on the validation samples; None if there are none."""
        if not len(self.validation):
            return None, None
        size = self.classifier.batch_size
        parts = [self.validation[start : start + size] for start in range(0, len(self.validation), size)]
        with self._autocast():
            scores = torch.cat([scores.float() for scores in self.classifier.score(self.source.batches(parts))])
        targets = self.targets[torch.from_numpy(self.validation).to(self.device)]
        loss = functional.cross_entropy(scores, targets, self.weights).item()
        if not math.isfinite(loss):
            raise UserError(
                f"the validation loss is no longer finite at iteration {self.state.iteration}; "
                f"lower optimiser.lr ({self.settings.optimiser.lr})"
            )
        return loss, (scores.argmax(1) == targets).double().mean().item()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def _set_rate(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate(self.settings.optimiser, self.state.iteration, self.total)

    def _out_of_patience(self) -> bool:
        return self.settings.patience is not None and self.state.evaluations_since_best >= self.settings.patience

    def _keep_best(self) -> None:
        if self.settings.patience is None:
            return
        losses = [loss for loss in self.state.curves["validation_loss"] if loss is not None]
        if self.state.best < 0 or losses[-1] < losses[self.state.best]:
            self.state.best = len(losses) - 1
            self.best = {name: value.clone() for name, value in self.network.state_dict().items()}

    def _save(self) -> None:
        """Write a checkpoint, unless it would come so soon after the last one that both take too much of the time."""
        start = time.perf_counter()
        if start - self.saved < self.seconds_to_save / CHECKPOINT_SHARE and self.state.iteration < self.total:
            return
        tensors = {
            "network": self.network.state_dict(),
            "best": self.best,
            "optimiser": optimiser_tensors(self.optimiser),
        }
        write_checkpoint(self.checkpoint, self.fingerprint, tensors, asdict(self.state))
        self.saved = time.perf_counter()
        self.seconds_to_save = self.saved - start

    def _resume(self) -> None:
        checkpoint = read_checkpoint(self.checkpoint, self.fingerprint)
        if checkpoint is None:
            return
        tensors, state = checkpoint
        self.state = _State(**state)
        self.first_iteration, self.seconds_before = self.state.iteration, self.state.seconds
        self.network.load_state_dict(tensors["network"])
        restore_optimiser(self.optimiser, tensors["optimiser"])
        self.best = {name: value.to(self.device) for name, value in tensors["best"].items()}
        log.info("continuing from %s at iteration %d of %d", self.checkpoint, self.state.iteration, self.total)

    def _seconds(self) -> float:
        """Time spent so far, including that of the runs that this one continues [s]."""
        return self.seconds_before + time.perf_counter() - self.start

    def _log_if_due(self) -> None:
        """Log progress and the time left, at intervals of `SECONDS_BETWEEN_LINES` and after the last iteration."""
        is_last = self.state.iteration == self.total
        if not is_last and time.perf_counter() - self.last_line < SECONDS_BETWEEN_LINES:
            return
        self.last_line = time.perf_counter()
        if self.settings.epochs:
            words = [f"epoch {self.state.iteration / self.per_epoch:.3g}/{self.settings.epochs}"]
        else:
            words = [f"iteration {self.state.iteration}/{self.total}"]
        curves = self.state.curves
        if curves["epoch"]:
            words.append(f"loss {curves['train_loss'][-1]:.3f}")
            if curves["validation_accuracy"][-1] is not None:
                words.append(f"validation accuracy {curves['validation_accuracy'][-1]:.3f}")
        if is_last:
            words.append(f"took {duration(self._seconds())}")
        else:
            seconds_each = (self.last_line - self.start) / (self.state.iteration - self.first_iteration)
            words.append(f"{duration(seconds_each * (self.total - self.state.iteration))} left")
        log.info("%s", ", ".join(words))


def build_optimiser(groups: Sequence[Group], optimiser: Optimiser) -> torch.optim.Optimizer:
    """The configured optimiser of groups of parameters, each with its `share` of the learning rate."""
    _spare_the_compiler()
    parameters = [{"params": values, "share": share} for values, share in groups]
    # on a GPU, one kernel for many parameters
    fused = True if any(value.is_cuda for values, _ in groups for value in values) else None
    if optimiser.name == "adam":
        return torch.optim.Adam(parameters, lr=optimiser.lr, weight_decay=optimiser.weight_decay, fused=fused)
    return torch.optim.SGD(
        parameters, lr=optimiser.lr, momentum=optimiser.momentum, weight_decay=optimiser.weight_decay, fused=fused
    )


def _spare_the_compiler() -> None:
    """Keep PyTorch from importing its compiler, which takes as long as all else that it imports.

    Methods of optimisers ask it, when first called, for versions of themselves that it leaves alone. Nothing is
    compiled here, so each may as well be such a version of itself.
    """
    for name in ("add_param_group", "load_state_dict", "state_dict", "zero_grad"):
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None:
            method.__dynamo_disable = method


def _step(optimiser: torch.optim.Optimizer) -> None:
    """Change the parameters, as `optimiser.step` does, which imports the compiler as well."""
    with torch.no_grad():
        inspect.unwrap(type(optimiser).step)(optimiser)


def learning_rate(optimiser: Optimiser, iteration: int, total: int) -> float:
    """Learning rate of an iteration.

    It rises evenly to `lr` during warm-up; afterwards it is constant, or half a cosine down to 0 at iteration `total`.
    """
    rising = optimiser.warm_up * total
    if iteration < rising:
        return optimiser.lr * (iteration + 1) / (rising + 1)
    if optimiser.schedule == "constant":
        return optimiser.lr
    return optimiser.lr * (1 + math.cos(math.pi * (iteration - rising) / (total - rising))) / 2


@dataclass(frozen=True)
class Mixture:
    """How the samples of a batch are mixed with each other (Zhang et al. 2018, mixup, ICLR).

    Attributes
    ----------
    partners : Tensor of int64, shape (n,)
        Position of the sample that each one is mixed with.
    share : float
        Of each sample in its mixture, at least a half.
    """

    partners: Tensor
    share: float

    def mix(self, batch: Tensor) -> Tensor:
        """Mix the samples of a batch (n, channels, height, width)."""
        return self.share * batch + (1 - self.share) * batch[self.partners]


def draw_mixtures(sizes: Sequence[int], parameter: float, device: torch.device) -> list[Mixture]:
    """Draw mixtures of batches of these sizes.

    `parameter` is that of the symmetric beta distribution from which the share of a batch is drawn.
    """
    drawn = torch.distributions.Beta(parameter, parameter).sample((len(sizes),))
    shares = torch.maximum(drawn, 1 - drawn).tolist()
    partners = torch.split(torch.cat([torch.randperm(size) for size in sizes]).to(device), list(sizes))
    return [Mixture(*mixture) for mixture in zip(partners, shares, strict=True)]


def class_weights(targets: Tensor, classes: int, balanced: bool) -> Tensor:
    """Weight of each class in the loss.

    Parameters
    ----------
    targets : Tensor of int64, shape (n,)
        Classes of the training samples; every class occurs.
    classes : int
    balanced : bool
        Weights n / (classes x samples of the class), like scikit-learn's `balanced`; otherwise 1.

    Returns
    -------
    Tensor of float32, shape (classes,)
    """
    if not balanced:
        return torch.ones(classes)
    return len(targets) / (classes * torch.bincount(targets, minlength=classes).float())


def choose_precision(setting: str, device: torch.device) -> str:
    """`fp32` or `bf16`; `auto` means bf16 if the processor has instructions for it."""
    if setting != "auto":
        return setting
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        supported = any(torch.cpu.get_capabilities().get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return "bf16" if supported else "fp32"


def _own_random_numbers() -> AbstractContextManager[None]:
    """Restore the caller's random state afterwards."""
    return torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_available() else [])


@contextmanager
def _deterministic() -> Iterator[None]:
    """Use only deterministic algorithms on the CPU; on CUDA, some that networks need have no deterministic version."""
    # the mode is set in this way because `use_deterministic_algorithms` imports the compiler as well
    before = torch.get_deterministic_debug_mode()
    guard: Any = torch.utils.deterministic
    filled = guard.fill_uninitialized_memory
    torch.set_deterministic_debug_mode("default" if torch.cuda.is_available() else "error")
    # PyTorch would otherwise fill every new tensor to guard against unset memory, which costs a tenth of the time.
    guard.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        guard.fill_uninitialized_memory = filled


def _fingerprint(classifier: NetworkClassifier, samples: Samples, seed: int, precision: str, start: str) -> str:
    inputs = (
        classifier.settings.model_dump_json(),
        classifier.classes,
        classifier.shape,
        classifier.mean,
        classifier.std,
        seed,
        precision,
        classifier.device.type,
        torch.__version__,
        start,
        code_version(__name__),
    )
    rows = pd.util.hash_pandas_object(samples.table[["sample_id", "role", "label"]], index=False)
    return hashlib.sha256(repr(inputs).encode() + rows.to_numpy().tobytes()).hexdigest()
