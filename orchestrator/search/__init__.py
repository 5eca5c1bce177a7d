"""The loop of a search as a pure machine. It does no I/O."""

from orchestrator.search.cohorts import (
    Cohort,
    CohortEvent,
    CohortFinished,
    CohortHeard,
    CohortLost,
    LossCause,
    Packing,
    pack,
    work_of,
)
from orchestrator.search.ending import Ending, trials_at_most
from orchestrator.search.events import (
    CohortEnded,
    CohortFailed,
    Conclude,
    Dispatch,
    EndTrial,
    Finish,
    FoldEnded,
    GiveUp,
    Instruction,
    Known,
    Propose,
    ReadEnded,
    Stop,
    TakeOver,
    TrialEnded,
)
from orchestrator.search.objective import Objective
from orchestrator.search.racing import Racing
from orchestrator.search.search import Search
from orchestrator.search.trials import SweepState, Trial, TrialState, canonical, trial_key

__all__ = [
    "Cohort",
    "CohortEnded",
    "CohortEvent",
    "CohortFailed",
    "CohortFinished",
    "CohortHeard",
    "CohortLost",
    "Conclude",
    "Dispatch",
    "EndTrial",
    "Ending",
    "Finish",
    "FoldEnded",
    "GiveUp",
    "Instruction",
    "Known",
    "LossCause",
    "Objective",
    "Packing",
    "Propose",
    "Racing",
    "ReadEnded",
    "Search",
    "Stop",
    "SweepState",
    "TakeOver",
    "Trial",
    "TrialEnded",
    "TrialState",
    "canonical",
    "pack",
    "trial_key",
    "trials_at_most",
    "work_of",
]
