"""Pictures of a sweep as PNG files, drawn from ledger rows with Matplotlib's objects: no pyplot, no window, no global state.

They may be drawn in any thread. Matplotlib is imported where it is used; nothing here knows MLflow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.results import baseline_means, is_finite, mean_curves, objective_of, ranked, spec_of, trial_values
from orchestrator.search import TrialState

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.ledger import SweepRow, TrialRow
    from trainers.results import FoldResult

BEST = "#b5392a"
DOTS = "#3b6ea5"
QUIET = "#8a8a8a"
CURVES = ("#b5392a", "#3b6ea5", "#3f8f5b", "#8a5aa8", "#c08a2d")
MOST_PANELS = 12
MOST_LINES = 2000
LEARNING_CURVES = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """How one hyperparameter's values lie on an axis: a position for each value, named ticks (choices), and whether it is log."""

    name: str
    positions: tuple[float, ...]
    ticks: tuple[str, ...] | None
    log: bool

    @property
    def whole(self) -> bool:
        """Whether all positions are whole numbers."""
        return all(position.is_integer() for position in self.positions)

    def unit(self) -> list[float]:
        """Return the positions stretched to 0..1, in log scale where the axis is."""
        values = [math.log(value) for value in self.positions] if self.log else list(self.positions)
        low, high = min(values), max(values)
        return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def draw_pictures(
    folder: Path, sweep: SweepRow, trials: Sequence[TrialRow], histories: Mapping[int, Sequence[FoldResult]]
) -> tuple[Path, ...]:
    """Draw all pictures of a sweep into ``folder`` and return their files.

    Parameters
    ----------
    trials : the sweep's trials; those that are COMPLETED are drawn.
    histories : the folds of (at least) the best five trials, by trial number.

    Returns
    -------
    The files, best_score.png first; none when no trial is complete, and no hyperparameter pictures when nothing was varied.
    """
    figures = draw_figures(sweep, trials, histories)
    if figures:
        folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], dpi=120)
    return tuple(files)


def draw_figures(sweep: SweepRow, trials: Sequence[TrialRow], histories: Mapping[int, Sequence[FoldResult]]) -> dict[str, Figure]:
    """Return the pictures that ``draw_pictures`` writes, by name."""
    done = sorted(ranked(sweep, trials), key=lambda trial: trial.number)
    if not done:
        return {}
    scales = _scales(sweep, done)
    figures = {"best_score": best_score(sweep, done, [trial for trial in trials if trial.state is TrialState.PRUNED])}
    if scales:
        figures["hyperparameters"] = hyperparameters(sweep, done, scales)
        figures["parallel_coordinates"] = parallel_coordinates(sweep, done, scales)
    best = ranked(sweep, done)[:LEARNING_CURVES]
    if any(fold.history for trial in best for fold in histories.get(trial.number, ())):
        figures["learning_curves"] = learning_curves(sweep, best, histories)
    return figures


def best_score(sweep: SweepRow, done: Sequence[TrialRow], given_up: Sequence[TrialRow] = ()) -> Figure:
    """Every trial's score in ask order, the best so far as a step line, the baseline, and what those given up had so far."""
    objective = objective_of(sweep)
    metric, maximize = objective.metric, objective.maximize
    figure, (axes,) = _figure(8, 4.5)
    numbers = [trial.number for trial in done]
    scores = [_score(trial) for trial in done]
    best = [scores[0]]
    for score in scores[1:]:
        best.append(max(best[-1], score) if maximize else min(best[-1], score))
    axes.scatter(numbers, scores, s=18, color=DOTS, alpha=0.6, linewidths=0, label="trial")
    so_far = {trial.number: mean for trial in given_up if (mean := (trial.summary or {}).get("mean", {}).get(metric)) is not None}
    if so_far:
        label = f"given up ({len(so_far)}), mean so far"
        axes.scatter(list(so_far), list(so_far.values()), s=18, color=QUIET, alpha=0.6, linewidths=1, marker="x", label=label)
    axes.step(numbers, best, where="post", color=BEST, linewidth=1.8, label="best so far")
    baseline = baseline_means(sweep).get(metric)
    if baseline is not None:
        axes.axhline(baseline, color=QUIET, linestyle="--", linewidth=1, label="baseline")
    _label(axes, f"{sweep.title}: best {metric} over trials", "trial", metric)
    _whole_numbers(axes)
    axes.legend(frameon=False)
    return figure


def hyperparameters(sweep: SweepRow, done: Sequence[TrialRow], scales: Sequence[Scale]) -> Figure:
    """One panel a hyperparameter: every trial's score with its standard deviation over the folds."""
    metric = objective_of(sweep).metric
    shown = scales[:MOST_PANELS]
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure, panels = _figure(4.2 * columns, 3.2 * rows, rows, columns)
    scores = [_score(trial) for trial in done]
    spread = [_spread(trial, metric) for trial in done]
    for scale, axes in zip(shown, panels, strict=False):
        axes.errorbar(
            scale.positions, scores, yerr=spread, fmt="o", markersize=3.5, color=DOTS, ecolor=QUIET, elinewidth=0.6, alpha=0.6
        )
        if scale.log:
            axes.set_xscale("log")
        elif scale.whole:
            _whole_numbers(axes)
        if scale.ticks is not None:
            axes.set_xticks(range(len(scale.ticks)), scale.ticks, rotation=20 if len(scale.ticks) > 3 else 0)
            axes.set_xlim(-0.5, len(scale.ticks) - 0.5)
        _label(axes, "", scale.name, metric if axes in panels[::columns] else "")
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    hidden = f" ({len(shown)} of {len(scales)})" if len(scales) > len(shown) else ""
    figure.suptitle(f"{sweep.title}: {metric} with its spread over folds, per hyperparameter{hidden}", fontsize=11)
    return figure


