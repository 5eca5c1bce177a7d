"""A digest of any value that is the same in every process: of plain data, of code by what it does, of objects by their state."""

from __future__ import annotations

import copyreg
import hashlib
import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

from trainers.estimators.identity.code import describe_code, reference
from trainers.estimators.identity.libraries import describe_library
from trainers.estimators.identity.parts import NoDigestError, Parts, mapping


def digest_of(value: Any) -> str | None:
    """Return a sha256 (hex) of what ``value`` is; equal in every process, None where nothing stable tells.

    Functions are known by their bytecode, constants, defaults, captured values and the globals that they read, classes by their
    members; both by name and version where they are installed, and by their module's source beside where there is one. Objects
    are known by their class and parameters, config or state. What is open, running, or known by its address alone has none.
    """
    try:
        return _Digester().digest(value)
    except Exception:  # of whatever a user's object does when it is asked for its state
        return None


class _Digester:
    """One walk through a value; each object is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}
        self._open: dict[int, int] = {}
        self._kept: list[Any] = []  # a freed object's id may be given to another

    def digest(self, value: Any) -> str:
        if isinstance(value, Parts):
            return self._of(value)
        key = id(value)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return self._of(Parts("around", str(len(self._open) - self._open[key]).encode()))
        self._kept.append(value)
        self._open[key] = len(self._open)
        self._known[key] = self._of(_describe(value))
        del self._open[key]
        return self._known[key]

    def _of(self, parts: Parts) -> str:
        inner = [self.digest(value) for value in parts.values]
        found = hashlib.sha256(f"{parts.kind} {len(parts.raw)} {len(inner)} ".encode())
        found.update(parts.raw)
        found.update("".join(inner if parts.ordered else sorted(inner)).encode())
        return found.hexdigest()


_PLAIN: Mapping[type, Callable[[Any], Parts]] = {
    type(None): lambda value: Parts("None"),
    type(...): lambda value: Parts("..."),
    type(NotImplemented): lambda value: Parts("NotImplemented"),
    bool: lambda value: Parts("bool", str(value).encode()),
    int: lambda value: Parts("int", hex(value).encode()),
    float: lambda value: Parts("float", value.hex().encode()),
    complex: lambda value: Parts("complex", f"{value.real.hex()} {value.imag.hex()}".encode()),
    str: lambda value: Parts("str", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: Parts("bytes", value),
    bytearray: lambda value: Parts("bytearray", bytes(value)),
    list: lambda value: Parts("list", values=list(value)),
    tuple: lambda value: Parts("tuple", values=value),
    set: lambda value: Parts("set", values=list(value), ordered=False),
    frozenset: lambda value: Parts("frozenset", values=list(value), ordered=False),
    dict: lambda value: mapping("dict", value),
    slice: lambda value: Parts("slice", values=(value.start, value.stop, value.step)),
    range: lambda value: Parts("range", values=(value.start, value.stop, value.step)),
}


def _describe(value: Any) -> Parts:
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain(value)
    return describe_code(value) or describe_library(value) or _by_state(value)


def _by_state(value: Any) -> Parts:
    """Describe an object by what pickling would write of it."""
    if type(value) is object or isinstance(value, io.IOBase):
        raise NoDigestError
    reduce = copyreg.dispatch_table.get(type(value))
    found: Any = reduce(value) if reduce is not None else value.__reduce_ex__(4)
    if isinstance(found, str):
        return reference(pickle.whichmodule(value, found), found)  # type: ignore[attr-defined]
    parts = list(found[:5])  # what makes it, with which arguments, its state, items and pairs
    return Parts("object", values=[*parts[:3], *(list(items) for items in parts[3:] if items is not None)])
