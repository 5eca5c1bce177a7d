"""What MLflow runs hold, as plain frozen records: between what is to be written and how. They know no MLflow class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

TAG_ID = "kerasweep.id"
TAG_KIND = "kerasweep.kind"
TAG_TRIAL = "kerasweep.trial"
TAG_PARENT = "mlflow.parentRunId"
TAG_NOTE = "mlflow.note.content"


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One metric row; ``timestamp`` is in milliseconds since 1970."""

    name: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContent:
    """All that one MLflow run should hold by now; times are in milliseconds since 1970."""

    name: str
    status: RunStatus
    start: int
    end: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[MetricPoint, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContent:
    """The data set of a sweep as MLflow describes one; ``schema`` and ``profile`` are JSON."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


def milliseconds(seconds: float) -> int:
    """Return unix seconds as MLflow's integer milliseconds."""
    return round(seconds * 1000)
