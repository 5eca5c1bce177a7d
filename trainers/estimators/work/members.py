"""A fit of an estimator's as a member of the fused engine, or why it cannot be one. Needs Keras on JAX.

Rows lie in pools that members share: the whole of X where nothing is fitted on a fold's rows, else one pool a fold and set of
steps.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from trainers.engines.fused import Member, Rows, Stopping
from trainers.errors import NotFusableError
from trainers.estimators.fitting import Fit, rows_trained

Indices = NDArray[np.int64]

_BATCH = 32  # model.fit's own
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {"initial_epoch": (0,), "validation_freq": (1,)}
_NEVER_MATTERS = ("validation_batch_size",)


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """All rows as the net takes them, and which of them a fold trains on and scores."""

    inputs: Any
    train: Indices
    scored: Indices


@dataclass(slots=True, eq=False)
class _Pool:
    """Inputs that members share, where each of their blocks begins, and the targets that have been laid beside them."""

    inputs: Any
    starts: list[int]
    lengths: list[int]
    targets: list[Any] = field(default_factory=list)

    def block(self, number: int) -> Any:
        begin = self.starts[number]
        return jax.tree.map(lambda array: array[begin : begin + self.lengths[number]], self.inputs)

    def rows(self, number: int) -> Indices:
        return np.arange(self.lengths[number], dtype="int64") + self.starts[number]


class Pools:
    """Lays rows down, equal ones once."""

    def __init__(self) -> None:
        self._pools: dict[Hashable, list[_Pool]] = {}
        self._sizes: list[int] = []

    @property
    def size(self) -> int:
        """How many bytes of inputs are held."""
        return sum(self._sizes)

    @property
    def largest(self) -> int:
        """How many bytes the largest pool takes; 0 where there is none."""
        return max(self._sizes, default=0)

    def holds(self, key: Hashable) -> bool:
        """Whether something has been laid down under ``key``."""
        return key in self._pools

    def lay(self, key: Hashable, blocks: Sequence[Any]) -> _Pool:
        """Return a pool of ``blocks``, pytrees of arrays with rows first; ``key`` says where an equal one may lie."""
        lying = self._pools.setdefault(key, [])
        for pool in lying:
            if len(pool.starts) == len(blocks) and all(_same(pool.block(n), block) for n, block in enumerate(blocks)):
                return pool
        lengths = [len(jax.tree.leaves(block)[0]) for block in blocks]
        joined = blocks[0] if len(blocks) == 1 else jax.tree.map(lambda *arrays: np.concatenate(arrays), *blocks)
        self._sizes.append(sum(leaf.nbytes for leaf in jax.tree.leaves(joined)))
        lying.append(_Pool(joined, np.cumsum([0, *lengths[:-1]]).tolist(), lengths))
        return lying[-1]


def member_of(
    name: Hashable,
    fit: Fit,
    pools: Pools,
    *,
    key: Hashable,
    scored: Callable[[], list[Any]],
    whole: Whole | None,
    epochs: tuple[int, ...],
) -> Member:
    """Return ``fit`` as a member, which predicts the rows ``scored``.

    Parameters
    ----------
    name : of the member.
    key : equal for fits of the same rows after the same steps.
    scored : returns further rows as the net takes them, block after block; the member predicts them in this order, or none of
        them where they are of another kind than the rows trained on.
    whole : if given, all rows among which those of ``fit`` and ``scored`` are; used where those of ``fit`` really are.
    epochs : at which it is read.

    Raises
    ------
    NotFusableError
        It is left to ``model.fit``.
    """
    stopping = _stopping(fit.callbacks)
    _refuse(fit)
    watched, split = _watched(fit)
    if whole is not None and not _same(_taken(whole.inputs, whole.train), fit.inputs):
        whole = None
    asked = [] if whole is not None else scored()
    if not all(_alike(block, fit.inputs) for block in asked):
        asked = []
    blocks = [fit.inputs if whole is None else whole.inputs, *([] if watched is None else [watched[0]]), *asked]
    pool = pools.lay(("whole", len(blocks)) if whole is not None else key, blocks)
    train = pool.rows(0) if whole is None else np.asarray(whole.train, dtype="int64")
    monitor = train[split:] if watched is None else pool.rows(1)
    first = 1 if watched is None else 2
    score = [whole.scored] if whole is not None else [pool.rows(first + number) for number in range(len(asked))]
    target = _laid_beside(pool, train, fit.target, None if watched is None else (monitor, watched[1]))
    weights = None if fit.weights is None else np.asarray(fit.weights, dtype="float32")
    of_watched = None if watched is None else watched[2]
    if watched is None and weights is not None and len(monitor):
        of_watched = weights[split:]
    member = Member(
        id=name,
        model=fit.model,
        rows=Rows(pool.inputs, target),
        train=train[:split],
        monitor=monitor,
        score=np.concatenate([*score, np.zeros(0, dtype="int64")]).astype("int64"),
        epochs=epochs,
        batch_size=int(fit.batch_size or _BATCH),
        seed=fit.seed,
        shuffle=bool(fit.shuffle),
        stopping=stopping,
        train_weights=None if weights is None else weights[:split],
        monitor_weights=None if of_watched is None else np.asarray(of_watched, dtype="float32"),
    )
    return member


def parts_of(prediction: Any, lengths: Sequence[int]) -> list[Any]:
    """Return a member's prediction cut into the blocks that it was asked for."""
    ends = np.cumsum([0, *lengths]).tolist()
    return [_taken(prediction, np.arange(begin, end)) for begin, end in pairwise(ends)]


