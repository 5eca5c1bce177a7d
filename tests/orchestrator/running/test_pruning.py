"""What ``prune`` finds and removes: only what is old, what nobody needs any more, and what is known to be ours."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fake_sweeps import START, Clock, begin, end, fake_key, fake_spec, run

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow
from orchestrator.running.output import claim_output
from orchestrator.running.pruning import Pruning, find_left, remove_left
from orchestrator.search.trials import SweepState
from orchestrator.spec import DOOR
from orchestrator.tracking.registry import ModelRegistry
from orchestrator.tracking.store import open_client
from orchestrator.tracking.store_lock import alone, remove_lock_file

DAY = 86400.0
UPLOADED = {"model_uri": "models:/m-1"}


@dataclass
class Place:
    """A directory where sweeps have run, with a cache and a temporary folder of its own. Thirty days have passed since START."""

    folder: Path
    ledger: Ledger
    clock: Clock

    @property
    def output(self) -> Path:
        return self.folder / "kerasweep-output"

    def swept(
        self,
        name: str,
        *,
        days: float = 0,
        numbers: tuple[int, ...] = (0, 1),
        state: SweepState | None = SweepState.COMPLETED,
        facts: dict[str, Any] | None = None,
        **parts: Any,
    ) -> SweepRow:
        """A sweep that began ``days`` after START, with folder and model, seen by MLflow; ``state`` None: it still runs."""
        self.clock.now = START + days * DAY
        sweep = begin(self.ledger, name, **parts)
        folder = claim_output(sweep, self.output)
        for part in ("logs/worker-0.log", "model/MLmodel"):
            (folder / part).parent.mkdir(parents=True)
            (folder / part).write_text("x" * 1000)
        run(self.ledger, sweep, numbers)
        self.ledger.update_facts(sweep, UPLOADED if facts is None else facts)
        if state is not None:
            sweep = end(self.ledger, sweep, state)
        self.ledger.set_mlflow_run(sweep.id, f"run-{sweep.id}")
        self.project(sweep)
        return self.ledger.sweep_by_id(sweep.id)

    def project(self, sweep: SweepRow) -> None:
        seen = {row.number: row.revision for row in self.ledger.unprojected_trials(sweep.id)}
        self.ledger.mark_projected(sweep.id, trials=seen, sweep=self.ledger.sweep_by_id(sweep.id).revision)

    def look(self, **more: Any) -> Pruning:
        now = START + 31 * DAY
        return find_left(self.ledger, self.output, before=now - 30 * DAY, now=now, **more)

    def found(self, **more: Any) -> list[str]:
        return [one.what.removeprefix(f"{self.output}/") for one in self.look(**more).left]

    def reasons(self, **more: Any) -> dict[str, str]:
        return {one.what.removeprefix(f"{self.output}/"): one.why for one in self.look(**more).kept}

    def prune(self) -> list[str]:
        return [one.what.removeprefix(f"{self.output}/") for one in remove_left(self.look(), self.ledger)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clock = Clock(step=0.0)
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock) as ledger:
        yield Place(tmp_path, ledger, clock)


def test_an_old_sweep_leaves_its_trials_and_scores(place: Place) -> None:
    sweep = place.swept("old")
    before = place.ledger.trials(sweep.id)
    assert place.found() == ["4 folds of 1 sweep in the ledger", "old/manual-1"]
    assert place.output.exists(), "looking changes nothing"
    assert len(place.ledger.folds(fake_key(0))) == 2
    assert place.prune() == ["4 folds of 1 sweep in the ledger", "old/manual-1"]
    assert not (place.output / "old").exists()
    assert place.ledger.known_folds([fake_key(0), fake_key(1)]) == {}
    assert place.ledger.trials(sweep.id) == before
    assert place.found() == []


def test_what_is_young_stays_and_so_do_the_folds_that_it_took_over(place: Place) -> None:
    place.swept("old", numbers=(0, 1))
    place.swept("new", days=10, numbers=(1,))
    assert place.found() == ["2 folds of 1 sweep in the ledger", "old/manual-1"]
    place.prune()
    assert sorted(place.ledger.known_folds([fake_key(0), fake_key(1)])) == [fake_key(1)]
    assert (place.output / "new" / "manual-1" / "model").exists()


def test_a_running_sweep_is_not_touched(place: Place) -> None:
    sweep = place.swept("long", state=None)
    place.clock.now = START + 31 * DAY
    place.ledger.heartbeat(sweep)
    assert place.found() == []
    assert place.prune() == []
    assert (place.output / "long" / "manual-1" / "logs").exists()


def test_a_sweep_that_is_driven_again_meanwhile_is_not_touched(place: Place) -> None:
    place.swept("again", state=SweepState.STOPPED)
    newest = place.swept("other", state=SweepState.COMPLETED, numbers=(5,))
    place.ledger.finish_sweep(begin(place.ledger, "again"), SweepState.COMPLETED)
    place.project(place.ledger.sweep("again"))
    pruning = place.look()
    assert len([one for one in pruning.left if one.kind == "folder"]) == 2
    place.ledger.claim_sweep("again", {}, None, Owner("host", 9), 60.0, occasion="manual-2")  # a new occasion: no harm
    with place.ledger._database.write() as connection:
        connection.exec_driver_sql("UPDATE kerasweep_sweeps SET attempt = attempt + 1 WHERE name = 'again'")
    removed = [one.what for one in remove_left(pruning, place.ledger) if one.kind == "folder"]
    assert removed == [str(place.output / newest.title)]
    assert place.ledger.folds(fake_key(0)) != []


def test_what_can_be_resumed_stays_until_another_occasion_has_come(place: Place) -> None:
    place.swept("stopped", state=SweepState.STOPPED)
    assert place.reasons() == {
        "stopped/manual-1": "it is unfinished: `kerasweep resume stopped/manual-1` continues it",
    }
    assert place.found() == []
    place.clock.now = START + 20 * DAY
    sweep = place.ledger.claim_sweep("stopped", place.ledger.sweep("stopped").spec, None, Owner("host", 9), 60.0, new=True)
    place.ledger.finish_sweep(sweep, SweepState.COMPLETED)
    assert place.found() == ["4 folds of 1 sweep in the ledger", "stopped/manual-1"]


def test_a_sweep_whose_driver_was_killed_counts_as_unfinished(place: Place) -> None:
    place.swept("killed", state=None)
    assert place.reasons() == {"killed/manual-1": "it is unfinished: `kerasweep resume killed/manual-1` continues it"}


def test_what_mlflow_has_not_seen_stays(place: Place) -> None:
    sweep = place.swept("unseen")
    place.ledger.forget_projection(sweep.id)
    assert place.reasons() == {"unseen/manual-1": "MLflow lacks a part of it: `kerasweep resume unseen/manual-1` writes it"}
    assert place.found() == []


def test_the_only_copy_of_a_model_stays_and_its_logs_go(place: Place) -> None:
    place.swept("away", facts={"model": str(place.output / "away" / "manual-1" / "model")})
    assert place.found() == ["4 folds of 1 sweep in the ledger", "away/manual-1/logs"]
    assert place.reasons() == {"away/manual-1/model": "it is the only copy of the model: MLflow has none"}
    place.prune()
    assert [path.name for path in sorted((place.output / "away" / "manual-1").iterdir())] == ["model", "sweep.json"]


def test_folders_that_are_not_known_to_be_ours_stay(place: Place) -> None:
    place.swept("ours", facts={**UPLOADED, "model": str(place.output / "ours" / "manual-1" / "model")})
    (place.output / "ours" / "manual-1" / "sweep.json").unlink()
    with Ledger(f"sqlite:///{place.folder / 'other.db'}", Clock()) as other:
        claim_output(begin(other, "theirs"), place.output)
    assert place.found() == ["4 folds of 1 sweep in the ledger"]
    why = "it does not say which sweep it belongs to, as they did not use to; remove it by hand"
    assert place.reasons() == {"ours/manual-1": why}
    place.prune()
    assert sorted(path.name for path in place.output.iterdir()) == ["ours", "theirs"]


def test_a_folder_is_found_where_the_model_was_written(place: Place, tmp_path: Path) -> None:
    model = place.output / "moved" / "manual-1" / "model"
    place.swept("moved", facts={**UPLOADED, "model": str(model)})
    now = START + 31 * DAY
    pruning = find_left(place.ledger, tmp_path / "elsewhere", before=now - 30 * DAY, now=now)
    assert [one.what for one in pruning.left][1:] == [str(model.parent)]


def test_champions_stay_whole(place: Place) -> None:
    uri = f"sqlite:///{place.folder / 'mlflow.db'}"
    more = {"tracking": {"uri": uri, "experiment": "demo"}, "model": {"register_as": "tumours"}}
    for number in range(1, 5):
        place.swept(f"night-{number}", numbers=(number,), facts={**UPLOADED, "model_version": str(number)}, **more)
    place.swept("beside", numbers=(7,))
    assert set(place.reasons()) == {f"night-{number}/manual-1" for number in range(1, 5)}, "MLflow is not there to be asked"
    assert "may have made the champion of tumours, which could not be asked for" in place.reasons()["night-1/manual-1"]
    client = open_client(uri)
    client.create_registered_model("tumours")
    registry = ModelRegistry(uri)
    for _ in range(4):
        client.create_model_version("tumours", source=str(place.folder))
    for number in ("1", "2", "3"):
        version = registry.version("tumours", number)
        registry.describe(version, "", {"kerasweep.sweep": f"night-{number}/manual-1"})
        registry.crown(version)
    assert place.reasons() == {
        "night-3/manual-1": "its model is the champion of tumours, version 3",
        "night-2/manual-1": "its model is the champion before of tumours, version 2",
    }
    folders = [one.what for one in place.look().left if one.kind == "folder"]
    assert folders == [str(place.output / name / "manual-1") for name in ("beside", "night-4", "night-1")]
    assert len([one for one in place.look(keep_champions=False).left if one.kind == "folder"]) == 5
    place.prune()
    assert len(place.ledger.folds(fake_key(3))) == 2


def test_what_was_given_from_python_goes_when_no_sweep_names_it(place: Place) -> None:
    given = place.output / "given"
    (given / "__pycache__").mkdir(parents=True)
    named, other = "0123456789ab", "ba9876543210"
    names = [f"data-{named}cdef.npz", f"session_{named}.py", f"session_{named}_pickle.py"]
    gone = [f"data-{other}fedc.parquet", f"session_{other}.py", f"session_{other}_pickle.py", f".data-{other}aaaa.npz.77"]
    gone.append(f"__pycache__/session_{other}_pickle.cpython-311.pyc")
    for name in (*names, *gone, "data-ffffffffffffffff.npz", "own.py"):
        (given / name).write_text("x" * 10)
        os.utime(given / name, (START + 20 * DAY if "ffff" in name else START,) * 2)
    data = {"source": "npz", "name": None, "path": str(given / names[0]), "callable": None}
    trainer = {"type": "builder", "builder": f"session_{named}:create", "params": {}}
    place.swept("old", days=10, numbers=(), data=data, trainer=trainer)
    before = sorted(given.rglob("*"))
    assert place.found() == ["5 files given from Python, which no sweep names"]
    assert sorted(given.rglob("*")) == before, "looking changes nothing"
    assert place.prune() == ["5 files given from Python, which no sweep names"]
    assert sorted(path.name for path in given.iterdir()) == sorted([*names, "data-ffffffffffffffff.npz", "own.py"])
    assert place.found() == []


def test_a_search_from_python_is_continued_by_its_call_and_needs_no_mlflow(place: Place) -> None:
    for name, state in (("done", SweepState.COMPLETED), ("stopped", SweepState.STOPPED)):
        place.clock.now = START
        spec = {**fake_spec(name, tracking={"uri": "", "experiment": name}), DOOR: "GridSearchCV"}
        sweep = place.ledger.claim_sweep(name, spec, None, Owner("host", 9), 60.0, new=True)
        run(place.ledger, sweep, (0,) if name == "done" else (1,))
        place.ledger.finish_sweep(sweep, state)
    assert place.reasons() == {"stopped/manual-1": "it is unfinished: the same call of GridSearchCV continues it"}
    assert place.found() == ["2 folds of 1 sweep in the ledger"]


def test_programs_that_nobody_has_used_go(place: Place) -> None:
    folder = place.folder / "cache" / "kerasweep" / "compiled-abc"
    folder.mkdir(parents=True)
    for name, written, read in (("used-cache", 0, 20), ("new-cache", 20, 20), ("old-cache", 0, 0)):
        (folder / name).write_bytes(b"x" * 10)
        os.utime(folder / name, (START + read * DAY, START + written * DAY))
    assert [(one.what, one.bytes) for one in place.look().left] == [("1 compiled program", 10)]
    place.prune()
    assert sorted(path.name for path in folder.iterdir()) == ["new-cache", "used-cache"]


def test_a_lock_that_is_removed_while_it_is_waited_for_is_taken_anew(place: Place) -> None:
    """Else the one that waits and the one that comes next would hold different files."""
    held, entered = threading.Event(), threading.Event()

    def wait() -> None:
        held.wait()
        with alone("sqlite:///a.db"):
            entered.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    with alone("sqlite:///a.db"):
        (file,) = (place.folder / "tmp").iterdir()
        assert not remove_lock_file(file), "it is held"
        held.set()
        time.sleep(0.2)
        assert not entered.is_set()
        file.unlink()
    waiting.join(10)
    assert entered.is_set()
    assert file.exists()


def test_lock_files_go_unless_somebody_holds_them(place: Place) -> None:
    for uri in ("sqlite:///a.db", "sqlite:///b.db", "sqlite:///new.db"):
        with alone(uri):
            pass
    first, second, third = files = sorted((place.folder / "tmp").iterdir())
    for file, days in ((first, 0), (second, 0), (third, 20)):
        os.utime(file, (START + days * DAY, START + days * DAY))
    with second.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert place.found() == ["2 lock files"]
        assert place.prune() == ["1 lock file"]
    assert sorted((place.folder / "tmp").iterdir()) == files[1:]
