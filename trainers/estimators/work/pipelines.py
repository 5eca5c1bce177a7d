"""What stands before the net in a pipeline: fitted by scikit-learn itself, once for all nets that come after it. Knows no Keras.

The net's place at the end is taken by a recorder, so that scikit-learn's own ``Pipeline.fit`` runs with all that it knows of
nested pipelines, steps left out, containers of output and routed metadata, and stops where the net would begin.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags


class Recorder(BaseEstimator):  # type: ignore[misc]
    """Stands in a pipeline where a net should, and notes what it is given."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.given: tuple[Any, Any, dict[str, Any]] | None = None
        self.asked: Any = None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Recorder:
        """Note what a fit of the net would begin with."""
        self.given = (X, y, params)
        return self

    def predict(self, X: Any) -> Any:
        """Note what the net would be asked."""
        self.asked = X
        return np.zeros(0)

    def get_metadata_routing(self) -> Any:
        """Return what the net asks for."""
        return self.net.get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.net)

    def __sklearn_is_fitted__(self) -> bool:
        return True


@dataclass(slots=True, eq=False)
class Prepared:
    """The steps before the net, fitted on some rows.

    Attributes
    ----------
    estimator : the pipeline with its fitted steps, a recorder at its end; the recorder alone where there is no pipeline.
    X, y, params : what the net's ``fit`` is given.
    """

    estimator: Any
    X: Any
    y: Any
    params: dict[str, Any]
    _seen: list[tuple[Any, Any]] = field(default_factory=list)

    def seen(self, X: Any) -> Any:
        """Return ``X`` as the net meets it; from now on the steps remember it. None where they refuse it."""
        for known, found in self._seen:
            if known is X:
                return found
        recorder = final_of(self.estimator)
        try:
            with _learning(self.estimator):
                self.estimator.predict(X)
            found = recorder.asked
        except Exception:  # whoever scores meets it again, and tells
            found = None
        self._seen.append((X, found))
        return found

    def ending_in(self, net: Any) -> Any:
        """Return the fitted pipeline with ``net`` at its end."""
        return with_final(self.estimator, net)


def prepare(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> Prepared:
    """Fit what stands before the net of ``estimator``, which is a candidate's own.

    Raises
    ------
    Exception
        Whatever a step raises.
    """
    recorder = Recorder(final_of(estimator))
    fitted = with_final(estimator, recorder)
    if y is None:
        fitted.fit(X, **params)
    else:
        fitted.fit(X, y, **params)
    if recorder.given is None:
        raise TypeError(f"{estimator!r}: expected its last step to be fitted, got a fit that leaves it out.")
    return Prepared(fitted, *recorder.given)


def final_of(estimator: Any) -> Any:
    """Return the net at the end of a pipeline, or of a pipeline at its end; others' classes of pipelines are whole."""
    while type(estimator) is Pipeline:
        estimator = estimator.steps[-1][1]
    return estimator


def with_final(estimator: Any, final: Any) -> Any:
    """Return a pipeline of the same steps but for the net at its end."""
    if not isinstance(estimator, Pipeline):
        return final
    changed = copy.copy(estimator)
    name, last = estimator.steps[-1]
    changed.steps = [*estimator.steps[:-1], (name, with_final(last, final))]
    return changed


def prefix_of(estimator: Any) -> str:
    """Return what the names of the net's parameters begin with among those of the pipeline: "" without one."""
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return prefix


def steps_of(estimator: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all steps before the net, by the names under which ``set_params`` finds them."""
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps[:-1]:
            yield prefix + name, step
        name, last = estimator.steps[-1]
        yield from steps_of(last, f"{prefix}{name}__")


class _Remembered:
    """A fitted step's ``transform`` that knows what it has made of some rows. It pickles without that."""

    def __init__(self, step: Any) -> None:
        self.step = step
        self.known: list[tuple[Any, Any]] = []
        self.learning = False

    def __call__(self, X: Any, *args: Any, **params: Any) -> Any:
        transform = inspect.getattr_static(type(self.step), "transform").__get__(self.step, type(self.step))
        if args or params:
            return transform(X, *args, **params)
        for known, made in self.known:
            if known is X:
                return made
        made = transform(X)
        if self.learning:
            self.known.append((X, made))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _Remembered, (self.step,)


@contextmanager
def _learning(estimator: Any) -> Iterator[None]:
    """Let the steps of a pipeline remember what they make."""
    remembered = [made for _, step in steps_of(estimator) if (made := _remembered(step)) is not None]
    for one in remembered:
        one.learning = True
    try:
        yield
    finally:
        for one in remembered:
            one.learning = False


def _remembered(step: Any) -> _Remembered | None:
    """Return what remembers in place of a step's own ``transform``; None for what isn't a step of the usual kind."""
    own = inspect.getattr_static(type(step), "transform", None)
    if not hasattr(own, "__get__") or not hasattr(step, "__dict__"):
        return None
    made: _Remembered = step.__dict__.setdefault("transform", _Remembered(step))
    return made if isinstance(made, _Remembered) else None
