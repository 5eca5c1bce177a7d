"""Digests are equal in every process, differ where values differ, and are None where nothing stable tells."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainers.estimators.identity import digest_of

ROOT = Path(__file__).parents[4]

MAIN = """
import functools, json, random, sys
import numpy as np
import pandas as pd
from scipy import sparse, stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from trainers.estimators.identity import digest_of

x_train = np.arange(12.0).reshape(4, 3)
names = {"a", "b", "c", "d"}
UNITS = 3

def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
def helper(): return UNITS
def make(units=3, *, rate=0.1, **others):
    import json as _json
    from sklearn.utils import shuffle
    return helper() * units + x_train.shape[0] + (units in {"x", "y", "z"})
def closing(array, word):
    return lambda units: (array, word, units)
class Maker:
    size = 3
    def __init__(self, units): self.units = units
    def make(self): return super().__repr__() + str(self.size)
    def __call__(self): return self.make()
class Child(Maker):
    pass

values = {
    "plain": [None, True, 1, 2.5, "ä", b"x", (1, [2]), {"b": 1, "a": 2}, {"x", "y", "z", "w"}, 1j, ..., range(3)],
    "array": x_train, "objects": np.array(["a", None, 1.5], dtype=object), "scalar": np.int64(3),
    "structured": np.zeros(2, "i4,f8"),
    "dtype": np.dtype("float32"), "ufunc": np.less,
    "table": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
    "sparse": sparse.csr_matrix(np.eye(3)),
    "function": make, "recursive": even, "lambda": lambda x: x + UNITS, "closure": closing(x_train, "word"),
    "reads a set": lambda: names,
    "class": Maker, "child": Child, "object": Maker(3), "bound": Maker(3).make, "partial": functools.partial(make, units=4),
    "installed": np.linspace, "installed class": StandardScaler, "builtin": len, "builtin method": [1].append,
    "frozen": stats.reciprocal(3e-4, 3e-2), "distribution": stats.uniform,
    "estimator": make_pipeline(StandardScaler(), LogisticRegression(C=0.5)), "fitted": StandardScaler().fit(x_train),
}
"""

KERAS = """
import keras
for _ in range(int(sys.argv[1])):  # what Keras has counted up before doesn't matter
    keras.layers.Dense(1), keras.optimizers.SGD(), keras.metrics.AUC(), keras.Sequential()

class Focal(keras.losses.Loss):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma
    def call(self, y_true, y_pred): return y_true - y_pred
class Scale(keras.layers.Layer):
    def call(self, x): return super().call(x)
def build(units=3, optimizer=keras.optimizers.Adam(0.1)):
    from keras.layers import Dense
    net = keras.Sequential([keras.Input((2,)), Dense(units, activation="relu"), Scale()])
    net.compile(optimizer, keras.losses.Huber(), metrics=[keras.metrics.AUC()])
    return net

