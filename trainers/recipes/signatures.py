"""Which parameters a user's builder takes, read from its source without running it. Knows no Keras and imports no user code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from trainers.errors import UserCodeError
from trainers.usercode import parse_reference
from trainers.usersource import find_module

GIVEN_BY_US = ("input_shape", "output_units", "n_classes")
"""Parameters of a builder that follow from the data: passed when its signature names them."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a builder: ``names`` taken by keyword (None: it may take any), ``required`` those without a default."""

    names: frozenset[str] | None
    required: frozenset[str] = frozenset()


ANYTHING = Signature(names=None)


def read_signature(builder: str, code: str | None) -> Signature:
    """Return the signature of ``builder`` as its source has it.

    What cannot be known without running the source (imported from elsewhere, decorated, a class without ``__init__``, the result
    of a call) may take anything; the check in the first worker then sees the real function.

    Parameters
    ----------
    builder : "module:function".
    code : the folder with the user's modules, or None for modules that are installed.

    Raises
    ------
    UserCodeError
        The name is malformed, or the module, or the function in it, is not there or cannot be parsed.
    """
    module, function = parse_reference(builder)
    path = find_module(module, code)
    if path is None:
        where = "" if code is None else f" in {code!r} or"
        raise UserCodeError(f"{builder!r}: no module {module!r}{where} among the installed ones; check the name and the folder.")
    if path.suffix != ".py":
        return ANYTHING
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise UserCodeError(f"{builder!r}: {path.name} is not valid Python: {error}.") from error
    return _find(tree, function, builder, path.name)


def _find(tree: ast.Module, function: str, builder: str, file: str) -> Signature:
    signatures: list[Signature] = []
    known: list[str] = []
    star = False
    for node in _statements(tree.body):
        match node:
            case ast.AsyncFunctionDef(name=name) if name == function:
                raise UserCodeError(f"{builder!r} in {file}: expected a plain function, got `async def {function}`.")
            case ast.FunctionDef(name=name):
                known.append(name)
                if name == function:
                    signatures.append(ANYTHING if node.decorator_list else _of_arguments(node.args))
            case ast.ClassDef(name=name) if name == function:
                signatures.append(_of_class(node))
            case ast.Assign() | ast.AnnAssign() if function in _targets(node):
                signatures.append(_of_arguments(node.value.args) if isinstance(node.value, ast.Lambda) else ANYTHING)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                bound = {alias.asname or alias.name.partition(".")[0] for alias in aliases}
                star = star or "*" in bound
                if function in bound:
                    signatures.append(ANYTHING)
    if not signatures:
        if star:
            return ANYTHING
        near = get_close_matches(function, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; its functions are {', '.join(sorted(known)) or 'none'}."
        raise UserCodeError(f"{builder!r}: {file} has no function {function!r}{hint}")
    return _union(signatures)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported, those inside if, try, with and loops too."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _of_arguments(arguments: ast.arguments, *, method: bool = False) -> Signature:
    positional = [*arguments.posonlyargs, *arguments.args][1 if method else 0 :]
    by_keyword = [argument for argument in positional if argument not in arguments.posonlyargs]
    without_default = positional[: len(positional) - len(arguments.defaults)] if arguments.defaults else positional
    required = {argument.arg for argument in without_default}
    required |= {a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None}
    if arguments.kwarg is not None:
        return Signature(None, frozenset(required))
    return Signature(frozenset(argument.arg for argument in [*by_keyword, *arguments.kwonlyargs]), frozenset(required))


def _of_class(node: ast.ClassDef) -> Signature:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__" and not node.decorator_list:
            return _of_arguments(statement.args, method=True)
    return ANYTHING


def _union(signatures: Sequence[Signature]) -> Signature:
    """Join the signatures of a function that is defined more than once, as in the branches of an if."""
    required = frozenset.intersection(*(signature.required for signature in signatures))
    names = [signature.names for signature in signatures if signature.names is not None]
    if len(names) < len(signatures):
        return Signature(None, required)
    return Signature(frozenset().union(*names), required)
