"""How raw rows become a net's inputs: the same code in training and in a saved model's folder, where a copy of this file lies.

It stands alone, beside ``own_code.py``: the standard library and numpy, with pandas, scikit-learn and skops loaded when used. It
fits nothing.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PADDING, UNKNOWN = 0, 1
CROSS_BUCKETS = 1024  # a cross with more combinations than this is hashed into so many
TRUSTED = frozenset({"numpy.dtype"})  # what skops does not trust by itself and scikit-learn's transformers need

_LONGEST = 40  # characters of a name in a message
_PLAN = "preprocessor.json"
_CODE = "code"
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def named(names: Iterable[Any], most: int = 12) -> str:
    """Return names as a message shows them: ``'a', 'b' and 7 more``; what is long is cut."""
    names = list(names)
    words = [repr(name) for name in names[:most]]
    shown = ", ".join(word if len(word) <= _LONGEST else f"{word[: _LONGEST - 3]}..." for word in words)
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def column_kind(column: Any) -> str:
    """Return "boolean", "number" or "text": how a pandas column is understood."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(column.dtype) else "text"


def as_text(values: Any) -> Any:
    """Return (rows,) object: every value of a pandas Series as text, None where it is missing.

    A whole float reads as an integer does.
    """
    import pandas as pd

    def text(value: Any) -> str:
        return str(int(value)) if isinstance(value, float | np.floating) and float(value).is_integer() else str(value)

    codes, uniques = pd.factorize(values)
    texts = np.array([*(text(value) for value in uniques), None], dtype=object)
    return texts[codes]  # a missing value has code -1: the None at the end


def tidy_column(column: Any, kind: str, missing: Sequence[str] = ()) -> Any:
    """Return a raw pandas column as its kind demands: float64 with NaN ("number", "boolean") or text with NaN.

    Parameters
    ----------
    column : pandas Series.
    kind : "number", "boolean" or "text".
    missing : spellings of a missing value.

    Raises
    ------
    ValueError : a value that is no number stands in a column of numbers.
    """
    import pandas as pd

    found = column_kind(column)
    if kind == "text" or found == "text":
        texts = pd.Series(as_text(column), index=column.index, dtype="str")
        texts = texts.mask(texts.isin([*missing, ""]) if kind != "text" else texts.isin(list(missing)))
        if kind == "text":
            return texts
        if kind == "boolean":
            texts = texts.str.strip().str.lower().replace({"true": "1", "false": "0"})
        try:
            return pd.to_numeric(texts).astype("float64")
        except (ValueError, TypeError) as error:
            raise ValueError(f"column {column.name!r} must hold a {kind} in every row: {error}. Mend the rows.") from error
    values = column.to_numpy(dtype="float64", na_value=np.nan).copy()
    spelled = [float(text) for text in missing if re.fullmatch(r"\s*[-+]?[0-9.]+(?:[eE][-+]?\d+)?\s*", text)]
    values[np.isin(values, spelled)] = np.nan
    return pd.Series(values, index=column.index, name=column.name)


