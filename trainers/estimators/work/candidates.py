"""From a config to a fit that is about to train: candidate made, its steps fitted, its net built. It trains nothing.

Steps before the net are fitted once for all candidates of a fold that have the same values for them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from trainers.estimators.fitting import Fit
from trainers.estimators.routing import parameters_of
from trainers.estimators.work.pipelines import Prepared, final_of, prefix_of, prepare
from trainers.estimators.work.scoring import FoldRows, cut_all, cut_fold
from trainers.estimators.work.staged import Work, params_of
from trainers.results import StopReason
from trainers.seeds import derive_seed

if TYPE_CHECKING:
    from trainers.settings import Config

_PATHS = ("filepath", "log_dir", "filename", "backup_dir")
_REFIT = "refit"


@dataclass(frozen=True, slots=True)
class Task:
    """One fold of one trial: the trial's number, its config, the fold's position."""

    trial: int
    config: Config
    fold: int


@dataclass(slots=True, eq=False)
class Begun:
    """A fit that is about to train.

    Attributes
    ----------
    net : the candidate's own estimator, at the end of its pipeline.
    rows : of its fold; None for the refit.
    prepared : the steps before it.
    fit : all that it trains by.
    seconds : how long it took to come this far.
    """

    net: Any
    rows: FoldRows | None
    prepared: Prepared
    fit: Fit
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """One fold of one candidate after training.

    Attributes
    ----------
    net : fitted, and knowing its answers.
    begun : what it was trained by.
    seconds : of beginning and of its share of the training.
    """

    net: Any
    begun: Begun
    epoch: int
    epochs_run: int
    stopped: StopReason
    history: dict[str, tuple[float, ...]]
    seconds: float
    size: int
    warnings: list[tuple[str, str]]
    fused: bool


class Candidates:
    """Makes candidates of one work and begins their fits.

    Parameters
    ----------
    work : what was staged.
    seed : of the search; of nets that have none of their own.
    kept_bytes : rows of folds, and what steps have made of them, are kept up to this size together, and those of one at least.
    """

    def __init__(self, work: Work, seed: int, kept_bytes: int) -> None:
        self._work = work
        self._seed = seed
        self._prefix = prefix_of(work.estimator)
        self._kept_bytes = kept_bytes
        self._prepared: OrderedDict[Hashable, tuple[FoldRows, Prepared]] = OrderedDict()

    def begin(self, task: Task) -> Begun:
        """Return the fit of one fold before it trains.

        Raises
        ------
        Exception
            Whatever parameters, steps, builder or data raise.
        """
        begun = time.perf_counter()
        candidate = self._candidate(task.config)
        rows, prepared = self._steps(task, candidate)
        net = final_of(candidate)
        fit = self._begin_fit(net, prepared, task.config, task.fold)
        if self._work.output is not None:
            for callback in fit.callbacks:
                _refuse_to_share(callback)
                _write_below(callback, Path(self._work.output, f"trial-{task.trial}", f"fold-{task.fold}"))
        return Begun(net, rows, prepared, fit, time.perf_counter() - begun)

    def begin_refit(self, config: Config) -> Begun:
        """Return the fit on all rows before it trains. Raises as :meth:`begin` does."""
        begun = time.perf_counter()
        candidate = self._candidate(config)
        np.random.seed(derive_seed(self._seed, self._of_steps(config), _REFIT))
        if self._prefix:  # steps may work in place, and what is staged is read-only
            prepared = prepare(candidate, *cut_all(self._work))
        else:
            prepared = prepare(candidate, self._work.X, self._work.y, self._work.fit_params)
        net = final_of(candidate)
        fit = self._begin_fit(net, prepared, config, _REFIT)
        if self._work.output is not None:
            for callback in fit.callbacks:
                _write_below(callback, Path(self._work.output))
        return Begun(net, None, prepared, fit, time.perf_counter() - begun)

    def pool(self, task: Task) -> Hashable:
        """Return what is equal for tasks whose nets are given the same rows."""
        return task.fold, repr(sorted(self._of_steps(task.config).items()))

    def alone(self, config: Config) -> tuple[Config, str | None]:
        """Return a config without its number of epochs, and the name under which it has one.

        Where the builder takes epochs too, they are more than a number of rounds: the config is whole then, and the name None.
        """
        names = [name for name in self._names_of_epochs if name in config]
        if len(names) != 1 or type(config[names[0]]) is not int or config[names[0]] < 1:
            return config, None
        try:
            builder = final_of(self._candidate(config))._builder()
        except Exception:  # its fit will tell
            return config, None
        if builder is None or "epochs" in parameters_of(builder).names:
            return config, None
        return {name: value for name, value in config.items() if name != names[0]}, names[0]

    def decides(self, named: str | None, begun: Begun) -> bool:
        """Return whether the parameter of that name says how long a fit trains: ``fit``'s own arguments go before it."""
        if named is None or begun.prepared.params.get("epochs") is not None:
            return False
        return self.short(named) == "fit__epochs" or "fit__epochs" not in begun.net.get_params(deep=False)

    def short(self, name: str) -> str:
        """Return how the net calls a parameter of its own."""
        return name.removeprefix(self._prefix)

    @property
    def _names_of_epochs(self) -> tuple[str, str]:
        return f"{self._prefix}epochs", f"{self._prefix}fit__epochs"

    def _candidate(self, config: Config) -> Any:
        params = params_of(config, self._work.values)
        return clone(self._work.estimator).set_params(**clone(params, safe=False))

    def _steps(self, task: Task, candidate: Any) -> tuple[FoldRows, Prepared]:
        key = self.pool(task)
        if key not in self._prepared:
            rows = cut_fold(self._work, task.fold)  # anew: steps may work in place
            np.random.seed(derive_seed(self._seed, self._of_steps(task.config), task.fold))
            prepared = prepare(candidate, rows.X_train, rows.y_train, rows.fit_params)
            for scored in (rows.X_test, *([rows.X_train] if self._work.return_train_score else [])):
                prepared.seen(scored)  # once for all nets that come after
            self._prepared[key] = rows, prepared
            self._make_room()
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def _make_room(self) -> None:
        """Forget what has not been asked for longest."""
        sizes = {key: _size_of_steps(*made) for key, made in self._prepared.items()}
        while len(self._prepared) > 1 and sum(sizes[key] for key in self._prepared) > self._kept_bytes:
            self._prepared.popitem(last=False)

    def _of_steps(self, config: Config) -> dict[str, Any]:
        """Return the values in a config that are not the net's alone."""
        return {name: value for name, value in config.items() if self._prefix and not name.startswith(self._prefix)}

    def _begin_fit(self, net: Any, prepared: Prepared, config: Config, purpose: int | str) -> Fit:
        deciding = {name: value for name, value in config.items() if name not in self._names_of_epochs}
        seed = derive_seed(self._seed, deciding, purpose) if net.random_state is None else None
        fit: Fit = net._begin_fit(prepared.X, prepared.y, **prepared.params, seed=seed)
        return fit


