"""The parts of a sweep while it runs: data staged, strategy and keys set up, the conductor between search and ledger."""

from orchestrator.running.checking import Sound, check_data, check_deeply, check_model, possible_engines
from orchestrator.running.conductor import SweepConductor
from orchestrator.running.output import LOGS, MODEL, claim_output, find_output, remove_output
from orchestrator.running.plan import plan_sweep
from orchestrator.running.pruning import Left, Pruning, find_left, remove_left
from orchestrator.running.rows import rows_kept_out
from orchestrator.running.set_up import make_dispatcher, make_search, make_trial_key, most_trials, strategy_of
from orchestrator.running.staging import Staged, stage_data
from orchestrator.running.stop import StopRequestedError, StopSignals
from orchestrator.running.warm_start import fix_first_configs
from orchestrator.running.work_identity import work_identity

__all__ = [
    "LOGS",
    "MODEL",
    "Left",
    "Pruning",
    "Sound",
    "Staged",
    "StopRequestedError",
    "StopSignals",
    "SweepConductor",
    "check_data",
    "check_deeply",
    "check_model",
    "claim_output",
    "find_left",
    "find_output",
    "fix_first_configs",
    "make_dispatcher",
    "make_search",
    "make_trial_key",
    "most_trials",
    "plan_sweep",
    "possible_engines",
    "remove_left",
    "remove_output",
    "rows_kept_out",
    "stage_data",
    "strategy_of",
    "work_identity",
]
