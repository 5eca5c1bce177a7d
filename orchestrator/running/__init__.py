"""The parts of a sweep while it runs: data staged, strategy and keys set up, the conductor between search and ledger."""

from orchestrator.running.checking import Sound, check_data, check_deeply, check_model, possible_engines
from orchestrator.running.drive import drive
from orchestrator.running.outlook import Outlook, outlook_of
from orchestrator.running.output import GIVEN, LOGS, MODEL, claim_output, find_output, remove_output
from orchestrator.running.plan import Plan
from orchestrator.running.pruning import Left, Pruning, find_left, remove_left
from orchestrator.running.retraining import retrain, stage_fresh_splits
from orchestrator.running.rows import rows_kept_out
from orchestrator.running.set_up import make_dispatcher, make_plan, make_trial_key, strategy_of
from orchestrator.running.staging import FreshSplits, Staged, stage_data
from orchestrator.running.stop import StopRequestedError, StopSignals
from orchestrator.running.warm_start import fix_first_configs
from orchestrator.running.work_identity import work_identity

__all__ = [
    "GIVEN",
    "LOGS",
    "MODEL",
    "FreshSplits",
    "Left",
    "Outlook",
    "Plan",
    "Pruning",
    "Sound",
    "Staged",
    "StopRequestedError",
    "StopSignals",
    "check_data",
    "check_deeply",
    "check_model",
    "claim_output",
    "drive",
    "find_left",
    "find_output",
    "fix_first_configs",
    "make_dispatcher",
    "make_plan",
    "make_trial_key",
    "outlook_of",
    "possible_engines",
    "remove_left",
    "remove_output",
    "retrain",
    "rows_kept_out",
    "stage_data",
    "stage_fresh_splits",
    "strategy_of",
    "work_identity",
]
