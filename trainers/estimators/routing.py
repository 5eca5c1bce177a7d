"""Where an estimator's parameters go: to its builder, to ``fit``, into an optimizer. Pure functions over signatures; no Keras.

An estimator has names of its own (``own``: its constructor's), a builder, and ``given``: every other parameter, in one dict whose
keys are canonical (:func:`canonical`). The four moments of its life use these functions::

    __init__(model, ..., **given)   self._given = canonical(given, own, builder_of(model, build_fn))
    get_params()                    {**own values, **listed(self._given, own, builder)}
    set_params(**values)            mine, self._given = changed(self._given, values, own, old_builder, new_builder)
    fit()                           builder = required_builder(model, build_fn)
                                    routed = route({**own values, **self._given}, own, builder)

Names are understood the same everywhere:

* ``model__x`` goes to the builder alone, ``fit__x`` to ``fit`` alone, ``optimizer__x`` into the optimizer that the builder's
  parameter ``optimizer`` names;
* a plain name of the constructor's is the estimator's, and goes to the builder as well if its signature has it;
* any other plain name is the builder's, or anybody's if it takes ``**kwargs``, which never receives what belongs to ``fit``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from trainers.estimators.identity import same
from trainers.estimators.instances import plain
from trainers.recipes import GIVEN_BY_US

Builder = Callable[..., Any]

FIT_BY_CONSTRUCTOR = (
    *("epochs", "batch_size", "callbacks", "validation_split"),
    *("validation_data", "class_weight", "shuffle", "verbose"),
)
"""The parameters of ``model.fit`` that an estimator's constructor has by their names."""

FIT = (
    *FIT_BY_CONSTRUCTOR,
    *("initial_epoch", "steps_per_epoch", "validation_steps", "validation_batch_size", "validation_freq"),
)
"""The parameters of ``model.fit`` that settings may give; rows and their weights are the arguments of an estimator's ``fit``."""

FROM_DATA = (*GIVEN_BY_US, "meta")
"""Parameters of a builder that follow from the data: passed when its signature names them. ``meta`` is scikeras' dict."""

_BUILDERS = ("model", "build_fn")
_COMPILING = ("optimizer", "loss", "metrics", "loss_weights")
_REQUIRED = inspect.Parameter.empty
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a builder takes by name: ``defaults`` of those that have one, ``required`` the others, ``anything``: also any name."""

    defaults: Mapping[str, Any]
    required: tuple[str, ...] = ()
    anything: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its signature, required ones first."""
        return (*self.required, *self.defaults)


@dataclass(frozen=True, slots=True)
class Routed:
    """The parameters of one fit, NumPy's numbers made Python's.

    Parameters
    ----------
    builder : arguments of the builder; what it has defaults for may be missing.
    fit : arguments of ``model.fit``.
    optimizer : settings that go into ``builder["optimizer"]``, which is then there and becomes an instance.
    from_data : the names of ``FROM_DATA`` that the builder's signature has and nobody gave a value.
    """

    builder: dict[str, Any]
    fit: dict[str, Any]
    optimizer: dict[str, Any]
    from_data: tuple[str, ...]


def builder_of(model: Any, build_fn: Any) -> Builder | None:
    """Return the builder of an estimator, None where it has none that is usable; nothing is refused."""
    builder = build_fn if model is None else model
    return builder if (model is None or build_fn is None) and callable(builder) and not _is_net(builder) else None


def required_builder(model: Any, build_fn: Any) -> Builder:
    """Return the builder of an estimator.

    Raises
    ------
    ValueError
        ``model`` and ``build_fn`` are both given, or neither is, or what is given is a model already or cannot be called.
    """
    if model is not None and build_fn is not None:
        raise ValueError("model, build_fn: expected one of them, got both; build_fn is the older name of model.")
    builder: Builder | None = build_fn if model is None else model
    what = "a function that returns a compiled model"
    if builder is None:
        raise ValueError(f"model: expected {what}, got None; write model=make_model, or the older build_fn=make_model.")
    name = "build_fn" if model is None else "model"
    if _is_net(builder):
        raise ValueError(f"{name}: expected {what}, got a model; each fit needs a new one: write {name}=lambda: ... around it.")
    if not callable(builder):
        raise ValueError(f"{name}: expected {what}, got {builder!r}.")
    return builder


