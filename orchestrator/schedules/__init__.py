"""Sweeps that run by themselves: due times, who fires them, and how a due sweep is begun."""

from orchestrator.schedules.adding import add_schedule, check_name, scheduled_spec
from orchestrator.schedules.emission import cronjob, systemd_units
from orchestrator.schedules.reading import firing_records, local_time, next_due_times, schedule_record
from orchestrator.schedules.scheduler import ask_by_hand
from orchestrator.schedules.service import serve

__all__ = [
    "add_schedule",
    "ask_by_hand",
    "check_name",
    "cronjob",
    "firing_records",
    "local_time",
    "next_due_times",
    "schedule_record",
    "scheduled_spec",
    "serve",
    "systemd_units",
]
