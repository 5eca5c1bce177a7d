"""Initial weights drawn by NumPy while a model is built.

Under JAX, every initializer compiles a small program for each new shape: 0.2-0.3 s for a dense layer, minutes for a search over
widths. Keras' initializers call five functions of its backend to draw and fill; here they are NumPy's for the length of a build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import keras
import numpy as np
from keras.src import backend
from keras.src.backend.common.stateless_scope import in_stateless_scope


def _generator(seed: Any) -> np.random.Generator:
    if isinstance(seed, keras.random.SeedGenerator):
        return np.random.default_rng([int(word) for word in np.asarray(seed.next())])
    if seed is None:
        seed = keras.src.random.seed_generator.make_default_seed()
    return np.random.default_rng(seed)


def _typed(values: Any, dtype: Any) -> Any:
    return jax.device_put(np.asarray(values).astype(dtype or keras.config.floatx()))  # jnp.asarray would compile for each shape


def _normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return _typed(_generator(seed).standard_normal(shape) * stddev + mean, dtype)


def _uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return _typed(_generator(seed).uniform(minval, maxval, shape), dtype)


def _truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    generator = _generator(seed)
    drawn = generator.standard_normal(shape)
    while (outside := np.abs(drawn) > 2).any():
        drawn[outside] = generator.standard_normal(int(outside.sum()))
    return _typed(drawn * stddev + mean, dtype)


def _zeros(shape: Any, dtype: Any = None) -> Any:
    return _typed(np.zeros(shape), dtype)


def _ones(shape: Any, dtype: Any = None) -> Any:
    return _typed(np.ones(shape), dtype)


def _eager_only(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    def choose(*args: Any, **kwargs: Any) -> Any:
        return (theirs if in_stateless_scope() else ours)(*args, **kwargs)

    return choose


@contextmanager
def numpy_initializers() -> Iterator[None]:
    """Let models built inside get their random, zero and one weights from NumPy: same distributions, fixed by the same seeds."""
    patches: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (backend.random, "normal", _normal),
        (backend.random, "uniform", _uniform),
        (backend.random, "truncated_normal", _truncated_normal),
        (backend.numpy, "zeros", _zeros),
        (backend.numpy, "ones", _ones),
    )
    kept = [(module, name, getattr(module, name)) for module, name, _ in patches]
    try:
        for (module, name, ours), (_, _, theirs) in zip(patches, kept, strict=True):
            setattr(module, name, _eager_only(ours, theirs))
        yield
    finally:
        for module, name, theirs in kept:
            setattr(module, name, theirs)