def _stopping(callbacks: Sequence[Any]) -> Stopping | None:
    """Return what a fit's callbacks say of early stopping."""
    stopping = None
    for callback in callbacks:
        if type(callback) is keras.callbacks.History:
            continue
        if type(callback) is not keras.callbacks.EarlyStopping:
            raise NotFusableError(f"the fit has a callback {type(callback).__name__}")
        if stopping is not None:
            raise NotFusableError("the fit has several callbacks EarlyStopping")
        if callback.baseline is not None or callback.start_from_epoch:
            raise NotFusableError("EarlyStopping has a baseline or start_from_epoch")
        stopping = Stopping(
            monitor=callback.monitor,
            patience=int(callback.patience),
            min_delta=abs(callback.min_delta),
            restore_best_weights=bool(callback.restore_best_weights),
            mode=callback.mode,
            lenient=True,
        )
    return stopping


def _refuse(fit: Fit) -> None:
    """Raise NotFusableError for what only ``model.fit`` does."""
    for name, value in fit.others.items():
        if value is not None and name not in _NEVER_MATTERS and value not in _WITHOUT_EFFECT.get(name, ()):
            raise NotFusableError(f"fit is given {name}")
    if fit.shuffle not in (True, False):
        raise NotFusableError(f"fit is given shuffle={fit.shuffle!r}")
    if fit.epochs < 1:
        raise NotFusableError(f"fit is given epochs={fit.epochs!r}")
    if any(leaf.dtype.kind not in "fiub" for leaf in jax.tree.leaves((fit.inputs, fit.target))):
        raise NotFusableError("X holds texts")


def _watched(fit: Fit) -> tuple[tuple[Any, Any, Any] | None, int]:
    """Return the rows of ``validation_data``, and how many rows are trained on; without them the rows beyond are watched."""
    rows = len(jax.tree.leaves(fit.inputs)[0])
    if fit.validation is not None:
        inputs, target, _ = fit.validation
        if not (_alike(inputs, fit.inputs) and _alike(target, fit.target)):
            raise NotFusableError("validation_data has other shapes or types than the rows trained on")
        return fit.validation, rows
    if not fit.validation_split:
        return None, rows
    trained = rows_trained(rows, fit.validation_split)
    if not 0 < trained < rows:
        raise NotFusableError(f"validation_split={fit.validation_split!r} leaves no rows on one side")
    return None, trained


def _laid_beside(pool: _Pool, train: Indices, target: Any, watched: tuple[Indices, Any] | None) -> Any:
    """Return the targets of a pool's rows, zero where they are not needed; one that lies there already, if it is equal."""
    rows = pool.starts[-1] + pool.lengths[-1]

    def spread(leaf: Any, of_watched: Any = None) -> Any:
        array = np.zeros((rows, *leaf.shape[1:]), dtype=leaf.dtype)
        array[train] = leaf
        if watched is not None:
            array[watched[0]] = of_watched
        return array

    trees = (target,) if watched is None else (target, watched[1])
    made = jax.tree.map(spread, *trees)
    for lying in pool.targets:
        if _same(lying, made):
            return lying
    pool.targets.append(made)
    return made


def _taken(inputs: Any, rows: Indices) -> Any:
    return jax.tree.map(lambda array: array[rows], inputs)


def _alike(one: Any, other: Any) -> bool:
    """Whether two pytrees of arrays may lie in one pool."""
    ones, others = jax.tree.flatten(one), jax.tree.flatten(other)
    return ones[1] == others[1] and all(
        a.shape[1:] == b.shape[1:] and a.dtype == b.dtype for a, b in zip(ones[0], others[0], strict=True)
    )


def _same(one: Any, other: Any) -> bool:
    """Whether two pytrees of arrays are equal; quickly where they lie in the same place."""
    if not _alike(one, other):
        return False
    return all(_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def _equal(a: Any, b: Any) -> bool:
    if len(a) != len(b):
        return False
    if a.ctypes.data == b.ctypes.data and a.strides == b.strides:
        return True
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