def size_of(rows: Any) -> int:
    """Return about how many bytes some rows take, whatever they are kept in."""
    if isinstance(rows, Mapping):
        return sum(map(size_of, rows.values()))
    if hasattr(rows, "memory_usage"):  # pandas
        return int(np.sum(rows.memory_usage(deep=False)))
    return int(getattr(getattr(rows, "data", rows), "nbytes", 0))


def _size_of_steps(rows: FoldRows, prepared: Prepared) -> int:
    made = 0 if prepared.X is rows.X_train else size_of(prepared.X)
    return made + size_of(rows.X_train) + size_of(rows.X_test)


def _write_below(callback: Any, folder: Path) -> None:
    """Let a callback write to its relative paths below ``folder``."""
    for name in _PATHS:
        path = getattr(callback, name, None)
        if isinstance(path, str | Path) and not _is_fixed(path):
            setattr(callback, name, str(folder / path))
            inside = f"{str(path).rstrip('/')}/"
            for other, value in list(vars(callback).items()):  # what its constructor has made of the path
                if isinstance(value, str) and value.startswith(inside):
                    setattr(callback, other, str(folder / value))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)


def _refuse_to_share(callback: Any) -> None:
    """Refuse a callback by which fits would go on with each other's weights."""
    import keras

    if isinstance(callback, keras.callbacks.BackupAndRestore) and _is_fixed(callback.backup_dir):
        raise ValueError(
            f"BackupAndRestore: expected a relative backup_dir, got {callback.backup_dir!r}, from which each fit of a search "
            "would restore what another has left; write BackupAndRestore('backup'): each fit has a folder of its own then."
        )


def _is_fixed(path: str | Path) -> bool:
    return Path(path).is_absolute() or "://" in str(path)
