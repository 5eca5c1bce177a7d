"""A fitted net as an estimator keeps it: in hand, as builder and weights, or as a ``.keras`` file's bytes. Keras comes late.

Python's and NumPy's global random states are left as they were, whatever a net's layers draw while it is built.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.estimators.instances.carrying import REGISTERING
from trainers.estimators.instances.net_files import random_states_kept, read_net, written_net

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

_MAKING = REGISTERING  # Keras names layers by global counters, and a net is made once; one lock, for either may need the other


class StoredModel:
    """The net of a fitted estimator; ``model`` gives it, made when it is first asked for and kept.

    It pickles and deep-copies by the bytes of a ``.keras`` file, and beside them the classes and functions of the user's that the
    net is made of. What cannot be saved so, such as a Lambda layer, is refused there.
    """

    def __init__(
        self,
        model: keras.Model | None = None,
        *,
        build: Callable[[], keras.Model] | None = None,
        weights: Sequence[NDArray[Any]] = (),
        example: Any = None,
    ) -> None:
        """Keep ``model``; or what makes it anew.

        Parameters
        ----------
        build : returns the net as it was before training, on whatever backend this process has.
        weights : its trained ``model.weights``, in that order.
        example : one row of inputs as Keras takes them, zeros will do: builds a net that is built by its first rows.
        """
        self._live = model
        self._build = build
        self._weights: list[NDArray[Any]] | None = None if build is None else list(weights)
        self._example = example
        self._file: tuple[bytes, dict[str, Any]] | None = None

    @property
    def model(self) -> keras.Model:
        """Return the compiled net on this process' backend, always the same object."""
        with _MAKING:
            if self._live is None:
                with random_states_kept():
                    self._live = self._made()
                self._build = self._weights = self._example = self._file = None
            return self._live

    @property
    def weights(self) -> list[NDArray[Any]]:
        """Return the weights in the order of ``model.weights``; the net isn't made for them where they are at hand."""
        with _MAKING:
            if self._weights is not None:
                return list(self._weights)
            return [np.asarray(weight) for weight in self.model.get_weights()]

    def _made(self) -> keras.Model:
        if self._file is not None:
            return read_net(*self._file)
        if self._build is None or self._weights is None:
            raise ValueError("StoredModel: expected a model, or build and weights, got neither.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the builder was warned of at fit
            model = self._build()
            if not model.built or len(model.weights) != len(self._weights):
                model(self._example)
        shapes, expected = ([tuple(weight.shape) for weight in weights] for weights in (model.weights, self._weights))
        if shapes != expected:
            raise ValueError(
                f"model_: expected a net with weights of the shapes {expected}, as at fit, got {shapes}: the builder makes "
                "another net by now; let it read nothing that changes, or fit again."
            )
        model.set_weights(self._weights)
        return model

    def __getstate__(self) -> dict[str, Any]:
        with _MAKING:
            return {"file": self._file if self._file is not None else written_net(self.model)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self._file = state["file"]
