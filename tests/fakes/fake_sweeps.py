"""Finished sweeps in a real ledger, without training: made-up scores and histories, and a clock that ticks as it is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FoldCommit, SweepRow, TrialEnd
from orchestrator.results import Finalist, Finals
from orchestrator.search.trials import SweepState, Trial, TrialState, trial_key
from trainers.results import FoldResult, summarise

START = 1_800_000_000.0
DATA = {
    "rows": 569,
    "shape": [569, 2],
    "columns": [
        {"name": "radius", "kind": "number", "missing": 0, "different": 500},
        {"name": "site", "kind": "text", "missing": 1},
    ],
    "classes": [{"label": "benign", "rows": 357}, {"label": "malignant", "rows": 212}],
    "fingerprint": "f00d" * 16,
}


@dataclass
class Clock:
    """A clock that moves by ``step`` seconds at every look."""

    now: float = START
    step: float = 0.5

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def fake_spec(name: str = "demo", **parts: Any) -> dict[str, Any]:
    """A sweep file as the ledger keeps it, every default filled in."""
    sweep = {
        "name": name,
        "seed": 7,
        "task": "binary",
        "data": {"source": "sklearn", "name": "breast_cancer", "path": None, "callable": None},
        "trainer": {"type": "mlp", "builder": None, "params": {"hidden_layers": 2}},
        "space": {"learning_rate": {"reciprocal": [1e-4, 1e-1]}, "optimizer": ["adam", "sgd"], "units": {"integer": [1, 64]}},
        "strategy": {"type": "random", "trials": 6},
        "fit": {"epochs": 20, "batch_size": 32, "early_stopping": {"split": 0.15}},
        "objective": {"metric": "accuracy", "direction": "maximize", "select": "best"},
        "tracking": {"uri": "postgresql://someone:hush@db/mlflow", "experiment": "demo"},
        "notify": {"webhook": "https://example.org/hooks/hush"},
        **parts,
    }
    return {"sweep": sweep, "folder": "/nowhere", "source": "demo.yaml"}


def fake_config(number: int) -> dict[str, Any]:
    return {"learning_rate": 10 ** (-4 + number % 7 / 2), "optimizer": ("adam", "sgd")[number % 2], "units": 1 + number % 64}


def fake_fold(number: int, fold: int, epochs: int = 5) -> FoldResult:
    score = 0.9 - abs(number - 3) / 100 + fold / 200
    history = {
        "loss": tuple(1 / (epoch + 1) for epoch in range(epochs + fold)),
        "val_loss": tuple(1.2 / (epoch + 1) + fold / 10 for epoch in range(epochs + fold)),
    }
    return FoldResult(
        fold=fold,
        metrics={"accuracy": score, "roc_auc": score + 0.05},
        epoch=epochs,
        epochs_run=epochs + fold,
        seconds=0.5,
        history=history,
        stopped="early_stopping",
    )


def begin(ledger: Ledger, name: str = "demo", *, pid: int = 1, **parts: Any) -> SweepRow:
    """Claim a sweep and write down what is known of its data."""
    sweep = ledger.claim_sweep(name, fake_spec(name, **parts), {"seed": 7}, Owner("host", pid), 30.0)
    facts = {"data": DATA, "baseline": [{"accuracy": 0.62}, {"accuracy": 0.64}], "engine": "keras", "leaky": False}
    return ledger.update_facts(sweep, facts)


def add(ledger: Ledger, sweep: SweepRow, numbers: Iterable[int]) -> None:
    numbers = list(numbers)
    ledger.add_trials(sweep, [Trial(number, fake_config(number), fake_key(number)) for number in numbers])


def fake_key(number: int) -> str:
    return trial_key({"seed": 7}, fake_config(number) | {"number": number})


def run(
    ledger: Ledger, sweep: SweepRow, numbers: Iterable[int], *, ends: Mapping[int, TrialState] | None = None, epochs: int = 5
) -> None:
    """Add, start and finish trials: COMPLETED unless ``ends`` says otherwise."""
    numbers = list(numbers)
    add(ledger, sweep, numbers)
    ledger.start_trials(sweep, numbers, "cohort-1")
    for number in numbers:
        finish(ledger, sweep, number, (ends or {}).get(number, TrialState.COMPLETED), epochs)


def finish(ledger: Ledger, sweep: SweepRow, number: int, state: TrialState = TrialState.COMPLETED, epochs: int = 5) -> None:
    if state is TrialState.COMPLETED:
        folds = [fake_fold(number, fold, epochs) for fold in range(2)]
        summary = summarise(folds, test_to_train=0.5)
        commits = [FoldCommit(number=number, key=fake_key(number), result=fold) for fold in folds]
        end = TrialEnd(number=number, state=state, score=summary.mean["accuracy"], summary=summary, engine="keras")
    elif state is TrialState.DIVERGED:
        fold = FoldResult(
            fold=0, metrics={"accuracy": math.nan}, epoch=1, epochs_run=1, seconds=0.1, history={"loss": (math.inf,)}
        )
        commits = [FoldCommit(number=number, key=fake_key(number), result=fold)]
        end = TrialEnd(number=number, state=state, summary=summarise([fold], test_to_train=0.5), engine="keras")
    elif state is TrialState.PRUNED:
        fold = fake_fold(number, 0, epochs)
        commits = [FoldCommit(number=number, key=fake_key(number), result=fold)]
        summary = summarise([fold], test_to_train=0.5)
        end = TrialEnd(number=number, state=state, summary=summary, message="fold 0: 0.8, below 0.9 of trial 0", engine="keras")
    else:
        commits = []
        end = TrialEnd(number=number, state=state, cause="exception", message="boom", traceback="Traceback: boom")
    ledger.commit(sweep, folds=commits, ends=[end])


def end(ledger: Ledger, sweep: SweepRow, state: SweepState = SweepState.COMPLETED) -> SweepRow:
    if state is SweepState.COMPLETED:
        ledger.update_facts(sweep, {"refit": {"test_metrics": {"accuracy": 0.93}}})
    return ledger.finish_sweep(sweep, state)


LOOKED = Finals(
    metric="accuracy",
    folds=6,
    repeats=3,
    finalists=(
        Finalist(trial=3, search=0.9, fresh=0.88, std=0.01, standard_error=0.02),
        Finalist(trial=4, search=0.89, fresh=0.89, std=0.01, standard_error=0.03),
        Finalist(trial=2, search=0.88, out="fold 4: boom"),
    ),
    winner=4,
    cross_fitted=0.885,
    seconds=9.0,
)
"""A fresh look at three trials, of which another wins than the search's best."""