def tidy_table(table: Any, columns: Sequence[Mapping[str, Any]], missing: Sequence[str] = ()) -> Any:
    """Return a DataFrame of exactly ``columns``, each of its kind.

    Other columns are left out; an absent one raises ValueError.
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame(table)
        if table.shape[1] == len(columns):
            table.columns = [column["name"] for column in columns]
    table = table.rename(columns=str)
    absent = [column["name"] for column in columns if column["name"] not in table.columns]
    if absent:
        raise ValueError(f"the rows must have the columns {named(absent)}. Got {named(table.columns)}. Name them as in training.")
    return pd.DataFrame({column["name"]: tidy_column(table[column["name"]], column["kind"], missing) for column in columns})


def as_matrix(table: Any, columns: Sequence[Mapping[str, Any]], missing: Sequence[str] = ()) -> Any:
    """Return (rows, columns) float64: numbers, booleans as 0 and 1, texts as positions in their categories; NaN for missing.

    A text that is none of its column's categories becomes -1.
    """
    import pandas as pd

    tidy = tidy_table(table, columns, missing)
    matrix = np.empty((len(tidy), len(columns)))
    for position, column in enumerate(columns):
        values = tidy[column["name"]]
        if column["kind"] == "text":
            codes = pd.Index(column["categories"], dtype="str").get_indexer(values).astype("float64")
            matrix[:, position] = np.where(values.isna(), np.nan, codes)
        else:
            matrix[:, position] = values
    return matrix


def cross_width(cross: Sequence[Mapping[str, Any]]) -> int:
    """Return how many inputs a cross of columns takes: one a combination, at most CROSS_BUCKETS."""
    return min(int(np.prod([_levels(part) for part in cross], dtype=np.float64)), CROSS_BUCKETS)


def cross_columns(matrix: Any, cross: Sequence[Mapping[str, Any]]) -> Any:
    """Return (rows, width) float32, one-hot over the combinations of some columns of a matrix, hashed if they are many.

    A part names its column's position ("column") and either its number of categories ("categories") or the ascending cuts between
    intervals of a number ("cuts"). A missing or unknown value is a level of its own.
    """
    index = np.zeros(len(matrix), dtype=np.uint64)
    for part in cross:
        values = matrix[:, part["column"]]
        level = np.searchsorted(part["cuts"], values, side="right") if "cuts" in part else np.nan_to_num(values, nan=-1)
        last = _levels(part) - 1
        level = np.where(np.isnan(values) | (level < 0), last, level)
        index = index * np.uint64(last + 1) + level.astype(np.uint64)
    width = cross_width(cross)
    if np.prod([_levels(part) for part in cross], dtype=np.float64) > CROSS_BUCKETS:
        index = _mixed(index) % np.uint64(CROSS_BUCKETS)
    one_hot = np.zeros((len(matrix), width), dtype=np.float32)
    one_hot[np.arange(len(matrix)), index.astype(np.int64)] = 1
    return one_hot


def _levels(part: Mapping[str, Any]) -> int:
    return (len(part["cuts"]) + 1 if "cuts" in part else int(part["categories"])) + 1


def _mixed(index: Any) -> Any:
    """Return uint64 with well mixed bits: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    index = (index ^ (index >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    index = (index ^ (index >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return index ^ (index >> np.uint64(31))


def words_of(text: Any) -> list[str]:
    """Return the words of a text in lower case; none of a missing one."""
    return _WORD.findall(text.lower()) if isinstance(text, str) else []


def tokens_of_texts(texts: Sequence[Any], vocabulary: Mapping[str, int], length: int) -> Any:
    """Return (rows, length) int32: 0 pads at the end, 1 stands for words outside the vocabulary, longer texts are cut."""
    tokens = np.full((len(texts), length), PADDING, dtype=np.int32)
    for row, text in enumerate(texts):
        ids = [vocabulary.get(word, UNKNOWN) for word in words_of(text)[:length]]
        tokens[row, : len(ids)] = ids
    return tokens


def tokens_of_sequences(sequences: Any, words: int, length: int) -> Any:
    """Return (rows, length) int32: integer sequences cut or padded with 0 at the end; ids from ``words`` on become 1."""
    sequences = np.asarray(sequences)[:, :length]
    tokens = np.full((len(sequences), length), PADDING, dtype=np.int32)
    tokens[:, : sequences.shape[1]] = np.where(sequences < words, sequences, UNKNOWN)
    return tokens


@dataclass(frozen=True)
class Preprocessor:
    """What was fitted on the training rows of a fold, and how to apply it to any rows.

    ``plan`` is JSON-able and says what to do; ``estimators`` are the fitted scikit-learn transformers that it names; ``sources``
    are files (relative path to text) of the user's own transformer, shipped with the model.
    """

    plan: Mapping[str, Any]
    estimators: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    def transform(self, features: Any) -> Any:
        """Return the inputs of raw rows: an array (rows, ...), or a dict of such arrays.

        Parameters
        ----------
        features : a table with the columns of the training data (order and further columns do not count), or an array (rows,
            ...).

        Raises
        ------
        ValueError : columns are absent, or values do not fit them.
        """
        return _TRANSFORMS[self.plan["kind"]](self, features)

    def export(self, folder: str | Path) -> None:
        """Write the plan as JSON, the estimators as skops files and the sources to ``folder``: no pickle.

        Raises
        ------
        ValueError : an estimator holds a type that skops does not trust, and that the shipped sources do not define.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        own = _own_code(self.sources)
        (folder / _PLAN).write_text(json.dumps(dict(self.plan), indent=1), encoding="utf-8")
        for name, estimator in self.estimators.items():
            import skops.io

            content = own.outside(skops.io.dumps(estimator))
            _trusted_types(content, own.roots)
            (folder / f"{name}.skops").write_bytes(content)
        for path, text in self.sources.items():
            file = folder / _CODE / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def load_preprocessor(folder: str | Path) -> Preprocessor:
    """Return the preprocessor that ``Preprocessor.export`` wrote to ``folder``, with the user's modules that it carries.

    Raises ValueError for types that are not allowed.
    """
    folder = Path(folder)
    code = folder / _CODE
    sources = {file.relative_to(code).as_posix(): file.read_text(encoding="utf-8") for file in sorted(code.rglob("*.py"))}
    own = _own_code(sources, code)
    own.install()
    estimators = {}
    for file in sorted(folder.glob("*.skops")):
        import skops.io

        content = own.inside(file.read_bytes())
        estimators[file.stem] = skops.io.loads(content, trusted=_trusted_types(content, own.roots))
    return Preprocessor(json.loads((folder / _PLAN).read_text(encoding="utf-8")), estimators, sources)


def _trusted_types(content: bytes, own: set[str]) -> list[str]:
    """Return the types of a skops file that need trust and have it; raise ValueError for others.

    ``own`` are the user's shipped modules.
    """
    import skops.io

    types = skops.io.get_untrusted_types(data=content)
    foreign = [name for name in types if name not in TRUSTED and name.split(".")[0] not in own]
    if foreign:
        raise ValueError(
            f"a transformer holds {foreign}, which cannot be stored without pickle. "
            "Build it of scikit-learn's transformers, or of classes in the same file."
        )
    return list(types)


def _own_code(sources: Mapping[str, str], folder: str | Path = "") -> Any:
    """Return the ``OwnCode`` of ``own_code.py``, which lies beside this file wherever that is."""
    name = f"{__name__}_own_code"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("own_code.py"))
        if spec is None or spec.loader is None:
            raise ImportError(f"own_code.py must lie beside {__file__}. It cannot be loaded.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name].OwnCode(sources, folder)


def _transform_table(self: Preprocessor, features: Any) -> Any:
    matrix = as_matrix(features, self.plan["columns"], self.plan["missing"])
    return _float32(self.estimators["table"].transform(matrix)) if "table" in self.estimators else _float32(matrix)


def _transform_wide_deep(self: Preprocessor, features: Any) -> Any:
    matrix = as_matrix(features, self.plan["columns"], self.plan["missing"])
    wide = [_float32(self.estimators["wide"].transform(matrix))] if "wide" in self.estimators else []
    wide += [cross_columns(matrix, cross) for cross in self.plan["crosses"]]
    return {"wide": np.concatenate(wide, axis=1), "deep": _float32(self.estimators["deep"].transform(matrix))}


def _transform_text(self: Preprocessor, features: Any) -> Any:
    plan = self.plan
    texts = tidy_table(features, [{"name": plan["column"], "kind": "text"}], plan["missing"])[plan["column"]]
    vocabulary = {word: number for number, word in enumerate(plan["words"], start=UNKNOWN + 1)}
    return tokens_of_texts(texts.tolist(), vocabulary, plan["length"])


def _transform_sequences(self: Preprocessor, features: Any) -> Any:
    return tokens_of_sequences(features, self.plan["vocabulary"], self.plan["length"])


def _transform_array(self: Preprocessor, features: Any) -> Any:
    array = np.asarray(features)
    shape = tuple(self.plan["shape"])
    if array.shape[1:] != shape:
        raise ValueError(f"the rows must have the shape {shape}, as in training. Got {array.shape[1:]}.")
    if "array" not in self.estimators:
        return array.astype(np.float32, copy=False)  # staged numbers stay mapped
    flat = array.reshape(len(array), -1).astype(np.float64)
    return _float32(self.estimators["array"].transform(flat)).reshape(array.shape)


def _transform_custom(self: Preprocessor, features: Any) -> Any:
    raw = np.asarray(features) if "shape" in self.plan else tidy_table(features, self.plan["columns"], self.plan["missing"])
    return _float32(self.estimators["custom"].transform(raw))


def _float32(values: Any) -> Any:
    if hasattr(values, "toarray"):
        values = values.toarray()
    return np.ascontiguousarray(np.asarray(values), dtype=np.float32)


_TRANSFORMS = {
    "table": _transform_table,
    "wide_deep": _transform_wide_deep,
    "text": _transform_text,
    "sequences": _transform_sequences,
    "array": _transform_array,
    "custom": _transform_custom,
}
