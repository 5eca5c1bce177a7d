"""The words of the fused engine: what a member is, and what is heard of it. Plain records; they know no Keras and no JAX."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainers.results import StopReason

if TYPE_CHECKING:
    import keras

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One prepared copy of the data, shared by all members that index into it. Compared by identity.

    ``inputs`` is an array, or a list or dict of arrays, all rows first; ``target`` an array, or a list or dict of them for models
    with several outputs.
    """

    inputs: Any
    target: Any


@dataclass(frozen=True, slots=True)
class Stopping:
    """Early stopping with the meaning of ``keras.callbacks.EarlyStopping``; the mode follows from the monitor's name."""

    monitor: str = "val_loss"
    patience: int = 5
    min_delta: float = 0.0
    restore_best_weights: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One model to be trained: a config on one fold.

    ``model`` is compiled and holds the initial weights (build it within ``numpy_initializers``); the engine reads and then
    forgets it. ``train``, ``monitor`` and ``score`` are indices into ``rows``; without ``monitor`` nothing is validated. The
    weights go with ``train`` and ``monitor``. ``epochs`` are the numbers of epochs, ascending, at which the run is read:
    several where configs differ in nothing else. ``seed`` decides the order of the rows in every epoch. ``widen``, if given,
    builds the same model with hidden layers filled up to common widths, so that members of different widths can share a
    program.
    """

    id: Hashable
    model: keras.Model
    rows: Rows
    train: Indices
    score: Indices
    monitor: Indices
    epochs: tuple[int, ...]
    batch_size: int
    seed: int
    stopping: Stopping | None = None
    train_weights: NDArray[np.float32] | None = None
    monitor_weights: NDArray[np.float32] | None = None
    widen: Callable[[], keras.Model] | None = None

    def __post_init__(self) -> None:
        if not self.epochs or list(self.epochs) != sorted(set(self.epochs)) or self.epochs[0] < 1:
            raise ValueError(f"member {self.id!r}: expected ascending epochs, each at least 1, got {self.epochs!r}.")
        if len(self.train) == 0 or self.batch_size < 1:
            raise ValueError(
                f"member {self.id!r}: expected rows to train on and a batch size of at least 1, "
                f"got {len(self.train)!r} rows and {self.batch_size!r}."
            )


@dataclass(frozen=True, slots=True)
class Visit:
    """The host was met: ``epoch`` of ``epochs`` epochs are done, ``value`` is the monitored value (the loss without a
    monitor).
    """

    id: Hashable
    epoch: int
    epochs: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberResult:
    """A member read after ``epochs`` epochs at most.

    ``epoch`` is the one whose weights these are, from 1; ``history`` is ``epochs_run`` long; ``prediction`` is the model's raw
    output on the score rows (a list of arrays for several outputs); ``weights`` go into ``model.set_weights``; ``seconds`` is
    this member's share of the time that its cohort took.
    """

    id: Hashable
    epochs: int
    epoch: int
    epochs_run: int
    stopped: StopReason
    history: Mapping[str, tuple[float, ...]]
    prediction: Any
    weights: tuple[NDArray[Any], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Unfused:
    """A member that the fused engine leaves to ``model.fit``, and why."""

    id: Hashable
    reason: str


Outcome = MemberResult | Unfused
