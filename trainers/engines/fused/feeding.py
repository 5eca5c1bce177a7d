"""Rows for lanes: the pool that all members of a program share, and the order in which each member meets its own.

Orders come from NumPy, one generator a member: the same whatever the program's shape, companions or backend.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from trainers.engines.fused.members import Indices, Member, Room, Rows
from trainers.engines.fused.program import Pool
from trainers.preprocessing import aligned_empty

Numbers = NDArray[np.int32]


class RowPool:
    """What members index into: each array of inputs and each of targets once, laid behind one another, rows numbered across all.

    Inputs and targets are laid apart: folds may have the same inputs and targets of their own, scaled by their training rows.
    It has as many rows as there is to be ``room`` for, at least.
    """

    def __init__(self, copies: Sequence[Rows], room: Room | None = None) -> None:
        self._kept = {id(rows): rows for rows in copies}  # identities stay theirs as long as the pool lives
        room = room or Room()
        inputs, self._inputs = _laid([rows.inputs for rows in copies], room.inputs)
        targets, self._targets = _laid([rows.target for rows in copies], room.targets)
        self.arrays = Pool(inputs, targets)

    def numbers(self, rows: Rows, indices: Indices) -> Numbers:
        """Return the pool's numbers of ``indices`` into the inputs of ``rows``."""
        return (np.asarray(indices) + self._inputs[identity(rows.inputs)]).astype("int32")

    def holds(self, rows: Rows) -> bool:
        """Return whether members may index into ``rows`` here."""
        return id(rows) in self._kept or (identity(rows.inputs) in self._inputs and identity(rows.target) in self._targets)

    def shift(self, rows: Rows) -> np.int32:
        """Return what must be added to a number of a row's inputs for that of its target."""
        return np.int32(self._targets[identity(rows.target)] - self._inputs[identity(rows.inputs)])


def identity(tree: Any) -> tuple[int, ...]:
    """Return what tells the arrays of a pytree from others while they live."""
    return tuple(map(id, jax.tree.leaves(tree)))


def pool_bytes(copies: Sequence[Rows], room: Room | None = None) -> int:
    """Return the bytes that a pool of ``copies`` takes."""
    room = room or Room()
    return sum(
        _bytes({identity(tree): tree for tree in trees}.values(), rows)
        for trees, rows in (([one.inputs for one in copies], room.inputs), ([one.target for one in copies], room.targets))
    )


def _bytes(trees: Collection[Any], room: int) -> int:
    total = sum(np.asarray(leaf).nbytes for tree in trees for leaf in jax.tree.leaves(tree))
    rows = sum(len(jax.tree.leaves(tree)[0]) for tree in trees)
    return -(-total * max(room, rows) // max(rows, 1))


def layout(rows: Rows) -> tuple[Any, ...]:
    """Return what must be equal for two ``Rows`` to share a pool: structure, shapes without rows, dtypes."""
    leaves, structure = jax.tree.flatten((rows.inputs, rows.target))
    return (str(structure), *((np.shape(leaf)[1:], str(np.asarray(leaf).dtype)) for leaf in leaves))


def _laid(trees: Sequence[Any], room: int) -> tuple[Any, dict[tuple[int, ...], int]]:
    """Return all different trees as one on the device, and at which row each begins; rows beyond them are never met."""
    unique = {identity(tree): tree for tree in trees}
    lengths = [len(jax.tree.leaves(tree)[0]) for tree in unique.values()]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    rows = max(sum(lengths), room)
    return jax.tree.map(lambda *arrays: _joined(arrays, rows), *unique.values()), dict(zip(unique, starts, strict=True))


def _joined(arrays: tuple[Any, ...], rows: int) -> Any:
    if len(arrays) == 1 and len(arrays[0]) == rows:
        return jax.device_put(arrays[0])
    whole = aligned_empty((rows, *np.shape(arrays[0])[1:]), arrays[0].dtype)
    used = sum(map(len, arrays))
    np.concatenate(arrays, out=whole[:used])
    whole[used:] = 0
    return jax.device_put(whole)


def columns(count: int, size: int, filled: bool) -> int:
    """Return how many columns ``count`` rows take in batches of ``size``: whole ones if the last is filled up, else as many."""
    return -(-count // size) * size if filled else count


class Widths(NamedTuple):
    """What a feed has room for: columns of rows trained on and watched, epochs, and whether these rows have weights."""

    train: int = 0
    monitor: int = 0
    epochs: int = 1
    weighted: bool = False
    monitor_weighted: bool = False


class Order:
    """The order of one member's training rows, epoch after epoch."""

    def __init__(self, member: Member, numbers: Numbers) -> None:
        self._numbers = numbers
        self._weights = member.train_weights
        self._generator = np.random.default_rng(member.seed) if member.shuffle else None
        self._ahead: deque[tuple[Numbers, NDArray[np.float32] | None]] = deque()

    def epochs_ahead(self, count: int) -> list[tuple[Numbers, NDArray[np.float32] | None]]:
        """Return rows and weights of the next ``count`` epochs; they stay the next ones until they are ``done``."""
        while len(self._ahead) < count:
            if self._generator is None:
                self._ahead.append((self._numbers, self._weights))
                continue
            shuffled = self._generator.permutation(len(self._numbers))
            self._ahead.append((self._numbers[shuffled], None if self._weights is None else self._weights[shuffled]))
        return list(islice(self._ahead, count))

    def done(self, count: int) -> None:
        """Forget ``count`` epochs that have been trained."""
        for _ in range(count):
            self._ahead.popleft()


def lay(
    target: Numbers, weights: NDArray[np.float32] | None, rows: Numbers, row_weights: Any, *, batch: int, filled: bool
) -> None:
    """Write one member's rows into its part of a feed, (columns,), and its weights beside.

    Where batches are filled up, what is left holds the member's own first row as ``-1 - row``. Else the rows beyond the whole
    batches stand in the last columns, and batches that the member does not have are marked likewise.
    """
    count = len(rows)
    whole = count if filled else count // batch * batch
    target[:] = -1 - rows[0]
    target[:whole] = rows[:whole]
    rest = count - whole
    if rest:
        target[-rest:] = rows[whole:]
    if weights is not None:
        weights[:] = 0
        given = np.ones(count, dtype="float32") if row_weights is None else row_weights
        weights[:whole] = given[:whole]
        if rest:
            weights[-rest:] = given[whole:]


def tree_rows(values: Mapping[str, Any] | Sequence[Any] | Any, indices: Indices) -> Any:
    """Return the rows ``indices`` of every array in a pytree."""
    return jax.tree.map(lambda array: np.asarray(array)[indices], values)
