"""From a sweep file to a checked ``SweepSpec``. It starts nothing."""

from orchestrator.spec.checks import cannot_be_cut
from orchestrator.spec.loading import DOOR, load_spec, read_sweep, spec_from_mapping, spec_from_record
from orchestrator.spec.model import NAME, SweepSpec, resolve_path
from orchestrator.spec.schema import sweep_schema
from orchestrator.spec.sections import DriverSection, ObjectiveSection, ScheduleSection
from orchestrator.spec.source import code_references, source_identity, travelling_files
from orchestrator.spec.values import is_function

__all__ = [
    "DOOR",
    "NAME",
    "DriverSection",
    "ObjectiveSection",
    "ScheduleSection",
    "SweepSpec",
    "cannot_be_cut",
    "code_references",
    "is_function",
    "load_spec",
    "read_sweep",
    "resolve_path",
    "source_identity",
    "spec_from_mapping",
    "spec_from_record",
    "sweep_schema",
    "travelling_files",
]
