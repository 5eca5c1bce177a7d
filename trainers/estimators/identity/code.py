"""Functions, classes and modules, described: installed ones by name and version, the user's by what they do.

A function reads globals by names in its bytecode, and imports by names there; what these are when it is asked counts.
"""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from trainers.estimators.identity.parts import NoDigestError, Parts, mapping
from trainers.estimators.instances import is_users, source_digest, users_file, version_of

_MAIN = frozenset({"__main__", "__mp_main__"})
_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_OF_CLASSES = frozenset(
    {"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__annotations__", "__abstractmethods__", "_abc_impl"}
    | {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__", "__annotations_cache__"}
)
"""Members of a class that say where it stands, or what has been asked of it."""


def describe_code(value: Any) -> Parts | None:
    """Return the description of a function, method, class, module or what else is made of code; None for other values."""
    describe = next((describe for kind, describe in _KINDS if isinstance(value, kind)), None)
    if describe is not None:
        return describe(value)
    function = None
    if type(value).__name__ in ("_lru_cache_wrapper", "PjitFunction"):
        function = getattr(value, "__wrapped__", None)
    elif type(value).__module__.startswith("tensorflow."):
        function = getattr(value, "python_function", None)
    return None if function is None else Parts("wrapper", values=(function,))


def reference(module: str, name: str) -> Parts:
    """Describe what is found in a module by its name: there is one of it."""
    return Parts("reference", f"{module}:{name}:{version_of(module)}".encode())


def _is_installed(module: str | None, name: str, value: Any) -> bool:
    """Say whether ``value`` is what an installed module, or one of Kerasweep's own, has by that name."""
    found: Any = sys.modules.get(module or "")
    if module is None or found is None or module in _MAIN or is_users(module, found):
        return False
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _function(value: types.FunctionType) -> Parts:
    module = value.__module__
    if _is_installed(module, value.__qualname__, value):
        return reference(module, value.__qualname__)
    captured = (value.__defaults__, value.__kwdefaults__, value.__closure__, value.__dict__)
    home = value.__globals__.get("__name__", "")
    if home not in _MAIN and home in sys.modules and not is_users(home, sys.modules[home]):  # made by an installed function
        return Parts("function", values=(reference(home, value.__qualname__), value.__code__, *captured))
    return Parts("function", values=(value.__code__, *captured, _globals(value), _source(home)))


def _code(code: types.CodeType) -> Parts:
    """Describe bytecode, wherever it stands: no file, no line numbers."""
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, code.co_name)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return Parts("code", code.co_code, (shape, names, code.co_consts, code.co_exceptiontable))


def _cell(cell: types.CellType) -> Parts:
    try:
        return Parts("cell", values=(cell.cell_contents,))
    except ValueError:
        return Parts("empty cell")


def _globals(function: types.FunctionType) -> Parts:
    """Describe what a function's code, and that of functions inside it, reads by name from its module, or imports."""
    codes = list(_codes(function.__code__))
    names = {i.argval for code in codes for i in dis.get_instructions(code) if i.opname in _READS}
    imports = {i.argval for code in codes for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME"}
    attributes = {name for code in codes for name in code.co_names}
    space = function.__globals__
    read: dict[str, Any] = {}
    for name in sorted(names):
        if name in space:
            value = space[name]
            read[name] = _module_as_read(value, attributes) if isinstance(value, types.ModuleType) else value
        elif not hasattr(builtins, name):
            read[name] = Parts("not there")
    return Parts("globals", values=(mapping("read", read), [_imported(name, space) for name in sorted(imports)]))


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _module(name: str) -> Parts:
    if name in _MAIN:
        raise NoDigestError
    return Parts("module", f"{name}:{version_of(name)}".encode()) if users_file(name) is None else _source(name)


def _module_as_read(module: types.ModuleType, attributes: set[str]) -> Parts:
    """Describe a module of which some attributes are read: the user's may have been set since it was imported."""
    name = module.__name__
    if not is_users(name, module):
        return _module(name)
    read = {key: value for key, value in vars(module).items() if key in attributes and not isinstance(value, types.ModuleType)}
    return Parts("module", values=(_source(name), mapping("read", read)))


def _imported(name: str, space: dict[str, Any]) -> Parts:
    """Describe a module that a function imports when it is called; it need not be imported yet."""
    if not name or name.startswith("."):  # from . import x
        name = str(space.get("__package__", "")) + name
    return _module(name)


def _source(name: str) -> Parts:
    """Describe a module of the user's by its source and what that imports; one without a file by nothing."""
    file = None if name in _MAIN else users_file(name)
    return Parts("no source") if file is None else Parts("source", source_digest(name, file).encode())


def _class(value: type) -> Parts:
    module, name = value.__module__, value.__qualname__
    if module == "builtins" or _is_installed(module, name, value):
        return reference(module, name)
    members = {key: member for key, member in vars(value).items() if key not in _OF_CLASSES}
    return Parts("class", value.__name__.encode(), (type(value), value.__bases__, mapping("members", members), _source(module)))


def _builtin(value: types.BuiltinFunctionType) -> Parts:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return reference(value.__module__ or "builtins", value.__qualname__)
    return Parts("builtin method", value.__name__.encode(), (owner,))


_KINDS: tuple[tuple[Any, Callable[[Any], Parts]], ...] = (
    (types.FunctionType, _function),
    (type, _class),
    (types.MethodType, lambda value: Parts("method", values=(value.__func__, value.__self__))),
    (types.ModuleType, lambda value: _module(value.__name__)),
    (types.CodeType, _code),
    (types.CellType, _cell),
    (types.BuiltinFunctionType, _builtin),
    (functools.partial, lambda value: Parts("partial", values=(value.func, value.args, value.keywords))),
    (staticmethod | classmethod, lambda value: Parts(type(value).__name__, values=(value.__func__,))),
    (property, lambda value: Parts("property", values=(value.fget, value.fset, value.fdel))),
    (functools.cached_property, lambda value: Parts("cached_property", values=(value.func,))),
    (types.MemberDescriptorType | types.GetSetDescriptorType, lambda value: Parts("descriptor", value.__name__.encode())),
    (types.MappingProxyType, lambda value: mapping("mappingproxy", value)),
)
