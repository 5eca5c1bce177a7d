"""Which source the user's functions run: followed from import to import, without running any of it.

It imports no heavy library and nothing of the user's.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trainers.usercode import parse_reference

WHOLE_FOLDER = ""
"""The place of a computed import in the sweep's own folder: any of its files may be meant."""

_PACKAGES = frozenset({"trainers", "orchestrator", "search_spaces", "kerasweep"})
_HOME = Path(__file__).parents[1]
_COMPUTED = frozenset({"import_module", "__import__", "spec_from_file_location", "run_path", "run_module", "exec"})
_SUFFIXES = (
    *importlib.machinery.EXTENSION_SUFFIXES,
    *importlib.machinery.SOURCE_SUFFIXES,
    *importlib.machinery.BYTECODE_SUFFIXES,
)


@dataclass(frozen=True, slots=True)
class UserSource:
    """What some functions of the user's need, the standard library and Kerasweep itself left out.

    Parameters
    ----------
    files : the modules known by their content, by their names below the import path ("package/part.py"): those of the sweep's
        folder, of its symlinks, of ``PYTHONPATH``, of editable distributions and of those without a RECORD.
    places : what these are parts of, by import name: the file of a single module, or the folder of the outermost package.
    computed : the places with an import that cannot be read from the source (``import_module(name)``).
    versions : of the installed distributions that these modules import, by name.
    """

    files: Mapping[str, Path]
    places: Mapping[str, Path]
    computed: frozenset[str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A module: its file (None: a namespace package), the folders with its submodules, and whether the sweep's folder has it.

    Of each folder is said whether it belongs to the sweep's.
    """

    file: Path | None
    search: tuple[tuple[str, bool], ...]
    own: bool


def find_module(module: str, code: str | Path | None) -> Path | None:
    """Return the file of "package.module" without importing anything, None where there is none (or only a namespace).

    Parameters
    ----------
    code : folder of the user's modules, looked in before the import path; None for installed modules only.
    """
    found = _Finder(code).find(module)
    return None if found is None else found.file


def read_user_source(references: Iterable[str], code: str | Path | None) -> UserSource:
    """Return what the functions ``references`` ("module:function") need.

    Imports inside functions count; so do both sides of a ``try``. A file that cannot be parsed, and a module that is not there,
    end the search along their branch.

    Parameters
    ----------
    code : folder of the user's modules; None for installed modules only.

    Raises
    ------
    UserCodeError : a reference is malformed.
    """
    finder, installed = _Finder(code), _Installed()
    files: dict[str, Path] = {}
    places: dict[str, Path] = {}
    computed: set[str] = set()
    versions: dict[str, str] = {}
    waiting = [parse_reference(reference)[0] for reference in references]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if not module or module in seen:
            continue
        seen.add(module)
        waiting.append(module.rpartition(".")[0])
        found = finder.find(module)
        if found is None or found.file is None or _is_ours(module, found) or _is_standard(found.file):
            continue
        name = _name(module, found.file)
        if not found.own and (owner := installed.owner(name, found.file)) is not None:
            versions[owner[0]] = owner[1]
            continue
        files[name] = found.file
        place, path = finder.place(module)
        places[place] = path
        if found.file.suffix == ".py":
            imports, unknown = _imports(found.file, module)
            waiting += imports
            if unknown:
                computed.add(WHOLE_FOLDER if found.own else place)
    return UserSource(
        dict(sorted(files.items())), dict(sorted(places.items())), frozenset(computed), dict(sorted(versions.items()))
    )


class _Finder:
    """Finds modules as Python would, parents included, but imports none of them."""

    def __init__(self, code: str | Path | None) -> None:
        self._code = None if code is None else str(code)
        self._roots = sys.path if code is None else [str(code), *sys.path]
        self._found: dict[str, _Found | None] = {}

    def find(self, module: str) -> _Found | None:
        if module not in self._found:
            self._found[module] = self._look(module)
        return self._found[module]

    def place(self, module: str) -> tuple[str, Path]:
        """Return (import name, path) of the outermost package around a module that was found, or of the module itself."""
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            found = self.find(name)
            if found is not None and found.file is not None:
                return name, found.file.parent if found.search else found.file
        raise LookupError(module)

    def _look(self, module: str) -> _Found | None:
        parent, _, leaf = module.rpartition(".")
        around = self.find(parent) if parent else None
        search = (around.search if around else ()) if parent else tuple((entry, entry == self._code) for entry in self._roots)
        portions: list[tuple[str, bool]] = []
        for entry, own in search:
            base = Path(entry, leaf)
            for suffix in _SUFFIXES:
                if (file := base / f"__init__{suffix}").is_file():
                    return _Found(file, ((str(base), own),), own)
            for suffix in _SUFFIXES:
                if (file := base.with_name(f"{leaf}{suffix}")).is_file():
                    return _Found(file, (), own)
            if base.is_dir():
                portions.append((str(base), own))
        found = _redirected(module, [entry for entry, _ in search] if parent else None)
        return found or (_Found(None, tuple(portions), own=False) if portions else None)


def _redirected(module: str, search: Sequence[str] | None) -> _Found | None:
    """Return what the finders say that editable installations put beside Python's own."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    for finder in sys.meta_path:
        if getattr(finder, "__module__", "").startswith("_frozen_importlib") or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(module, search)
        if spec is None:
            continue
        file = Path(spec.origin) if spec.has_location and spec.origin and Path(spec.origin).is_file() else None
        locations = spec.submodule_search_locations
        if file is not None:
            return _Found(file, () if locations is None else ((str(file.parent), False),), own=False)
        if locations is not None and "." not in module:  # those of a nested namespace ask for the parent in sys.modules
            return _Found(None, tuple((entry, False) for entry in locations), own=False)
    return None


class _Installed:
    """The records of installed distributions, read where they are asked for."""

    def __init__(self) -> None:
        self._records: dict[Path, list[tuple[str, str, str]]] = {}

    def owner(self, name: str, file: Path) -> tuple[str, str] | None:
        """Return (name, version) of the distribution whose RECORD lists a module's file; None: it is known by content only."""
        depth = name.count("/")
        if depth >= len(file.parents):  # a namespace package that lies at the top of the disk
            return None
        root = file.parents[depth]
        if root not in self._records:
            self._records[root] = list(_records(root))
        line = f"\n{file.relative_to(root).as_posix()},"
        return next(((dist, version) for dist, version, record in self._records[root] if line in record), None)


def _records(root: Path) -> Iterator[tuple[str, str, str]]:
    for record in sorted(root.glob("*.dist-info/RECORD")):
        name, _, version = record.parent.name.removesuffix(".dist-info").rpartition("-")
        text = record.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        yield name.lower().replace("_", "-"), version, f"\n{text}"


def _name(module: str, file: Path) -> str:
    """Return what a module's file is called below the import path, wherever an editable installation keeps it."""
    below = module.replace(".", "/")
    return f"{below}/{file.name}" if file.name.startswith("__init__.") else f"{below}{_suffix(file)}"


def _suffix(file: Path) -> str:
    return next(suffix for suffix in _SUFFIXES if file.name.endswith(suffix))


def _is_ours(module: str, found: _Found) -> bool:
    """Say whether it is Kerasweep itself, whose own version stands for it."""
    root = module.partition(".")[0]
    return not found.own and root in _PACKAGES and found.file is not None and found.file.is_relative_to(_HOME / root)


def _is_standard(file: Path) -> bool:
    return any(
        file.is_relative_to(root) and not {"site-packages", "dist-packages"} & set(file.relative_to(root).parts)
        for root in _standard_folders()
    )


@cache
def _standard_folders() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib"))


def _imports(file: Path, module: str) -> tuple[list[str], bool]:
    """Return the modules that a file may import, and whether it imports some by a name that it computes."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return [], False
    is_package = file.name == "__init__.py"
    package = module.split(".") if is_package else module.split(".")[:-1]
    names: list[str] = []
    computed = False
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom():
                origin = ".".join([*_from(package, node.level), *([node.module] if node.module else [])])
                names += [origin, *(f"{origin}.{alias.name}".lstrip(".") for alias in node.names)]
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=listed) | ast.Tuple(elts=listed)) if is_package:
                names += [f"{module}.{item.value!s}" for item in listed if isinstance(item, ast.Constant)]
            case ast.Call() if _called(node) in _COMPUTED:
                named = _literal_import(node, package)
                names += named
                computed = computed or not named
    return names, computed


def _from(package: Sequence[str], level: int) -> Sequence[str]:
    """Return the package that ``level`` leading dots mean."""
    return package[: max(len(package) - level + 1, 0)] if level else []


def _called(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name) if name != "exec":
            return name
    return None


def _literal_import(call: ast.Call, package: Sequence[str]) -> list[str]:
    """Return the module in ``import_module("package.module")``, nothing where it is not written out."""
    if _called(call) not in ("import_module", "__import__"):
        return []
    match call.args:
        case [ast.Constant(value=str(name))] if not name.startswith("."):
            return [name]
        case [ast.Constant(value=str(name)), ast.Name(id="__package__")] if name.strip("."):
            bare = name.lstrip(".")
            return [".".join([*_from(package, len(name) - len(bare)), bare])]
    return []