def parameters_of(builder: Builder) -> Signature:
    """Return what a function, lambda, partial, bound method, class or object with ``__call__`` takes by name."""
    try:
        signature = inspect.signature(_called(builder))
    except (TypeError, ValueError):  # written in C, without a signature
        return Signature({}, anything=True)
    found = list(signature.parameters.values())
    if isinstance(builder, type):
        found = found[1:]  # self, cls
    defaults = {p.name: p.default for p in found if p.kind in _BY_NAME and p.default is not _REQUIRED}
    required = [p.name for p in found if p.kind in (*_BY_NAME, p.POSITIONAL_ONLY) and p.default is _REQUIRED]
    anything = any(p.kind is p.VAR_KEYWORD for p in found)
    return Signature(MappingProxyType(defaults), tuple(required), anything)


def canonical(given: Mapping[str, Any], own: Collection[str], builder: Builder | None) -> dict[str, Any]:
    """Return ``given`` with one key for each parameter: ``x`` for ``model__x`` too where x is the builder's alone.

    Unknown names stay as they are. Values are the very objects.

    Raises
    ------
    ValueError
        ``x`` and ``model__x`` are one parameter and have different values.
    """
    if builder is None:
        return dict(given)
    taken = parameters_of(builder)
    kept: dict[str, Any] = {}
    for name, value in given.items():
        key = _key(name, own, taken)
        if key in kept and not same(kept[key], value):
            raise ValueError(
                f"{key!r} and {'model__' + key!r} are one parameter, of the builder {name_of(builder)}: expected one value, "
                f"got {given[key]!r} and {given['model__' + key]!r}; give it once."
            )
        kept.setdefault(key, value)
    return kept


def listed(given: Mapping[str, Any], own: Collection[str], builder: Builder | None) -> dict[str, Any]:
    """Return what ``get_params`` shows beside the constructor's names: the builder's defaults, and ``given``.

    What follows from the data is shown only where somebody gave it.
    """
    defaults = {} if builder is None else parameters_of(builder).defaults
    return {**{n: value for n, value in defaults.items() if n not in own and n not in FROM_DATA}, **given}


