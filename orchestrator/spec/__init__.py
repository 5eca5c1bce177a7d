"""From a sweep file to a checked ``SweepSpec``. It starts nothing."""

from orchestrator.spec.loading import load_spec, read_sweep, spec_from_mapping, spec_from_record
from orchestrator.spec.model import NAME, SweepSpec, resolve_path
from orchestrator.spec.schema import sweep_schema
from orchestrator.spec.sections import DriverSection, ObjectiveSection, ScheduleSection
from orchestrator.spec.source import code_references, source_identity, travelling_files

__all__ = [
    "NAME",
    "DriverSection",
    "ObjectiveSection",
    "ScheduleSection",
    "SweepSpec",
    "code_references",
    "load_spec",
    "read_sweep",
    "resolve_path",
    "source_identity",
    "spec_from_mapping",
    "spec_from_record",
    "sweep_schema",
    "travelling_files",
]
