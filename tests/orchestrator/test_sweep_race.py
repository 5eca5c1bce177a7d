"""A sweep whose file leaves the race open: it races, and one that began without goes on without."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.errors import KerasweepError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.search.trials import SweepState, TrialState
from orchestrator.spec.loading import SweepSpec, spec_from_mapping
from orchestrator.sweep import Options, run_sweep

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_worker.py"))


def states(spec: SweepSpec, folder: Path) -> dict[str, set[TrialState]]:
    """Return, by occasion, how trials of an unfinished and a new one ended; the made-up model of the worker is of no interest."""
    for new in (False, True):
        try:
            run_sweep(
                spec, Options(output=folder, new=new), dispatcher=LocalDispatcher(1, log_folder=folder, command=FAKE_WORKER)
            )
        except KerasweepError as error:
            assert "model" in str(error)  # noqa: PT017
    with Ledger(spec.ledger) as ledger:
        return {sweep.occasion: {trial.state for trial in ledger.trials(sweep.id)} for sweep in ledger.sweeps()}


def test_it_races_but_an_occasion_begun_without_goes_on_so(tmp_path: Path) -> None:
    (tmp_path / "anything.py").write_text("def create(**values): ...\n")
    spec = spec_from_mapping(
        {
            "name": "night",
            "data": {"source": "sklearn", "name": "iris"},
            "trainer": {"type": "builder", "builder": "anything:create"},
            "space": {"value": {"uniform": [0.0, 1.0]}},
            "strategy": {"type": "random", "trials": 20},
            "race": "auto",
            "engine": "keras",
            "cache": False,
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{tmp_path / 'mlflow.db'}"},
        },
        tmp_path,
    )
    began = {**spec.identity(), "race": "none"}
    with Ledger(spec.ledger) as ledger:
        sweep = ledger.claim_sweep(spec.name, spec.record(), began, Owner.current(), 60.0)
        ledger.finish_sweep(sweep, SweepState.STOPPED, "interrupted")
    assert states(spec, tmp_path) == {
        "manual-1": {TrialState.COMPLETED},
        "manual-2": {TrialState.COMPLETED, TrialState.PRUNED},
    }
