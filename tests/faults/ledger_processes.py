"""What processes do to a ledger in ``test_ledger_faults.py``: ``python ledger_processes.py WHAT URL ARGUMENTS``.

Each says "ready", waits for a line, then works and says what the ledger told it, a line each.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count

from orchestrator.errors import LeaseLostError, SweepBusyError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringState, FoldCommit, TrialEnd
from orchestrator.search.trials import Trial, TrialState
from trainers.results import FoldResult

FOLDS = 3


def open_new(folder_url: str) -> Iterator[str]:
    """Open one new ledger after the other."""
    for number in count():
        Ledger(f"{folder_url}/ledger-{number}.db").close()
        yield str(number)


def open_same(url: str) -> Iterator[str]:
    """Open one ledger that others open at the same moment."""
    with Ledger(url) as ledger:
        yield str(len(ledger.sweeps()))


def drive(url: str, name: str) -> Iterator[str]:
    """Drive a sweep, committing whole trials, each with its folds in one transaction."""
    with Ledger(url) as ledger:
        sweep = ledger.claim_sweep(name, {}, None, Owner.current(), 3600)
        for number in count(len(ledger.trials(sweep.id))):
            key = f"{name}-{number}"
            ledger.add_trials(sweep, [Trial(number, {"number": number}, key)])
            ledger.start_trials(sweep, [number], f"c{number}")
            folds = [FoldCommit(number=number, key=key, result=result(fold)) for fold in range(FOLDS)]
            ledger.commit(sweep, folds=folds, ends=[TrialEnd(number=number, state=TrialState.COMPLETED, score=0.5)])
            yield str(number)


def claim(url: str, host: str) -> Iterator[str]:
    """Try to become the driver of the one sweep that all want."""
    with Ledger(url) as ledger:
        try:
            yield f"driver {ledger.claim_sweep('wanted', {}, {'seed': 1}, Owner(host, 1), 3600).occasion}"
        except SweepBusyError:
            yield "busy"


def share(url: str, name: str) -> Iterator[str]:
    """Commit the same 200 folds as everybody else, under a sweep of its own."""
    with Ledger(url) as ledger:
        sweep = ledger.claim_sweep(name, {}, None, Owner.current(), 3600)
        yield str(sum(ledger.commit_fold(sweep, 0, f"shared-{number}", result(0)) for number in range(200)))


def fall_asleep(url: str) -> Iterator[str]:
    """Begin a trial, and end it after a sleep that outlasts the lease."""
    with Ledger(url) as ledger:
        sweep = ledger.claim_sweep("sleepy", {}, None, Owner("asleep", 1), 0.5)
        ledger.add_trials(sweep, [Trial(0, {}, "slept")])
        ledger.start_trials(sweep, [0], "c0")
        yield "asleep"
        sys.stdin.readline()
        yield f"fold {ledger.commit_fold(sweep, 0, 'slept', result(0, accuracy=0.1))}"
        yield f"trial {ledger.finish_trial(sweep, 0, TrialState.COMPLETED, score=0.1)}"
        try:
            ledger.heartbeat(sweep)
        except LeaseLostError:
            yield "lost"


def fire(url: str, dues: str) -> Iterator[str]:
    """Be a scheduler: fire every due time that nobody else deals with, in a simulated month of them."""
    me = Owner.current()
    with Ledger(url) as ledger:
        left = set(range(int(dues)))
        while left:
            for due in sorted(left):
                firing = ledger.firings.claim("nightly", due, me, 3600)
                if firing is not None:
                    submission = firing.submission or f"pima-{due}-a1"
                    ledger.firings.name_submission(firing, str(due), submission, 3600)
                    yield submission
                    ledger.firings.finish(firing, FiringState.FIRED)
            left = {due for due in left if due in {firing.due for firing in ledger.firings.open()}}


def submit(url: str) -> Iterator[str]:
    """Submit the one sweep that all submit."""
    with Ledger(url) as ledger:
        submission = ledger.submissions.claim("pima", {}, {"seed": 1})
        yield "nothing" if submission is None else submission.id


def result(fold: int, accuracy: float = 0.5) -> FoldResult:
    """Return a fold's result with a history of a real one's length."""
    history = {name: tuple(step / 7 for step in range(50)) for name in ("loss", "val_loss")}
    return FoldResult(fold=fold, metrics={"accuracy": accuracy}, epoch=1, epochs_run=50, seconds=0.1, history=history)


if __name__ == "__main__":
    what = {work.__name__: work for work in (open_new, open_same, drive, claim, share, fall_asleep, fire, submit)}[sys.argv[1]]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for line in what(*sys.argv[2:]):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
