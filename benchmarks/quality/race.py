"""What rules of a race save and what they cost, on the tables: ``python -m benchmarks.quality.race``.

A search is 100 configs of a table in random order, its folds the first k of the ten in random order. It is raced as a sweep is,
by ``orchestrator.search`` itself. Told: the share of the fits that are saved (one cut after 9 of 81 epochs counts 1/9), how often
another config wins than without a race, and how far that one's mean over the ten folds lies behind, in units of the spread
(standard deviation) of a search's configs; the twentieth of them that is worst counts as no worse than the best of it, so that
nets that come to nothing do not make the unit. Last, by how much the winner is ahead of the best of 15 whole configs when the
race has had as many fits as these took.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.make_tables import EPOCHS, FOLDER, PROBLEMS
from orchestrator.search import Objective, Racing
from search_spaces import RaceSettings, StrategyError, default_rungs, read_race

RESULTS = Path(__file__).with_name("race.json")
TRIALS, EQUAL = 100, 15
_KEY = ("folds", "rule", "rungs", "first", "epochs")
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One raced search beside the same one without a race.

    ``saved`` is the share of the fits that were not trained; ``bias`` the mean of what was told of those given up less their mean
    over the search's folds; ``gain`` how far the winner at the fits of ``EQUAL`` whole configs is ahead of their best. These two
    and ``loss`` are in the search's spread.
    """

    saved: float
    other_winner: bool
    loss: float
    bias: float
    gain: float


def race(curves: Scores, worth: Scores, settings: RaceSettings) -> Outcome:
    """Race one search.

    Parameters
    ----------
    curves : (trials, epochs, folds) float64, larger for better, in ask order, read after the last of ``EPOCHS``; NaN where a
        fold diverged.
    worth : (trials,) what the configs are worth, by more folds than the search has; -inf where one of them diverged.
    """
    scores, reads = curves[:, -1], curves[:, :-1, 0]
    trials, folds = scores.shape
    means = np.where(np.isfinite(scores).all(axis=1), scores.mean(axis=1), -np.inf)
    floor = float(np.quantile(worth[np.isfinite(worth)], 0.05))
    spread = float(np.std(np.maximum(worth, floor))) or 1.0
    rungs, most = settings.epoch_rungs(EPOCHS[-1]), EPOCHS[-1]
    objective = Objective("score", "maximize")
    racing = Racing(settings, settings.fold_rungs(folds), objective, 1 / folds, rungs, lambda config: most)
    kept: list[int] = []
    early: list[int] = []
    fits = 0.0
    biases: list[float] = []
    for number in range(trials):
        racing.enter(number, {}, 0)
        values = dict(enumerate(scores[number].tolist()))
        read = dict(zip(EPOCHS, reads[number].tolist(), strict=False))
        verdict = racing.race(number).verdict(values, read)
        cut = None if verdict is None else verdict.epochs
        diverged = verdict is not None and verdict.told is None
        racing.over(number, None if verdict else values, {} if diverged else racing.read_at(number, values, read, cut))
        if verdict is None:
            fits += folds
            kept.append(number)
            early += [number] * (fits <= EQUAL * folds)
            continue
        fits += len(verdict.folds) if cut is None else racing.share(number, cut)
        if verdict.told is not None:
            biases.append((max(verdict.told, floor) - max(float(means[number]), floor)) / spread)

    def ahead(others: Sequence[int], one: int) -> float:
        winner = min(others, key=lambda number: (-means[number], number))
        return float(max(worth[winner], floor) - max(worth[one], floor)) / spread

    best = int(np.argmax(means))
    return Outcome(
        saved=1 - fits / scores.size,
        other_winner=best not in kept,
        loss=-ahead(kept, best),
        bias=float(np.mean(biases)) if biases else 0.0,
        gain=ahead(early, int(np.argmax(means[:EQUAL]))),
    )


def searches(table: Scores, folds: int, seeds: int) -> Iterator[tuple[Scores, Scores]]:
    """Yield ``seeds`` searches of a table (configs, epochs, folds), each with what its configs are worth."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        configs = rng.permutation(len(table))[:TRIALS]
        chosen = table[configs][..., rng.permutation(table.shape[-1])[:folds]]
        worth = table[configs, -1].astype("float64").mean(axis=1)
        yield chosen.astype("float64"), np.where(np.isfinite(worth), worth, -np.inf)


def settings_at(folds: int) -> Iterator[dict[str, Any]]:
    """Yield the races to be compared at so many folds: of all rules over folds, then over epochs, alone and before ``paired``."""
    every = list(range(1, folds + 1))
    rungs = {"doubling": None, "every fold": every, "from two on": [rung for rung in default_rungs(folds) if rung > 1]}
    for rule, (named, given), first in product(("paired", "forgiving", "wilcoxon"), rungs.items(), (2, 4, 8)):
        yield from _made({"folds": rule, "rungs": given, "first": first}, folds, named)
    for epochs, least, rule in product(("halving", "hyperband"), EPOCHS[:-2], ("none", "paired")):
        yield from _made({"folds": rule, "epochs": epochs, "min_epochs": least}, folds, "doubling")


def _made(written: dict[str, Any], folds: int, rungs: str) -> Iterator[dict[str, Any]]:
    with suppress(StrategyError):  # a rule that could never act
        race = read_race(written, folds, EPOCHS[-1])
        assert race is not None
        epochs = race.epochs if race.epochs == "none" else f"{race.epochs} {race.min_epochs}"
        yield {"rule": race.folds, "rungs": rungs, "first": race.first, "epochs": epochs, "race": race}


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
        table = np.load(arguments.tables / f"{name}.npz")["scores"]
        for folds in (3, 5, 10):
            for given in settings_at(folds):
                outcomes = [race(curves, worth, given["race"]) for curves, worth in searches(table, folds, seeds)]
                means = {key: float(np.mean([asdict(one)[key] for one in outcomes])) for key in asdict(outcomes[0])}
                about = {"problem": name, "folds": folds, **{key: given[key] for key in _KEY[1:]}}
                records.append({**about, "seeds": seeds, **means})
    lines = ",\n".join(
        json.dumps({name: round(told, 6) if isinstance(told, float) else told for name, told in one.items()}) for one in records
    )
    arguments.out.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    _show(records)


def _show(records: list[dict[str, Any]]) -> None:
    """Print the means over problems."""
    told = ("saved", "other_winner", "loss", "bias", "gain")
    print("{:>5} {:<10} {:<12} {:>5} {:<12} {:>7} {:>13} {:>9} {:>7} {:>7}".format(*_KEY, "saved", "other winner", *told[2:]))
    for key in sorted({tuple(one[name] for name in _KEY) for one in records}):
        same = [one for one in records if tuple(one[name] for name in _KEY) == key]
        means = [np.mean([one[what] for one in same]) for what in told]
        print("{:>5} {:<10} {:<12} {:>5} {:<12} {:>7.1%} {:>13.1%} {:>+9.4f} {:>+7.3f} {:>+7.3f}".format(*key, *means))
    print(f"{len({one['problem'] for one in records})} tables", file=sys.stderr)


if __name__ == "__main__":
    main()
