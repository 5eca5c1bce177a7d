"""What changed since last time: one occasion of a sweep beside the one before it, as Markdown for people and as plain data.

It reads ledger rows and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.occasion_names import is_by_hand
from orchestrator.results.display import duration
from orchestrator.results.finalists import FINALISTS
from orchestrator.results.reading import SweepView, view
from orchestrator.results.row_values import COMPARISON, PROMOTION, is_finite, standing, trial_values
from orchestrator.search import SweepState, TrialState

if TYPE_CHECKING:
    from orchestrator.ledger import Ledger, SweepRow

_FAILURES = (TrialState.FAILED, TrialState.DIVERGED, TrialState.TIMED_OUT)
_LONGEST_VALUE = 200


def is_reported(sweep: SweepRow) -> bool:
    """Whether a sweep ends with a report by itself: not begun by hand, and over (a stopped one is to be resumed)."""
    return not is_by_hand(sweep.occasion) and sweep.state in (SweepState.COMPLETED, SweepState.FAILED)


def report_of(ledger: Ledger, sweep: SweepRow) -> Report:
    """Return the report of a sweep, in whatever state it is, beside the last occasion before it that was completed."""
    rows = (row for row in ledger.sweeps(sweep.name) if row.id < sweep.id and row.state is SweepState.COMPLETED)
    last = next(rows, None)
    return Report(view(ledger, sweep), None if last is None else view(ledger, last))


@dataclass(frozen=True, slots=True)
class Report:
    """One occasion, ``now``, beside the one before it, ``last`` (None: there is none)."""

    now: SweepView
    last: SweepView | None

    def markdown(self) -> str:
        """Return the report for people, under a heading of the third level."""
        sweep = self.now.sweep
        since = "The first time" if self.last is None else f"What changed since {self.last.sweep.title}"
        state = f"**{sweep.title}:** {sweep.state.value.lower()}" + (f" ({sweep.reason})" if sweep.reason else "")
        points = [state, self._best(), self._finalists(), self._config(), self._data(), self._trials(), self._cost()]
        points.append(self._champion())
        return "\n".join([f"### {since}", "", *(f"- {point}" for point in points if point)])

    def record(self) -> dict[str, Any]:
        """Return the report as JSON-able data; ``text`` is the Markdown."""
        sweep = self.now.sweep
        return {
            "sweep": sweep.name,
            "occasion": sweep.occasion,
            "state": sweep.state.value,
            "reason": sweep.reason,
            "text": self.markdown(),
            "metric": self.now.board.metric,
            "direction": self.now.board.direction,
            "now": _figures(self.now),
            "last": None if self.last is None else _figures(self.last),
            "champion": sweep.facts.get(PROMOTION),
            "mlflow_run": sweep.mlflow_run,
        }

    # --- the lines ----------------------------------------------------------------------------------------------------------

    def _best(self) -> str:
        now, last = self.now.board.winner, None if self.last is None else self.last.board.winner
        text = f"**Best now:** {_score(self.now)}"
        if self.last is None or last is None or last.score is None:
            return text
        text += f"; **last time:** {_score(self.last)}"
        if now is None or now.score is None:
            return text
        if self.last.board.metric != self.now.board.metric:
            return f"{text}. The objective has changed, so the two cannot be compared."
        gain = now.score - last.score if self.now.board.direction == "maximize" else last.score - now.score
        relation = f"{'better' if gain > 0 else 'worse'} by {abs(gain):.2g}" if gain else "the same"
        caution = " (of other data)" if _fingerprint(self.last) != _fingerprint(self.now) else ""
        return f"{text}: {relation}{caution}"

    def _finalists(self) -> str | None:
        finals = self.now.board.finals
        return None if finals is None else f"**Finalists:** {finals.told()}"

    def _config(self) -> str | None:
        now, last = _config(self.now), None if self.last is None else _config(self.last)
        if now is None:
            return None
        if last == now:
            return f"**Best config:** as last time ({', '.join(f'{name} = {_text(value)}' for name, value in now.items())})"
        lines = []
        for name in [*now, *(name for name in last or {} if name not in now)]:
            if last is not None and name in last and name in now and last[name] == now[name]:
                lines.append(f"  {name}: {_text(now[name])}")
                continue
            lines += [f"- {name}: {_text(last[name])}"] if last is not None and name in last else []
            lines += [f"+ {name}: {_text(now[name])}"] if name in now else []
        return "\n".join(["**Best config:**", "", *(f"  {line}" for line in ["```diff", *lines, "```"])])

    def _data(self) -> str | None:
        now = self.now.sweep.facts.get("data")
        last = None if self.last is None else self.last.sweep.facts.get("data")
        if not now:
            return None
        if not last:
            return f"**Data:** {now['rows']:,} rows, fingerprint {_short(now)}"
        if now["fingerprint"] == last["fingerprint"]:
            return f"**Data:** unchanged, {now['rows']:,} rows, fingerprint {_short(now)}"
        rows = f"{last['rows']:,} -> {now['rows']:,} rows" if now["rows"] != last["rows"] else f"still {now['rows']:,} rows"
        return f"**Data:** changed, {rows}, fingerprint {_short(last)} -> {_short(now)}"

    def _trials(self) -> str:
        return self._beside("Trials", lambda one: _count_text(_counts(one)))

    def _cost(self) -> str:
        time = self._beside("Time", lambda one: duration(_seconds(one)))
        return f"{time}; " + self._beside("cost", lambda one: f"{_worker_seconds(one):,.0f} worker-seconds")

    def _champion(self) -> str | None:
        outcome: Mapping[str, Any] | None = self.now.sweep.facts.get(PROMOTION)
        return f"**Champion:** {standing(outcome)}" if outcome else None

    def _beside(self, label: str, show: Callable[[SweepView], str]) -> str:
        before = "" if self.last is None else f" (last time {show(self.last)})"
        return f"**{label}:** {show(self.now)}{before}"


def _figures(one: SweepView) -> dict[str, Any]:
    best, data = one.board.winner, one.sweep.facts.get("data") or {}
    return {
        "occasion": one.sweep.occasion,
        "best": None if best is None else {"trial": best.number, "score": best.score, "standard_error": best.error},
        "finalists": one.sweep.facts.get(FINALISTS),
        "config": _config(one),
        "rows": data.get("rows"),
        "fingerprint": data.get("fingerprint"),
        "trials": _counts(one),
        "seconds": _seconds(one),
        "worker_seconds": _worker_seconds(one),
    }


def _score(one: SweepView) -> str:
    best, metric = one.board.winner, one.board.metric
    if best is None:
        return "no trial has a score"
    std = best.std.get(metric)
    named = (("standard error", best.error), ("over folds", std))
    spread = ", ".join(f"{name} {value:.2g}" for name, value in named if is_finite(value))
    return f"{metric} {best.score:.4g}" + (f" ({spread})" if spread else "") + f", trial {best.number}"


def _config(one: SweepView) -> dict[str, Any] | None:
    """Return every hyperparameter of the best trial, None without one."""
    best = one.board.winner
    return None if best is None else next(trial_values(one.sweep, row) for row in one.trials if row.number == best.number)


def _count_text(counts: Mapping[str, int]) -> str:
    given_up = f", {counts['given_up']} given up" if counts["given_up"] else ""
    return f"{counts['run']} run, {counts['cached']} cached, {counts['failed']} failed{given_up}"


def _counts(one: SweepView) -> dict[str, int]:
    """Return how many trials were trained, taken over, failed and given up by a race; the last two were trained too."""
    over = [trial for trial in one.trials if trial.state.terminal and trial.state is not TrialState.STOPPED]
    cached = sum(trial.cached_from is not None for trial in over)
    return {
        "run": len(over) - cached,
        "cached": cached,
        "failed": sum(trial.state in _FAILURES for trial in over),
        "given_up": sum(trial.state is TrialState.PRUNED for trial in over),
    }


def _seconds(one: SweepView) -> float | None:
    """Return how long it took from its beginning to its end, interruptions among it; None while it runs."""
    return None if one.sweep.finished is None else one.sweep.finished - one.sweep.created


def _worker_seconds(one: SweepView) -> float:
    """Return how long its workers trained: what was taken over from earlier sweeps cost nothing."""
    trained = [(trial.summary or {}).get("seconds") for trial in one.trials if trial.cached_from is None]
    compared = (one.sweep.facts.get(COMPARISON) or {}).get("seconds")
    again = None if one.board.finals is None else one.board.finals.seconds
    return float(sum(seconds for seconds in [*trained, compared, again] if is_finite(seconds)))


def _fingerprint(one: SweepView) -> str | None:
    return (one.sweep.facts.get("data") or {}).get("fingerprint")


def _short(data: Mapping[str, Any]) -> str:
    return f"`{str(data['fingerprint'])[:12]}`"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
