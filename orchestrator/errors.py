"""Errors of the orchestrator; every one carries the exit code of the command line.

::

    KerasweepError            exit 1   ends the sweep
    ├── SpecError             exit 2   the sweep file is wrong; carries all its problems
    ├── SweepMismatchError    exit 2   the sweep file no longer says what this occasion began with
    ├── UserCheckError        exit 2   the user's code or data failed the check before the first trial
    ├── ResourcesError        exit 2   no node, or not this machine, could ever have what a trial asks for
    ├── NotFoundError         exit 2   no such sweep, trial or model
    ├── SubmissionError       exit 2   the sweep cannot run on a cluster as its file is; carries all its problems
    ├── ClusterError          exit 1   the cluster cannot be reached, refuses, or is not as the sweep needs it
    │   └── AddressError      exit 2   nothing names a cluster, or what does is no address of one
    ├── LaunchError           exit 1   a scheduled sweep could not be started; 2 where trying again is of no use
    ├── SweepBusyError        exit 1   another driver holds the sweep; try again when its lease has lapsed
    ├── LeaseLostError        exit 1   another driver has taken this sweep over; stop writing
    ├── WorkerLostError       exit 1   a worker died or overran outside a cohort (check, refit)
    ├── LedgerError           exit 1   the ledger cannot be opened or written
    │   ├── LedgerUrlError    exit 2   what should name a ledger is no URL of one
    │   └── LedgerAwayError   exit 1   its server is away or restarts; try again
    └── TrackingError         exit 1   MLflow cannot be reached where a command cannot do without it
"""

from __future__ import annotations

from collections.abc import Sequence

INTERRUPTED = 130
"""The exit code of a command that somebody stopped."""


class KerasweepError(Exception):
    """Base of all errors that the orchestrator raises on purpose."""

    exit_code = 1


class SpecError(KerasweepError):
    """The sweep file is wrong. ``problems`` lists every mistake as (path, message)."""

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[tuple[str, str]]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = [f"{source}: {path}: {message}" if path else f"{source}: {message}" for path, message in self.problems]
        super().__init__("\n".join(lines))


class SweepMismatchError(KerasweepError):
    """The sweep file no longer says what this occasion began with; the message holds the difference."""

    exit_code = 2


class UserCheckError(KerasweepError):
    """The user's code or data failed the check in the first worker, before any trial."""

    exit_code = 2


class ResourcesError(KerasweepError):
    """A trial asks for more than any node, or this machine, has; to wait for it would be without end."""

    exit_code = 2


class NotFoundError(KerasweepError):
    """No sweep, trial or model of that name."""

    exit_code = 2


class SubmissionError(KerasweepError):
    """The sweep cannot be run on a cluster as its file is. ``problems`` lists every reason as (path, message)."""

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[tuple[str, str]]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {path}: {message}" for path, message in self.problems))


class ClusterError(KerasweepError):
    """The cluster cannot be reached, refuses the request, or is not as the sweep needs it."""


class AddressError(ClusterError):
    """Nothing names a cluster, or what does is no address of one."""

    exit_code = 2


class LaunchError(KerasweepError):
    """A scheduled sweep could not be started. ``exit_code`` 2: its input is wrong, so that trying again is of no use."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class SweepBusyError(KerasweepError):
    """Another driver holds the sweep; the message names its host, pid and age."""


class LeaseLostError(KerasweepError):
    """Another driver has taken this sweep over, so this one must stop writing."""


class WorkerLostError(KerasweepError):
    """A worker died or overran while it served a request other than a cohort."""


class LedgerError(KerasweepError):
    """The ledger cannot be opened or written."""


class LedgerUrlError(LedgerError):
    """What should name a ledger is no URL of one."""

    exit_code = 2


class LedgerAwayError(LedgerError):
    """The ledger's server does not answer, or has dropped the connection; it may come back."""


class TrackingError(KerasweepError):
    """MLflow cannot be reached where a command cannot do without it."""
