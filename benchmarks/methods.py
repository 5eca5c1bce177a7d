"""The methods by name: what each writes into a problem's folder, the command that is measured, and what it found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import kerasweep
from benchmarks.outcome import read_outcome
from benchmarks.problems import Problem

OURS = "kerasweep"
"""What all others are compared with: the product as it comes, the fused engine on Ray."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method. ``warms`` says whether it keeps compiled programs, so that a second run is another thing than the first."""

    prepare: Callable[[Problem, str, Path], list[str]]
    outcome: Callable[[Path], dict[str, Any]] = read_outcome
    warms: bool = False


def _rival(module: str) -> Method:
    return Method(lambda problem, size, folder: [sys.executable, "-m", f"benchmarks.{module}"])


def _ours(engine: str, local: bool) -> Method:
    return Method(partial(kerasweep.prepare, engine=engine, local=local), kerasweep.outcome, warms=engine == "fused")


METHODS: Mapping[str, Method] = {
    OURS: _ours("fused", local=False),
    "kerasweep-local": _ours("fused", local=True),
    "kerasweep-keras": _ours("keras", local=False),
    "kerasweep-keras-local": _ours("keras", local=True),
    "grid_search_cv": _rival("grid_search_cv"),
    "keras_tuner": _rival("keras_tuner"),
    "ray_tune": _rival("ray_tune"),
}


def is_ours(name: str) -> bool:
    """Whether a method is one of ours."""
    return name.startswith(OURS)
