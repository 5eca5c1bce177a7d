"""The user's own code: finding "module:function" in the folder of the sweep, and importing it.

It imports no heavy library.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainers.errors import UserCodeError

if TYPE_CHECKING:
    from trainers.settings import SweepSettings


def parse_reference(reference: str) -> tuple[str, str]:
    """Return ("package.module", "function") of "package.module:function". Raises UserCodeError if it is not of that form."""
    module, separator, name = reference.partition(":")
    if not separator or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise UserCodeError(f"user's code must be named as 'module:function'. Got {reference!r}. Give the module without '.py'.")
    return module, name


def import_object(reference: str, code: str | Path | None) -> Any:
    """Return the callable that ``reference`` names.

    Parameters
    ----------
    reference : "module:function"; the module lies in ``code``, or is installed.
    code : folder of the user's modules, first on the import path from then on; None for installed modules only.

    Raises
    ------
    UserCodeError : the form is wrong, the module is not found or fails to import, the name is absent or cannot be called.
    """
    module_name, name = parse_reference(reference)
    module = _import_module(module_name, reference, None if code is None else Path(code).resolve())
    try:
        found = getattr(module, name)
    except AttributeError:
        near = difflib.get_close_matches(name, dir(module), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserCodeError(f"{reference!r}: {module.__file__ or module_name} must define {name!r}. It does not.{hint}") from None
    if not callable(found):
        raise UserCodeError(f"{reference!r}: must be a function or class. Got {found!r}.")
    return found


def takes_epochs(settings: SweepSettings) -> bool:
    """Return whether a builder makes the models that takes ``epochs``: a shorter fit may then begin otherwise than a longer."""
    trainer = settings.trainer
    if trainer.type != "builder" or not trainer.builder:
        return False
    return "epochs" in inspect.signature(import_object(trainer.builder, settings.code)).parameters


def module_file(module: str, code: str | Path) -> Path | None:
    """Return the file of a module in the folder ``code``, or None if it does not lie there."""
    base = Path(code, *module.split("."))
    return next((file for file in (base / "__init__.py", base.with_suffix(".py")) if file.is_file()), None)


def _import_module(name: str, reference: str, code: Path | None) -> ModuleType:
    if code is not None:
        _forget_namesake(name, code)
        if sys.path[:1] != [str(code)]:
            sys.path.insert(0, str(code))
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            where = f"in {code} or among the installed packages" if code is not None else "among the installed packages"
            raise UserCodeError(f"{reference!r}: no module {name!r} {where}. Put {name.replace('.', '/')}.py there.") from None
        raise UserCodeError(f"{reference!r}: importing {name!r} failed: {error}. Install what it needs.") from error
    except Exception as error:
        raise UserCodeError(f"{reference!r}: importing {name!r} failed: {type(error).__name__}: {error}") from error


def _forget_namesake(name: str, code: Path) -> None:
    """Drop modules of this name that were imported from elsewhere, when ``code`` has its own."""
    root = name.split(".", maxsplit=1)[0]
    own = module_file(root, code)
    loaded = sys.modules.get(root)
    if own is None or loaded is None or getattr(loaded, "__file__", None) is None:
        return
    if Path(str(loaded.__file__)).resolve() == own.resolve():  # a ConfigMap's files are symlinks
        return
    for other in [key for key in sys.modules if key == root or key.startswith(f"{root}.")]:
        del sys.modules[other]
