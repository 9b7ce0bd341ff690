"""Training samples and their labels as numbers."""

from __future__ import annotations

import numpy as np

from gradewise.command import UserError
from gradewise.views.samples import SampleTable


def training_targets(samples: SampleTable, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training samples and their labels.

    Parameters
    ----------
    samples : SampleTable
    classes : list of str

    Returns
    -------
    positions : ndarray of int64, shape (n,)
        Ascending, into `samples`.
    targets : ndarray of int64, shape (n,)
        Positions in `classes`; every class occurs.

    Raises
    ------
    UserError
        If a class has no training sample, so that it cannot be learnt.
    """
    positions = samples.of("train")
    targets = samples.targets(classes)[positions]
    missing = [name for code, name in enumerate(classes) if not (targets == code).any()]
    if missing:
        raise UserError(
            f"no training sample of class {', '.join(missing)} among {len(positions)}; "
            "remove it from `classes`, add images of it, or change `evaluation`"
        )
    return positions, targets
