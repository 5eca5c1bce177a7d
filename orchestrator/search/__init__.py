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
from orchestrator.search.objective import Objective
from orchestrator.search.search import (
    CohortEnded,
    CohortFailed,
    Dispatch,
    EndTrial,
    Finish,
    FoldEnded,
    Instruction,
    Known,
    Propose,
    Search,
    Stop,
    TrialEnded,
)
from orchestrator.search.trials import SweepState, Trial, TrialState, canonical, trial_key

__all__ = [
    "Cohort",
    "CohortEnded",
    "CohortEvent",
    "CohortFailed",
    "CohortFinished",
    "CohortHeard",
    "CohortLost",
    "Dispatch",
    "EndTrial",
    "Finish",
    "FoldEnded",
    "Instruction",
    "Known",
    "LossCause",
    "Objective",
    "Packing",
    "Propose",
    "Search",
    "Stop",
    "SweepState",
    "Trial",
    "TrialEnded",
    "TrialState",
    "canonical",
    "pack",
    "trial_key",
    "work_of",
]
