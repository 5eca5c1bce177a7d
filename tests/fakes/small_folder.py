"""Sweeps run as a user runs them: a folder, a file, the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

COMMAND = Path(sys.executable).parent / "kerasweep"


@dataclass(frozen=True)
class Folder:
    """A working folder with a sweep file, where commands are typed."""

    path: Path

    def write(self, sweep: Mapping[str, Any], name: str = "sweep.yaml") -> Path:
        file = self.path / name
        file.write_text(yaml.safe_dump(dict(sweep), sort_keys=False))
        return file

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.path,
            env={name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        return out if code == 0 else out + err

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


def small_sweep(**changes: Any) -> dict[str, Any]:
    """A sweep of real data that takes seconds: four tiny nets, two epochs, two folds."""
    sweep: dict[str, Any] = {
        "name": "small",
        "seed": 7,
        "task": "binary",
        "data": {"source": "sklearn", "name": "breast_cancer"},
        "trainer": {"params": {"hidden_layers": 1, "layer_size": 8}},
        "space": {"learning_rate": [0.001, 0.01], "activation": ["relu", "tanh"]},
        "cv": {"folds": 2},
        "fit": {"epochs": 2, "batch_size": 64},
        "metrics": ["roc_auc"],
        "engine": "keras",
    }
    return sweep | changes