def parallel_coordinates(sweep: SweepRow, done: Sequence[TrialRow], scales: Sequence[Scale]) -> Figure:
    """One line a trial across all hyperparameters to its score, coloured by it; the best are drawn last, on top."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    objective = objective_of(sweep)
    metric, maximize = objective.metric, objective.maximize
    scores = [_score(trial) for trial in done]
    axis_scales = [*scales, Scale(metric, tuple(scores), None, log=False)]
    figure, (axes,) = _figure(max(7.0, 1.7 * len(axis_scales)), 4.8)
    heights = [scale.unit() for scale in axis_scales]
    order = sorted(range(len(done)), key=lambda row: scores[row], reverse=not maximize)[-MOST_LINES:]
    norm = Normalize(min(scores), max(scores))
    colours = "viridis" if maximize else "viridis_r"
    lines = [[(column, height[row]) for column, height in enumerate(heights)] for row in order]
    axes.add_collection(
        LineCollection(lines, array=[scores[row] for row in order], cmap=colours, norm=norm, alpha=0.55, linewidths=1.1)
    )
    for column, scale in enumerate(axis_scales):
        axes.axvline(column, color=QUIET, linewidth=0.8)
        for height, text in _marks(scale):
            axes.text(column + 0.03, height, text, fontsize=7, va="center")
    axes.set_xticks(range(len(axis_scales)), [scale.name for scale in axis_scales], rotation=20 if len(axis_scales) > 5 else 0)
    axes.set_xlim(-0.1, len(axis_scales) - 0.6)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    axes.set_title(f"{sweep.title}: parallel coordinates", fontsize=11)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    figure.colorbar(ScalarMappable(norm, colours), ax=axes, label=metric, pad=0.02)
    return figure


def learning_curves(sweep: SweepRow, best: Sequence[TrialRow], histories: Mapping[int, Sequence[FoldResult]]) -> Figure:
    """Loss by epoch of the best trials, as the mean over folds: watched rows full, training rows dotted."""
    figure, (axes,) = _figure(8, 4.5)
    metric = objective_of(sweep).metric
    for colour, trial in zip(CURVES, best, strict=False):
        curves = mean_curves(histories.get(trial.number, ()))
        watched = "val_loss" if "val_loss" in curves else "loss"
        label = f"trial {trial.number} ({metric} {_score(trial):.4g})"
        for name, style in ((watched, "-"), ("loss", ":")):
            curve = curves.get(name, [])
            axes.plot(range(1, len(curve) + 1), curve, style, color=colour, linewidth=1.4, label=label if style == "-" else None)
    _label(
        axes, f"{sweep.title}: learning curves of the best {len(best)}", "epoch", "loss (full: watched, dotted: training rows)"
    )
    _whole_numbers(axes)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _score(trial: TrialRow) -> float:
    return float(trial.score) if trial.score is not None else math.nan


def _spread(trial: TrialRow, metric: str) -> float:
    value = ((trial.summary or {}).get("std") or {}).get(metric)
    return float(value) if is_finite(value) else 0.0


def _scales(sweep: SweepRow, done: Sequence[TrialRow]) -> list[Scale]:
    """Return an axis for every hyperparameter that takes more than one value; what a trial lacks counts as the choice "none"."""
    values = [trial_values(sweep, trial) for trial in done]
    names = dict.fromkeys(name for row in values for name in row)
    scales = [_scale(name, [row.get(name) for row in values], _is_log(spec_of(sweep)["space"].get(name))) for name in names]
    return [scale for scale in scales if len(set(scale.positions)) > 1]


def _scale(name: str, values: Sequence[Any], log: bool) -> Scale:
    if all(is_finite(value) and not isinstance(value, bool) for value in values):
        return Scale(name, tuple(float(value) for value in values), None, log=log and min(values) > 0)
    texts = [str(value) for value in values]
    ticks = tuple(dict.fromkeys(sorted(texts)))
    return Scale(name, tuple(float(ticks.index(text)) for text in texts), tuple(tick[:24] for tick in ticks), log=False)


def _is_log(domain: Any) -> bool:
    return isinstance(domain, Mapping) and bool({"reciprocal", "loguniform"} & domain.keys() or domain.get("log"))


def _marks(scale: Scale) -> list[tuple[float, str]]:
    if scale.ticks is not None:
        last = max(len(scale.ticks) - 1, 1)
        return [(index / last, tick) for index, tick in enumerate(scale.ticks)] if len(scale.ticks) <= MOST_PANELS else []
    return [(0.0, f"{min(scale.positions):.3g}"), (1.0, f"{max(scale.positions):.3g}")]


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
