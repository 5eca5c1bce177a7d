"""How the scheduler is, over HTTP on the loopback interface: ``/healthz`` for whoever restarts it, ``/metrics`` for Prometheus.

All but the time of the last look is read from the ledger, so that every scheduler on it tells the same, also after a restart.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from orchestrator.errors import KerasweepError, LaunchError
from orchestrator.ledger import FiringState, Ledger
from orchestrator.schedules.reading import LOST, WAITING, driven_sweeps, lateness, next_due_times, scheduled_sweeps
from orchestrator.schedules.scheduler import Scheduler
from orchestrator.search import SweepState

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
UNHEALTHY_SECONDS = 60.0
"""Without a look that ended well for so long, the scheduler is not healthy."""

_LATEST = 20  # firings among which the last one that was fired is looked for
_COUNTED = {
    FiringState.FIRED: "Sweeps begun.",
    FiringState.MISSED: "Due times that no scheduler dealt with within catch_up.",
    FiringState.SKIPPED: "Due times left out since the sweep before was still running.",
    FiringState.FAILED: "Due times whose sweep could not be begun.",
}


def health(scheduler: Scheduler, since: float, now: float) -> tuple[bool, dict[str, Any]]:
    """Return whether a scheduler that was started at ``since`` works, and what there is to say of it."""
    age = now - max(scheduler.looked or since, since)
    healthy = age <= UNHEALTHY_SECONDS
    return healthy, {"status": "ok" if healthy else "stuck", "seconds_since_look": round(age, 1), "trouble": scheduler.trouble}


class ScheduleMetrics(Collector):
    """The metrics of all schedules, read when they are asked for."""

    def __init__(self, ledger: Ledger, scheduler: Scheduler, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._scheduler = scheduler
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now. Raises ``LedgerError``."""
        yield GaugeMetricFamily(
            "kerasweep_scheduler_looked_timestamp_seconds",
            "When this scheduler last looked what is due.",
            value=self._scheduler.looked or 0.0,
        )
        yield from self._counts()
        yield from self._gauges()

    def _counts(self) -> Iterator[Metric]:
        counts = self._ledger.firings.counts()
        due = CounterMetricFamily("kerasweep_due", "Due times that have come.", labels=["schedule"])
        for name in sorted({name for name, _ in counts}):
            due.add_metric([name], sum(count for (schedule, _), count in counts.items() if schedule == name))
        yield due
        for state, text in _COUNTED.items():
            metric = CounterMetricFamily(f"kerasweep_{state.value.lower()}", text, labels=["schedule"])
            for name in sorted({name for name, _ in counts}):
                metric.add_metric([name], counts.get((name, state), 0))
            yield metric

    def _gauges(self) -> Iterator[Metric]:
        late = _gauge("late_seconds", "How late the last sweep was begun, or the one that waits is by now.")
        running = _gauge("running", "Sweeps whose drivers are at work.")
        upcoming = _gauge("next_due_timestamp_seconds", "The next due time; none while paused.")
        sweeps = GaugeMetricFamily("kerasweep_sweeps", "Scheduled sweeps by state.", labels=["schedule", "state"])
        now = self._clock()
        waiting: dict[str, int] = {}
        for firing in self._ledger.firings.open():
            waiting.setdefault(firing.schedule, firing.due)
        for schedule in self._ledger.schedules.all():
            fired = [lateness(firing) for firing in self._ledger.firings.history(schedule.name, _LATEST)]
            last = next((seconds for seconds in fired if seconds is not None), 0.0)
            late.add_metric([schedule.name], now - waiting[schedule.name] if schedule.name in waiting else last)
            running.add_metric([schedule.name], len(driven_sweeps(self._ledger, schedule, now)))
            if not schedule.paused:
                for due in next_due_times(schedule, now, 1):
                    upcoming.add_metric([schedule.name], due)
            states = scheduled_sweeps(self._ledger, schedule, now)
            for state in (*(state.value for state in SweepState), WAITING, LOST):
                sweeps.add_metric([schedule.name, state.lower()], states[state])
        yield from (late, running, upcoming, sweeps)


class StatusServer:
    """Serves ``/healthz`` and ``/metrics`` from threads of its own while it is entered.

    Raises
    ------
    LaunchError : the port is taken.
    """

    def __init__(self, port: int, health: Callable[[], tuple[bool, dict[str, Any]]], metrics: Callable[[], bytes]) -> None:
        handler = type("Handler", (_Handler,), {"health": staticmethod(health), "metrics": staticmethod(metrics)})
        try:
            self._server = ThreadingHTTPServer((HOST, port), handler)
        except OSError as error:
            raise LaunchError(
                f"The status port {port} cannot be opened: {error.strerror}. Name another one with --port."
            ) from error
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port: the one asked for, or the one found where that was 0."""
        return int(self._server.server_address[1])

    def __enter__(self) -> StatusServer:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="status", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve_status(port: int, ledger: Ledger, scheduler: Scheduler, clock: Callable[[], float] = time.time) -> StatusServer:
    """Return the server of a scheduler's status."""
    registry = CollectorRegistry()
    registry.register(ScheduleMetrics(ledger, scheduler, clock))
    since = clock()
    return StatusServer(port, lambda: health(scheduler, since, clock()), lambda: generate_latest(registry))


class _Handler(BaseHTTPRequestHandler):
    health: Callable[[], tuple[bool, dict[str, Any]]]
    metrics: Callable[[], bytes]

    def do_GET(self) -> None:
        if self.path == "/healthz":
            healthy, record = self.health()
            self._reply(200 if healthy else 503, "application/json", json.dumps(record).encode())
        elif self.path == "/metrics":
            try:
                self._reply(200, CONTENT_TYPE_LATEST, self.metrics())
            except KerasweepError as error:
                self._reply(503, "text/plain; charset=utf-8", str(error).encode())
        else:
            self._reply(404, "text/plain; charset=utf-8", b"/healthz and /metrics are here.")

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kerasweep_{name}", text, labels=["schedule"])