def changed(
    given: Mapping[str, Any], values: Mapping[str, Any], own: Collection[str], old: Builder | None, new: Builder | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what ``set_params(**values)`` makes: the constructor's values to set, and the new ``given``.

    Parameters
    ----------
    old, new : the builder before and after ``values`` have been set. Where they differ, values in ``given`` that are the old
        one's defaults are forgotten: a clone has them without anybody having chosen them.

    Raises
    ------
    ValueError
        A name in ``values`` is nobody's, or what is kept of ``given`` isn't the new builder's; or one parameter has two values.
    """
    mine = {name: value for name, value in values.items() if name in own}
    others = canonical({name: value for name, value in values.items() if name not in own}, own, new)
    kept = dict(given)
    if old is not new:
        defaults = {} if old is None else parameters_of(old).defaults
        kept = {n: value for n, value in given.items() if n in others or n not in defaults or not same(value, defaults[n])}
        kept = canonical(kept, own, new)
    kept.update(others)
    if new is not None:
        check_names(kept, own, new)
    return mine, kept


def check_names(names: Iterable[str], own: Collection[str], builder: Builder) -> None:
    """Refuse names that neither the estimator nor its builder nor ``model.fit`` takes.

    Raises
    ------
    ValueError
        It says the nearest name.
    """
    taken = parameters_of(builder)
    for name in names:
        problem = None if name in own or name in taken.names else _problem(name, own, taken, name_of(builder))
        if problem is not None:
            raise ValueError(problem)


def route(params: Mapping[str, Any], own: Collection[str], builder: Builder) -> Routed:
    """Return where each of ``params`` goes: the constructor's values and the others, by canonical names.

    Raises
    ------
    ValueError
        A name is nobody's, a parameter of the builder has no value, or ``optimizer__x`` has no optimizer to go into.
    """
    check_names(params, own, builder)
    taken = parameters_of(builder)
    shared = {n: v for n, v in params.items() if n in own and n in taken.names and n not in _BUILDERS}
    plain_names = {n: v for n, v in params.items() if n not in own and (n in taken.names or not _prefixed(n))}
    prefixed = {n: v for n, v in params.items() if n not in own and n not in plain_names}
    arguments = {**shared, **plain_names, **_below("model__", prefixed)}
    fit = {**{n: v for n, v in params.items() if n in own and n in FIT}, **_below("fit__", prefixed)}
    optimizer = _below("optimizer__", prefixed)
    missing = [n for n in taken.required if n not in arguments and n not in FROM_DATA]
    if missing:
        raise ValueError(
            f"the builder {name_of(builder)} expects a value for {missing[0]!r}, got none; "
            f"give it to the constructor, as {missing[0]}=..., or a default in the signature."
        )
    if optimizer and "optimizer" not in arguments:
        if "optimizer" not in taken.defaults:
            raise ValueError(
                f"'optimizer__{next(iter(optimizer))}': expected an optimizer for the builder {name_of(builder)}, got none; "
                "give it as optimizer=..."
            )
        arguments["optimizer"] = taken.defaults["optimizer"]
    from_data = tuple(n for n in FROM_DATA if n in taken.names and n not in arguments)
    return Routed(plain(arguments), plain(fit), plain(optimizer), from_data)


def name_of(builder: Builder) -> str:
    """Return a builder's name for messages."""
    inner = getattr(builder, "func", builder)  # a partial
    return repr(getattr(inner, "__qualname__", type(inner).__qualname__))


def _called(builder: Builder) -> Any:
    """Return the function behind a builder whose parameters count.

    Of a class it is the nearest ``__init__`` or ``__new__``, by the order of inheritance: every Keras model has a
    ``__new__(*args, **kwargs)``, by which inspect would judge.
    """
    if not isinstance(builder, type):
        return builder
    for ancestor in builder.__mro__:
        for maker in ("__init__", "__new__"):
            if maker in vars(ancestor) and ancestor is not object:
                return getattr(ancestor, maker)
    return lambda self: None


def _key(name: str, own: Collection[str], taken: Signature) -> str:
    short = name.removeprefix("model__")
    if short == name or name in taken.names or short in own or _prefixed(short):
        return name
    return short if short in taken.names or (taken.anything and short not in FIT) else name


def _problem(name: str, own: Collection[str], taken: Signature, builder: str) -> str | None:
    """Return what is wrong with a name that is neither the constructor's nor in the builder's signature, None for nothing."""
    prefix, _, short = name.partition("__")
    problem = None
    if _prefixed(name):
        known = FIT if prefix == "fit" else taken.names
        needed = "optimizer" if prefix == "optimizer" else short
        if needed not in known and (prefix == "fit" or not taken.anything):
            where = "of model.fit" if prefix == "fit" else f"of the builder {builder}"
            problem = _unknown(name, where, [f"{prefix}__{other}" for other in known])
            if prefix == "optimizer":
                problem = _lacking(name, "a builder with a parameter 'optimizer'", builder)
    elif name in FIT:
        problem = f"{name!r}: expected a parameter of the estimator or of the builder {builder}; for model.fit write fit__{name}."
    elif name in _COMPILING and not taken.anything:
        problem = _lacking(name, "a parameter of the builder", builder)
    elif not taken.anything:
        problem = _unknown(name, f"of the estimator or of the builder {builder}", [*own, *taken.names])
    return problem


def _lacking(name: str, what: str, builder: str) -> str:
    return f"{name!r}: expected {what}, got the builder {builder}, which has none; add it, and compile with it."


def _unknown(name: str, where: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known)) or 'none'}."
    return f"{name!r}: expected a parameter {where}; {hint}"


def _prefixed(name: str) -> bool:
    prefix, _, rest = name.partition("__")
    return prefix in ("model", "fit", "optimizer") and bool(rest)


def _below(prefix: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}


def _is_net(value: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)
