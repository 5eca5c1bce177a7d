"""Problem 4, text: a convolutional net over docstrings of the standard library, 12 trials x 3 folds."""

from __future__ import annotations

import ast
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.problems.problem import Problem

WORDS, LENGTH = 2000, 60
PACKAGES = ("asyncio", "email", "http", "importlib", "logging", "multiprocessing", "unittest")


def _rows(pima: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids (rows, 60) of docstrings and the number of the package that each documents; 0 pads, 1 is a rare word."""
    texts: dict[str, int] = {}
    for label, package in enumerate(PACKAGES):
        for path in sorted((Path(sysconfig.get_path("stdlib")) / package).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    text = ast.get_docstring(node)
                    if text and len(text.split()) >= 5:
                        texts.setdefault(text, label)
    counts = Counter(word for text in texts for word in text.lower().split())
    ids = {word: number for number, (word, _) in enumerate(counts.most_common(WORDS - 2), start=2)}
    x = np.zeros((len(texts), LENGTH), dtype="int32")
    for row, text in enumerate(texts):
        tokens = [ids.get(word, 1) for word in text.lower().split()[:LENGTH]]
        x[row, : len(tokens)] = tokens
    return x, np.array(list(texts.values()))


def _trials(count: int) -> dict[str, object]:
    return {"strategy": {"type": "random", "trials": count, "seed": 7}}


TEXT_CNN = Problem(
    title="text CNN",
    task="multiclass",
    metric="accuracy",
    model="text_cnn",
    rows=_rows,
    sweep={
        "trainer": {"type": "text_cnn", "params": {"max_words": WORDS, "length": LENGTH}},
        "space": {
            "embedding_size": [16, 32],
            "dropout": {"uniform": [0.1, 0.5]},
            "learning_rate": {"reciprocal": [3e-4, 1e-2]},
        },
        "cv": {"folds": 3},
        "fit": {"epochs": 15, "batch_size": 32, "early_stopping": None},
    },
    sizes={
        "full": _trials(12),
        "smoke": {**_trials(2), "cv": {"folds": 2}, "fit": {"epochs": 1, "batch_size": 256, "early_stopping": None}},
    },
)
