"""Inputs as they lie in memory: how large they are, whether two are equal, and where JAX takes them without a copy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trainers.data import Array

_FIRST = 64  # rows
_LARGE = 1 << 20  # bytes
_ALIGNMENT = 64  # bytes, of JAX's buffers on CPU


def equal_inputs(one: Array | Mapping[str, Array], other: Array | Mapping[str, Array]) -> bool:
    """Return whether two inputs are equal throughout; the first rows, which mostly differ if any do, are looked at first."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal_inputs(one[name], other[name]) for name in one)
    if isinstance(one, Mapping) or isinstance(other, Mapping) or (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return np.array_equal(one[:_FIRST], other[:_FIRST]) and np.array_equal(one, other)


def aligned(inputs: Array | Mapping[str, Array]) -> Array | dict[str, Array]:
    """Return inputs that JAX takes on CPU as they lie, without a copy of its own: large ones are moved to where it can."""
    if isinstance(inputs, Mapping):
        return {name: _aligned(array) for name, array in inputs.items()}
    return _aligned(inputs)


def _aligned(array: Array) -> Array:
    if array.nbytes < _LARGE or (array.ctypes.data % _ALIGNMENT == 0 and array.flags.c_contiguous):
        return array
    moved = aligned_empty(array.shape, array.dtype)
    moved[...] = array
    return moved


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array to be filled that JAX takes on CPU as it lies."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + _ALIGNMENT, dtype=np.uint8)
    begin = -room.ctypes.data % _ALIGNMENT
    array: Array = room[begin : begin + size].view(dtype).reshape(shape)
    return array


def size_of(inputs: Array | Mapping[str, Array]) -> int:
    """Return the bytes that an array or a dict of arrays holds."""
    return sum(array.nbytes for array in inputs.values()) if isinstance(inputs, Mapping) else inputs.nbytes
