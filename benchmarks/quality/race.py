"""What rules of a race save and what they cost, on the tables: ``python -m benchmarks.quality.race``.

A search is 100 configs of a table in random order, its folds the first k of the ten in random order. It is raced as a sweep is,
by ``search_spaces.races`` itself. Told: the share of the fits that are saved, how often another config wins than without a race,
and how far that one's mean over the ten folds lies behind, in units of the spread (standard deviation) of a search's configs; the
twentieth of them that is worst counts as no worse than the best of it, so that nets that come to nothing do not make the unit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.make_tables import FOLDER, PROBLEMS
from search_spaces import Bar, FoldRace, RaceSettings, StrategyError, default_rungs, judged_by, read_race

RESULTS = Path(__file__).with_name("race.json")
TRIALS = 100
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One raced search beside the same one without a race.

    ``saved`` is the share of the fits that were not trained; ``bias`` the mean of what was told of those given up less their
    mean over the search's folds, in the search's spread.
    """

    saved: float
    other_winner: bool
    loss: float
    bias: float


def race(scores: Scores, whole: Scores, settings: RaceSettings) -> Outcome:
    """Race one search.

    Parameters
    ----------
    scores : (trials, folds) float64, larger for better, in ask order; NaN where a fold diverged.
    whole : (trials,) what the configs are worth, by more folds than the search has; -inf where one of them diverged.
    """
    trials, folds = scores.shape
    rungs = default_rungs(folds) if settings.rungs is None else tuple(settings.rungs)
    means = np.where(np.isfinite(scores).all(axis=1), scores.mean(axis=1), -np.inf)
    floor = float(np.quantile(whole[np.isfinite(whole)], 0.05))
    spread = float(np.std(np.maximum(whole, floor))) or 1.0
    kept: set[int] = set()
    fits = 0
    biases: list[float] = []
    for number in range(trials):
        judges = [other for other in kept if other < judged_by(number, settings.first, 0)]
        judge = min(judges, key=lambda other: (-means[other], other), default=None)
        bar = None if judge is None else Bar(number=judge, values=tuple(scores[judge].tolist()))
        runner = FoldRace(settings=settings, rungs=rungs, metric="score", maximize=True, bar=bar)
        verdict = runner.verdict(dict(enumerate(scores[number].tolist())))
        if verdict is None:
            kept.add(number)
            fits += folds
            continue
        fits += len(verdict.folds)
        if verdict.told is not None:
            biases.append((max(verdict.told, floor) - max(float(means[number]), floor)) / spread)
    winner = min(kept, key=lambda number: (-means[number], number))
    best = int(np.argmax(means))
    return Outcome(
        saved=1 - fits / scores.size,
        other_winner=winner != best,
        loss=float(max(whole[best], floor) - max(whole[winner], floor)) / spread,
        bias=float(np.mean(biases)) if biases else 0.0,
    )


def searches(table: Scores, folds: int, seeds: int) -> Iterator[tuple[Scores, Scores]]:
    """Yield ``seeds`` searches of a table (configs, folds), each with what its configs are worth."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        configs = rng.permutation(len(table))[:TRIALS]
        chosen = table[configs][:, rng.permutation(table.shape[1])[:folds]]
        worth = table[configs].astype("float64").mean(axis=1)
        yield chosen.astype("float64"), np.where(np.isfinite(worth), worth, -np.inf)


def settings_at(folds: int) -> Iterator[dict[str, Any]]:
    """Yield the races to be compared at so many folds."""
    every = list(range(1, folds + 1))
    rungs = {"doubling": None, "every fold": every, "from two on": [rung for rung in default_rungs(folds) if rung > 1]}
    for rule, (named, given), first in product(("paired", "forgiving", "wilcoxon"), rungs.items(), (2, 4, 8)):
        try:
            yield {
                "rule": rule,
                "rungs": named,
                "first": first,
                "race": read_race({"folds": rule, "rungs": given, "first": first}, folds),
            }
        except StrategyError:
            continue  # a rule that could never act


def main() -> None:
    """Compare all races on all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--tables", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--smoke", action="store_true", help="few seeds, to see that it runs")
    arguments = parser.parse_args()
    seeds = 3 if arguments.smoke else arguments.seeds
    if not any((arguments.tables / f"{name}.npz").exists() for name in PROBLEMS):
        parser.error(f"{arguments.tables} has no tables; python -m benchmarks.quality.make_tables writes them.")
    records: list[dict[str, Any]] = []
    for name in [name for name in PROBLEMS if (arguments.tables / f"{name}.npz").exists()]:
        table = np.load(arguments.tables / f"{name}.npz")["scores"][:, -1]
        for folds in (3, 5, 10):
            for given in settings_at(folds):
                outcomes = [race(scores, whole, given["race"]) for scores, whole in searches(table, folds, seeds)]
                means = {key: float(np.mean([asdict(one)[key] for one in outcomes])) for key in asdict(outcomes[0])}
                about = {"problem": name, "folds": folds, **{key: given[key] for key in ("rule", "rungs", "first")}}
                records.append({**about, "seeds": seeds, **means})
    arguments.out.write_text(json.dumps(records, indent=1), encoding="utf-8")
    _show(records)


def _show(records: list[dict[str, Any]]) -> None:
    """Print the means over problems."""
    print(f"{'folds':>5} {'rule':<10} {'rungs':<12} {'first':>5} {'saved':>7} {'other winner':>13} {'its loss':>9} {'bias':>7}")
    for key in sorted({(one["folds"], one["rule"], one["rungs"], one["first"]) for one in records}):
        same = [one for one in records if (one["folds"], one["rule"], one["rungs"], one["first"]) == key]
        saved, other, loss, bias = (np.mean([one[what] for one in same]) for what in ("saved", "other_winner", "loss", "bias"))
        folds, rule, rungs, first = key
        print(f"{folds:>5} {rule:<10} {rungs:<12} {first:>5} {saved:>7.1%} {other:>13.1%} {loss:>9.4f} {bias:>+7.3f}")
    print(f"{len({one['problem'] for one in records})} tables", file=sys.stderr)


if __name__ == "__main__":
    main()
