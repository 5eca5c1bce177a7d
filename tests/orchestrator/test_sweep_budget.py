"""A budget that ends before the first score: nothing is lost by it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.errors import KerasweepError
from orchestrator.ledger.ledger import Ledger
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import spec_from_mapping
from orchestrator.sweep import Options, run_sweep

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_worker.py"))


def test_a_budget_that_ends_before_any_score_leaves_its_trials_to_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "anything.py").write_text("def create(**values): ...\n")
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    spec = spec_from_mapping(
        {
            "name": "short",
            "data": {"source": "sklearn", "name": "iris"},
            "trainer": {"type": "builder", "builder": "anything:create"},
            "space": {"sleep": [1.0]},
            "engine": "keras",
            "budget": {"time": "1s"},
            "ledger": ledger,
            "tracking": {"uri": f"sqlite:///{tmp_path / 'mlflow.db'}"},
        },
        tmp_path,
    )
    dispatcher = LocalDispatcher(1, log_folder=tmp_path, command=FAKE_WORKER)
    with pytest.raises(KerasweepError, match="budget was used up before any of its 1 trials had a score"):
        run_sweep(spec, Options(output=tmp_path), dispatcher=dispatcher)
    with Ledger(ledger) as opened:
        (sweep,) = opened.sweeps()
        (trial,) = opened.trials(sweep.id)
    assert sweep.state is SweepState.FAILED
    assert not trial.state.terminal
