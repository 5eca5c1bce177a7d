"""From a sweep file and what the command line says over it to a schedule in the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator.cluster import check_submission
from orchestrator.errors import SpecError
from orchestrator.ledger import Ledger, ScheduleRow
from orchestrator.spec import NAME, ScheduleSection, SweepSpec, read_sweep, spec_from_mapping


def scheduled_spec(
    file: Path,
    settings: Mapping[str, str],
    ledger: str | None = None,
    *,
    address: str | None = None,
    local_store: bool = False,
) -> tuple[SweepSpec, ScheduleSection]:
    """Return the sweep in ``file`` with ``settings`` over its schedule and ``ledger`` (None: leave it) over its ledger.

    Raises
    ------
    SpecError : with every mistake, or because nothing says when the sweep is due.
    SubmissionError : a job on the cluster at ``address`` could not run the sweep.
    """
    mapping = read_sweep(file, ledger)
    section = mapping.get("schedule")
    if settings and (section is None or isinstance(section, dict)):
        mapping["schedule"] = {**(section or {}), **settings}
    spec = spec_from_mapping(mapping, file.absolute().parent, str(file))
    if spec.schedule is None:
        message = "nothing says when it is due; write schedule: {cron: '0 2 * * *'}, or say --cron."
        raise SpecError(str(file), [("schedule", message)])
    if address is not None:
        check_submission(spec, address, local_store=local_store, written=mapping)
    return spec, spec.schedule


def check_name(name: str, file: Path) -> None:
    """Raise SpecError where ``name`` is no name of a schedule."""
    if not re.fullmatch(NAME, name):
        message = f"expected a name of letters, digits, '.', '_' and '-', got {name!r}."
        raise SpecError(str(file), [("schedule", message)])


def add_schedule(
    ledger: Ledger, name: str, spec: SweepSpec, when: ScheduleSection, *, file: Path, address: str | None, local_store: bool
) -> ScheduleRow:
    """Write a schedule down, in the place of the one of that name."""
    return ledger.schedules.add(
        name,
        spec=spec.record(),
        cron=when.cron,
        timezone=when.timezone,
        overlap=when.overlap,
        catch_up=when.catch_up,
        path=str(file.absolute()),
        address=address,
        local_store=local_store,
    )
