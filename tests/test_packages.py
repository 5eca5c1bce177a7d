"""Packages have doors: from outside, only what a package's ``__init__`` hands on is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOPS = ("kerasweep", "orchestrator", "trainers", "search_spaces")
MODULES = [file for top in TOPS for file in sorted((ROOT / top).rglob("*.py"))]
PACKAGES = {".".join(file.parent.relative_to(ROOT).parts) for file in MODULES if file.name == "__init__.py"} - {*TOPS}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in TOPS:
            yield node.lineno, node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] in TOPS)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_other_packages_are_entered_by_their_doors(file: Path) -> None:
    """A package's own files, and those of the packages around it, may import each other directly."""
    here = name_of(file)
    wrong = []
    for line, module in imports(file):
        inside = next((package for package in sorted(PACKAGES, key=len) if module.startswith(f"{package}.")), None)
        if inside is not None and not f"{here}.".startswith(f"{inside}.") and module not in PACKAGES:
            wrong.append(f"{file.relative_to(ROOT)}:{line} imports {module}; take it from {inside}")
    assert wrong == []


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_door_holds_nothing_but_names(package: str) -> None:
    body = ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(body[0], ast.Expr), "it says in one docstring what the package is"
    assert {type(node) for node in body[1:]} <= {ast.ImportFrom, ast.Assign}


def test_no_folder_holds_more_files_than_a_glance_takes_in() -> None:
    counts = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in {file.parent for file in MODULES}}
    assert {folder: count for folder, count in counts.items() if count > 17} == {}
