"""What the race against the clock makes of raw results: incumbents, curves, and when a goal is reached for good."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.quality.clock_report import shares
from benchmarks.quality.curves import config_key, curve, reached_for_good, score_at
from benchmarks.quality.incumbents import incumbents, tell, told
from benchmarks.quality.kept import Kept


def test_incumbents_are_those_that_were_the_best_when_they_were_found() -> None:
    found = [{"seconds": at, "score": score, "config": {}} for at, score in ((3, 0.5), (1, 0.4), (2, 0.3), (4, 0.5), (5, 0.1))]
    assert [one["seconds"] for one in incumbents(found, maximize=True)] == [1, 3]
    assert [one["seconds"] for one in incumbents(found, maximize=False)] == [1, 2, 5]


def test_what_rivals_tell_is_read_back_but_for_a_line_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tell({"layers": 2}, 0.5)
    with next(tmp_path.glob("whole-*.jsonl")).open("a") as file:
        file.write('{"at": 12')
    (one,) = told(tmp_path, began=0.0)
    assert (one["config"], one["score"]) == ({"layers": 2}, 0.5)
    assert one["seconds"] > 1e9


def test_a_goal_is_reached_for_good_when_no_later_incumbent_is_below_it() -> None:
    points = [(1.0, 0.9), (2.0, 0.5), (3.0, 0.8), (4.0, 0.7)]
    assert reached_for_good(points, 0.7) == 3.0
    assert reached_for_good(points, 0.5) == 1.0
    assert math.isinf(reached_for_good(points, 0.75))
    assert math.isinf(reached_for_good([], 0.0))


def test_before_the_first_incumbent_there_is_no_score() -> None:
    assert [score_at([(2.0, 0.4), (3.0, 0.6)], at) for at in (1, 2, 2.5, 9)] == [-math.inf, 0.4, 0.4, 0.6]


def test_a_curve_has_the_means_of_the_referee_and_leaves_out_whom_nobody_judged() -> None:
    run = {"incumbents": [{"seconds": at, "score": 0.0, "config": {"at": at}} for at in (1, 2, 3)]}
    judged = {config_key({"at": 1}): [0.2, 0.4], config_key({"at": 3}): [0.1]}
    assert curve(run, judged, maximize=False) == [(1, pytest.approx(-0.3)), (3, -0.1)]


def test_the_share_is_of_the_rivals_whole_time_seed_by_seed() -> None:
    about = {"problem": "california", "rows": "made-up housing"}
    lists: dict[str, list[dict[str, object]]] = {"runs": [], "referee": []}
    for seed, ours in ((1, 0.8), (2, 0.6)):
        for method, minutes, at, score in (("kerasweep", 1.0, 6.0, ours), ("optuna", 2.0, 90.0, 0.7)):
            config = {"by": method}
            incumbent = {"seconds": at, "score": 0.0, "config": config}
            lists["runs"].append({**about, "seed": seed, "method": method, "minutes": minutes, "incumbents": [incumbent]})
            lists["referee"].append({**about, "seed": seed, "config": config, "by": 1, "scores": {"r2": score}})
    (told,) = shares(lists)
    assert (told["rival"], told["seeds"]) == ("optuna", [1, 2])
    assert told["shares"] == [6.0 / 120, math.inf]
    assert told["its_seconds"] == [90.0, 90.0]


def test_what_is_kept_is_found_again_and_replaced_by_its_like(tmp_path: Path) -> None:
    keys = {"runs": ("problem", "config")}
    Kept(tmp_path / "kept.json", keys).add("runs", {"problem": "a", "config": {"x": 1.5}, "wall": 1})
    again = Kept(tmp_path / "kept.json", keys)
    found = again.find("runs", {"problem": "a", "config": {"x": 1.5}})
    assert found is not None
    assert found["wall"] == 1
    assert again.find("runs", {"problem": "b", "config": {"x": 1.5}}) is None
    again.add("runs", {"problem": "a", "config": {"x": 1.5}, "wall": 2})
    assert [run["wall"] for run in json.loads((tmp_path / "kept.json").read_text())["runs"]] == [2]
