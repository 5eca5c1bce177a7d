"""The words of the fused engine: tasks and members, and what is heard of them. Plain records; they know no Keras and no JAX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainers.engines.course import Standing
from trainers.results import FoldResult, StopReason

if TYPE_CHECKING:
    import keras

    from trainers.settings import Config

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
    """Early stopping with the meaning of ``keras.callbacks.EarlyStopping``.

    ``mode`` "auto" follows from the monitor's name. A monitored value that the model does not yield is refused, or where
    ``lenient`` passed over as Keras passes it over: nothing stops.
    """

    monitor: str = "val_loss"
    patience: int = 5
    min_delta: float = 0.0
    restore_best_weights: bool = True
    mode: Literal["auto", "min", "max"] = "auto"
    lenient: bool = False


class Room(NamedTuple):
    """What a program is to have room for though nobody needs it yet: it need not be compiled again when somebody does.

    ``inputs`` and ``targets`` are rows of a pool, ``train`` and ``monitor`` rows of a member.
    """

    inputs: int = 0
    targets: int = 0
    train: int = 0
    monitor: int = 0


NO_ROOM = Room()


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One model to be trained: a config on one fold.

    ``model`` is compiled and holds the initial weights (build it within ``numpy_initializers``); the engine reads and then
    forgets it. A draft has None, and ``make``, which is called when the member begins: it returns the member whole, or None where
    that fails; what the draft says of the rest is a guess to plan by. ``like`` is equal for members that probably have one graph.
    Members of a higher ``turn`` begin before others. ``room`` is asked for in view of later calls; short memory goes before it.

    ``train``, ``monitor`` and ``score`` are indices into ``rows``; without ``monitor`` nothing is validated. The weights go with
    ``train`` and ``monitor``. ``epochs`` are the numbers of epochs, ascending, at which the run is read: several where configs
    differ in nothing else. ``seed`` decides the order of the rows in every epoch, unless they are not shuffled. ``widen``, if
    given, builds the same model with hidden layers filled up to common widths, so that members of different widths can share a
    program.
    """

    id: Hashable
    model: keras.Model | None
    rows: Rows
    train: Indices
    score: Indices
    monitor: Indices
    epochs: tuple[int, ...]
    batch_size: int
    seed: int
    shuffle: bool = True
    stopping: Stopping | None = None
    train_weights: NDArray[np.float32] | None = None
    monitor_weights: NDArray[np.float32] | None = None
    widen: Callable[[], keras.Model] | None = None
    make: Callable[[], Member | None] | None = None
    like: Hashable = None
    turn: int = 0
    room: Room = NO_ROOM

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

Wanted = Callable[[Member], tuple[int, ...] | None]
"""Tells at which epochs a member is to be read if it may begin now; none: it is wanted no longer. None: not yet."""


# --- trials, as the door takes them --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoldTask:
    """One fold of one trial to be computed: the trial's number, its effective config, the fold's position.

    ``rung`` says how many rungs of its race come before; what comes later begins first, once it may. With ``read`` it is no fold
    of the trial's own but the same one of fewer epochs, which ``config`` has.
    """

    trial: int
    config: Config
    fold: int
    rung: int = 0
    read: bool = False

    @property
    def epochs(self) -> int:
        """After how many epochs it is over at the latest."""
        return int(self.config["epochs"])


@dataclass(frozen=True, slots=True)
class FoldDone:
    """A fold that the fused engine has trained and scored."""

    task: FoldTask
    result: FoldResult


@dataclass(frozen=True, slots=True)
class FoldRefused:
    """A fold that is left to the keras engine, and why."""

    task: FoldTask
    reason: str


@dataclass(frozen=True, slots=True)
class FoldRaised:
    """A fold in which the trial's own code raised."""

    task: FoldTask
    error: Exception


Tasks = dict[int, list[FoldTask]]
"""The tasks behind one member, by epochs."""

OnTask = Callable[[FoldTask, Visit], None]

Standings = Callable[[FoldTask], Standing]
"""Tells whether a task may be trained."""


def merged(tasks: Iterable[FoldTask], *, apart: bool) -> dict[Hashable, Tasks]:
    """Return tasks by member: configs that differ in epochs alone are one member, unless kept ``apart``."""
    members: dict[Hashable, Tasks] = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        values = {name: value for name, value in task.config.items() if apart or name != "epochs"}
        name = (repr(sorted(values.items())), task.fold)
        members[name][task.epochs].append(task)
    return members


def first_of(tasks: Tasks) -> FoldTask:
    """Return the task that stands for a member."""
    return next(iter(tasks.values()))[0]


def wanted_epochs(tasks: Tasks, standing: Standings) -> tuple[int, ...] | None:
    """Return at which epochs a member is to be read: once nothing before it is open of all that still wants it; else None."""
    wanted = []
    for epochs, behind in tasks.items():
        standings = {standing(task) for task in behind}
        if "later" in standings:
            return None
        if "now" in standings:
            wanted.append(epochs)
    return tuple(sorted(wanted))
