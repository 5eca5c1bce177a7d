"""Functions of a Python session, named so that a worker finds them: by their module, or written down by value.

One whose module lies in the sweep's folder, or is installed, keeps its name. Others (of a notebook, ``__main__``, nested ones,
lambdas, partials) become a small module that loads them from beside it. That module is named after a digest of what the function
is and does, and holds nothing else that varies, so equal functions make equal trial keys.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from keyword import iskeyword
from pathlib import Path
from typing import Any

from orchestrator.python_door.files import Files
from trainers.errors import UserCodeError
from trainers.usercode import import_object, module_file

Function = Callable[..., Any]

_MODULE = '''\
"""{name} of a Python session, as kerasweep.run_sweep was given it: its parameters, and the function itself from {pickle}."""

from ast import literal_eval
from base64 import b64decode
from pathlib import Path

from trainers.estimators import load


def {name}{parameters}:
    """Says what parameters there are, to who reads this file; the next line puts the function itself here."""


globals()["{name}"] = load(b64decode(literal_eval(Path(__file__).with_name("{pickle}").read_text(encoding="ascii"))))
'''


def name_functions(
    functions: Mapping[str, Function], references: Mapping[str, str], folder: Path, files: Files
) -> tuple[Path, dict[str, str]]:
    """Return the folder of the user's modules, and for each key a reference ("module:function") that is found there.

    Parameters
    ----------
    functions : the functions that were given as such, by the key that they were given for.
    references : those that were given by name, found in ``folder``.
    folder : the sweep's own.
    files : receives what is written by value.

    Raises
    ------
    UserCodeError : one cannot be written down, or a name cannot be imported.
    """
    others = [] if references else [root for function in functions.values() if (root := _root_of(function)) is not None]
    for place in (folder, *others[:1]):
        named = {key: _reference_in(function, place) for key, function in functions.items()}
        found = {key: reference for key, reference in named.items() if reference is not None}
        if len(found) == len(named):
            return place, {**references, **found}
    by_value = {**{key: import_object(name, folder) for key, name in references.items()}, **functions}
    return files.folder, {key: _write(function, key, files) for key, function in by_value.items()}


def _home(function: Function) -> tuple[str, str, Path] | None:
    """Return (module, name, file) of a function that its module has by this name, None for others."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    loaded = sys.modules.get(module or "")
    if module in (None, "__main__") or not name.isidentifier() or getattr(loaded, name, None) is not function:
        return None
    file = getattr(loaded, "__file__", None)
    return None if file is None else (str(module), name, Path(file).resolve())


def _reference_in(function: Function, folder: Path) -> str | None:
    home = _home(function)
    if home is None:
        return None
    module, name, file = home
    there = module_file(module, folder)
    if there is not None and there.resolve() == file:
        return f"{module}:{name}"
    from trainers.estimators import is_users

    return None if is_users(module, sys.modules[module]) else f"{module}:{name}"


def _root_of(function: Function) -> Path | None:
    """Return the folder from which the function's module is imported."""
    home = _home(function)
    if home is None:
        return None
    module, _, file = home
    above = [folder for folder in file.parents if (there := module_file(module, folder)) is not None and there.resolve() == file]
    return above[0] if above else None


def _write(function: Function, key: str, files: Files) -> str:
    from trainers.estimators import digest_of, dump

    try:
        content = dump(function)
    except Exception as error:
        raise UserCodeError(
            f"{key}: {_called(function)} cannot be written down for the workers: {type(error).__name__}: {error}. Leave what it "
            "refers to out of it, or put it into a module of its own."
        ) from error
    digest = digest_of(function) or hashlib.sha256(content).hexdigest()  # without a digest of its own it is never the same again
    name = getattr(function, "__name__", "")
    name = name if name.isidentifier() and not iskeyword(name) else key.rpartition(".")[2]
    module = f"session_{digest[:12]}"
    pickle = f"{module}_pickle.py"  # Python files travel with a sweep
    text = repr(base64.b64encode(content).decode())
    files.write(pickle, lambda file: file.write(text.encode()))
    source = _source(function, name, pickle)
    files.write(f"{module}.py", lambda file: file.write(source.encode()))
    return f"{module}:{name}"


def _source(function: Function, name: str, pickle: str) -> str:
    """Return a module whose source tells what the function takes, and which holds the function itself once it is imported."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it may take anything
        signature = inspect.signature(lambda **anything: None)
    empty = inspect.Parameter.empty
    plain = [
        one.replace(annotation=empty, default=empty if one.default is empty else ...) for one in signature.parameters.values()
    ]
    parameters = signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)
    return _MODULE.format(name=name, parameters=parameters, pickle=pickle)


def _called(function: Function) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
