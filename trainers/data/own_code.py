"""The user's own modules that a model carries, imported from its folder under names of their own: a copy of this file lies there.

It stands alone: the standard library.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.abc
import importlib.machinery
import io
import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_SCHEMA = "schema.json"  # of a skops file: its types


class OwnCode(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """The user's modules that one model carries, as a package of their own, named after their content.

    So two models whose modules have the same names live in one process, whatever else can be imported there. Imports of one
    another, relative or not, are led to that package; a module name that the user's code computes is not.

    Parameters
    ----------
    sources : texts of the files, by relative path.
    folder : where they lie, for tracebacks.
    """

    def __init__(self, sources: Mapping[str, str], folder: str | Path = "") -> None:
        self._sources, self._folder = sources, folder
        content = json.dumps(sorted(sources.items()))
        self.package = f"_model_code_{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        self.roots = {self.package, *(path.split("/")[0].removesuffix(".py") for path in sources)}

    def install(self) -> None:
        """Make the package importable."""
        if not any(getattr(finder, "package", None) == self.package for finder in sys.meta_path):
            sys.meta_path.append(self)

    def inner_name(self, module: str) -> str:
        """Return what a module is called in the package; one of others keeps its name."""
        parts = module.split(".")
        ours = any(self._file(".".join(parts[:depth])) for depth in range(1, len(parts) + 1))
        return f"{self.package}.{module}" if ours else module

    def outer_name(self, module: str) -> str:
        """Return the name that the user gave a module: the opposite of ``inner_name``."""
        return module.removeprefix(f"{self.package}.")

    def inside(self, content: bytes) -> bytes:
        """Return a skops file whose types are found in the package."""
        return _with_modules(content, self.inner_name)

    def outside(self, content: bytes) -> bytes:
        """Return a skops file whose types have the names that the user gave them."""
        return _with_modules(content, self.outer_name)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of one of the package's modules (``importlib.abc.MetaPathFinder``)."""
        if fullname != self.package and not fullname.startswith(f"{self.package}."):
            return None
        module = self.outer_name(fullname)
        file = self._file(module)
        below = f"{module.replace('.', '/')}/"
        if file is None and fullname != self.package and not any(name.startswith(below) for name in self._sources):
            return None
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=str(Path(self._folder, file or "")), is_package=file is None or file.endswith("/__init__.py")
        )
        spec.has_location = file is not None
        return spec

    def get_source(self, fullname: str) -> str:
        """Return a module's text (``importlib.abc.InspectLoader``)."""
        return self._sources.get(self._file(self.outer_name(fullname)) or "", "").removeprefix("\ufeff")

    def get_code(self, fullname: str) -> Any:
        """Return a module's code, its imports led to the package (``importlib.abc.InspectLoader``)."""
        file = str(Path(self._folder, self._file(self.outer_name(fullname)) or ""))
        tree = _OwnImports(self).visit(ast.parse(self.get_source(fullname), file))
        return compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)

    def _file(self, module: str) -> str | None:
        below = module.replace(".", "/")
        return next((file for file in (f"{below}/__init__.py", f"{below}.py") if file in self._sources), None)


class _OwnImports(ast.NodeTransformer):
    """Leads the import statements of a model's own code to its package."""

    def __init__(self, own: OwnCode) -> None:
        self._own = own

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        statements: list[ast.stmt] = []
        for alias in node.names:
            name, root = self._own.inner_name(alias.name), alias.name.split(".")[0]
            if name == alias.name or alias.asname:
                statements.append(ast.Import([ast.alias(name, alias.asname)]))
            else:  # "import a.b" makes a known, with its b
                statements += [ast.Import([ast.alias(name, root)]), ast.Import([ast.alias(f"{self._own.package}.{root}", root)])]
        return [ast.copy_location(statement, node) for statement in statements]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if node.level or node.module is None:
            return node
        inner = self._own.inner_name(node.module)
        if inner == node.module:  # a folder without __init__.py is the user's where a module in it is
            inner = f"{self._own.package}.{inner}"
            ours = [self._own.inner_name(f"{node.module}.{alias.name}") != f"{node.module}.{alias.name}" for alias in node.names]
            if not any(ours):
                return node
            pairs = [(inner if own else node.module, alias) for own, alias in zip(ours, node.names, strict=True)]
        else:
            pairs = [(inner, alias) for alias in node.names]
        return [ast.copy_location(ast.ImportFrom(module, [alias], 0), node) for module, alias in pairs]

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        match node.args:
            case [ast.Constant(value=str(module)) as constant, *_] if name == "import_module":
                constant.value = self._own.inner_name(module)
        return node


def _with_modules(content: bytes, renamed: Callable[[str], str]) -> bytes:
    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: renamed(value) if key == "__module__" and value else walk(value) for key, value in node.items()}
        return [walk(one) for one in node] if isinstance(node, list) else node

    with zipfile.ZipFile(io.BytesIO(content)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    schema = json.loads(parts[_SCHEMA])
    other = walk(schema)
    if other == schema:
        return content
    parts[_SCHEMA] = json.dumps(other, indent=2).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        for name, part in parts.items():
            new.writestr(name, part)
    return buffer.getvalue()
