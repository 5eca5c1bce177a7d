"""The package ``kerasweep``: every name is there, and none of them is paid for before it is asked for."""

from __future__ import annotations

import statistics
import subprocess
import sys
from importlib import import_module

import pytest

import kerasweep


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_the_import_takes_less_than_50_ms() -> None:
    """Processor time, since others may be using the machine: the median of five."""
    code = "import time; begun = time.process_time(); import kerasweep; print(time.process_time() - begun)"
    assert statistics.median(float(_python(code)) for _ in range(5)) < 0.05


def test_the_import_loads_no_other_library() -> None:
    code = "import sys; import kerasweep; dir(kerasweep); print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(_python(code).split()) - set(sys.stdlib_module_names)
    assert {"kerasweep"} <= loaded
    assert not loaded & {"numpy", "pandas", "sklearn", "keras", "tensorflow", "jax", "ray", "mlflow", "orchestrator", "trainers"}


@pytest.mark.parametrize("name", kerasweep.__all__)
def test_every_name_is_what_its_door_hands_on(name: str) -> None:
    assert getattr(kerasweep, name) is getattr(import_module(kerasweep._DOOR_OF[name]), name)


def test_all_names_are_listed() -> None:
    assert set(kerasweep.__all__) == set(kerasweep._DOOR_OF)
    assert set(kerasweep.__all__) <= set(dir(kerasweep))


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'KerasClasifier'. It has GeneticSearchCV, .*KerasClassifier"):
        kerasweep.KerasClasifier  # noqa: B018