net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="ones"), keras.layers.Dropout(0.5)])
values = {
    "builder": build, "layer class": Scale, "optimizer": keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 5)),
    "loss": keras.losses.Huber(0.5), "own loss": Focal(3.0), "metric": keras.metrics.AUC(),
    "initializer": keras.initializers.RandomNormal(),
    "callback": keras.callbacks.EarlyStopping(patience=3),
    "regularizer": keras.regularizers.L2(0.1), "layer": keras.layers.Dense(3),
    "net": net, "tensor": keras.ops.arange(3), "keras function": keras.losses.mean_squared_error, "reads a net": lambda: net,
    "callback of lambdas": keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch)),
}
"""

END = "print(json.dumps({name: digest_of(value) for name, value in values.items()}))"


def run(script: str, hash_seed: str, *arguments: str) -> dict[str, str | None]:
    """Run a script as ``python - < script``."""
    found = subprocess.run(
        [sys.executable, "-", *arguments],
        input=script,
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "KERAS_BACKEND": "jax"},
    )
    assert found.returncode == 0, found.stderr
    digests: dict[str, str | None] = json.loads(found.stdout.splitlines()[-1])
    return digests


@pytest.mark.full
def test_processes_agree_whatever_their_hash_seed() -> None:
    script = MAIN + KERAS.replace("values = {", "values |= {")
    first = run(script + END, "0", "0")
    assert [name for name, digest in first.items() if digest is None] == []
    assert len(set(first.values())) == len(first)
    assert run("# one line further down\n" + script + END, "1", "3") == first


def test_a_file_and_a_pipe_agree(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(MAIN + END)
    found = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, check=True, text=True, cwd=ROOT)
    assert json.loads(found.stdout) == run(MAIN + END, "random")


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("UNITS = 3", "UNITS = 4", {"function", "lambda", "partial"}),
        ("x_train = np.arange(12.0)", "x_train = 1 + np.arange(12.0)", {"array", "function", "closure", "partial", "fitted"}),
        ("def helper(): return UNITS", "def helper(): return 2 * UNITS", {"function", "partial"}),
        ("return n != 0 and even(n - 1)", "return n != 1 and even(n - 1)", {"recursive"}),
        ("units=3, *", "units=2, *", {"function", "partial"}),
        ("rate=0.1", "rate=0.2", {"function", "partial"}),
        ("import json as _json", "import csv as _json", {"function", "partial"}),
        ("size = 3", "size = 4", {"class", "child", "object", "bound"}),
        ("Maker(3).make", "Maker(4).make", {"bound"}),
        ("partial(make, units=4)", "partial(make, units=5)", {"partial"}),
        ("C=0.5", "C=0.6", {"estimator"}),
        ("3e-4", "2e-4", {"frozen"}),
    ],
)
def test_what_is_changed_is_told_apart_and_nothing_else(old: str, new: str, changed: set[str]) -> None:
    assert old in MAIN
    before, after = digests(MAIN), digests(MAIN.replace(old, new))
    assert {name for name in before if before[name] != after[name]} == changed


def digests(script: str) -> dict[str, str | None]:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(script, space)  # noqa: S102
    return {name: digest_of(value) for name, value in space["values"].items()}


@pytest.mark.full
def test_a_module_of_the_user_s_is_known_by_its_source_and_by_what_was_set_in_it(tmp_path: Path) -> None:
    (tmp_path / "lower.py").write_text("SIZE = 3\n")
    computed = "import importlib, lower\nimportlib.import_module('low' + 'er')\n"
    (tmp_path / "nets.py").write_text(f"{computed}UNITS = 3\ndef make():\n    return UNITS + lower.SIZE\n")
    script = "import sys, json\nfrom trainers.estimators.identity import digest_of\nsys.path.insert(0, sys.argv[1])\n"
    script += "import nets\n"
    read = "def build():\n    return nets.make() + nets.UNITS\n"
    show = "values = {'made': nets.make, 'read': build}\n"
    first = run(script + read + show + END, "0", str(tmp_path))
    assert None not in first.values()
    assert run(script + read + show + END, "1", str(tmp_path)) == first
    later = run(script + "nets.UNITS = 4\n" + read + show + END, "1", str(tmp_path))
    assert (later["made"] != first["made"], later["read"] != first["read"]) == (True, True)
    (tmp_path / "lower.py").write_text("SIZE = 4\n")
    later = run(script + read + show + END, "1", str(tmp_path))
    assert (later["made"] != first["made"], later["read"] != first["read"]) == (True, True)


def make_class(size: int) -> type:
    class Local:
        def get(self) -> int:
            return size

    return Local


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (1, np.int64(1)),
        ([1], (1,)),
        ("a", b"a"),
        ({"a": 1}, [("a", 1)]),
        (0.0, -0.0),
        (np.zeros(2), np.zeros(2, "float32")),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.Series([1], name="a"), pd.Series([1])),
        (sparse.csr_matrix(np.eye(2)), sparse.csc_matrix(np.eye(2))),
        (stats.norm(0, 1), stats.norm(0, 2)),
        (StandardScaler(), StandardScaler(with_mean=False)),
        (StandardScaler(), StandardScaler().set_output(transform="pandas")),
        (StandardScaler().fit([[1.0]]), StandardScaler().fit([[2.0]])),
        (make_scorer(max), make_scorer(min)),
        (make_class(1), make_class(2)),
        (make_class(1)(), make_class(2)()),
        (lambda x: x, lambda y: y + 1),
    ],
)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    assert None not in (digest_of(one), digest_of(other))
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.zeros((2, 3)).T, np.zeros((3, 2))),
        (stats.uniform(0, 1), stats.uniform(0, 1)),
        (make_class(1), make_class(1)),
        (make_pipeline(StandardScaler()), clone(make_pipeline(StandardScaler()))),
        (functools.partial(max, key=len), functools.partial(max, key=len)),
        ([[1], [1]], [[1]] * 2),
    ],
)
def test_equal_values_have_equal_digests(one: Any, other: Any) -> None:
    assert digest_of(one) == digest_of(other) is not None


def test_what_an_estimator_requests_counts_and_whose_request_it_was_does_not() -> None:
    with config_context(enable_metadata_routing=True):
        asks = StandardScaler().set_fit_request(sample_weight=True)
    cloned = clone(asks)
    before = digest_of(cloned)
    assert None is not before != digest_of(StandardScaler())
    asks.fit([[1.0], [2.0]])
    assert digest_of(cloned) == before


def test_drawing_from_a_distribution_does_not_change_it() -> None:
    frozen = stats.norm(0, 1)
    before = digest_of(frozen)
    frozen.rvs(3, random_state=1)
    frozen.random_state = np.random.RandomState(3)
    assert digest_of(frozen) == before


def test_a_generator_is_known_by_its_state() -> None:
    for one in (np.random.RandomState(1), np.random.default_rng(1)):
        before = digest_of(one)
        one.normal()
        assert digest_of(one) != before is not None


def test_what_nothing_stable_tells_has_none(tmp_path: Path) -> None:
    class Stubborn:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise RuntimeError("no")

    def reads() -> Any:
        return lock

    lock = threading.Lock()
    with (tmp_path / "file").open("w") as file:
        for value in (
            file,
            lock,
            object(),
            (one for one in [1]),
            Stubborn(),
            [lock],
            {"a": file},
            reads,
            sys.modules["__main__"],
        ):
            assert digest_of(value) is None


def test_caches_and_wrappers_are_seen_through() -> None:
    def wrapped(size: int) -> Callable[[], int]:
        @functools.lru_cache
        def get() -> int:
            return size

        return get

    assert digest_of(wrapped(1)) == digest_of(wrapped(1)) != digest_of(wrapped(2))


def test_no_keras_is_loaded_for_it() -> None:
    code = textwrap.dedent(
        """
        import sys
        from trainers.estimators.identity import digest_of, label_of
        assert digest_of(lambda: 3) and label_of([1])
        assert not {"keras", "tensorflow", "jax"} & set(sys.modules)
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_module_that_is_imported_when_a_function_runs_may_be_loaded_already_or_not(tmp_path: Path) -> None:
    (tmp_path / "own_part.py").write_text("FACTOR = 2\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from trainers.estimators.identity import digest_of\n"
        "def build():\n    import colorsys, own_part, yaml\n    return yaml.safe_load('1') * own_part.FACTOR\n"
        "before = digest_of(build)\n"
        "build()\n"
        "print(before is not None and before == digest_of(build), before)\n"
    )

    def digest() -> list[str]:
        run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, timeout=60)
        return run.stdout.split()

    first = digest()
    assert first[0] == "True"
    (tmp_path / "own_part.py").write_text("FACTOR = 3\n")
    assert digest()[1] != first[1]
