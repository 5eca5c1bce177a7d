"""``kerasweep prune``: what would go is shown; only ``--yes`` removes it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_sweeps import Clock, begin, end, fake_key, run

from orchestrator.cli.root import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.running.output import claim_output
from orchestrator.search.trials import SweepState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a sweep that ended in 2020, and one that was stopped then."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with Ledger("sqlite:///kerasweep.db", Clock(now=1_577_836_800.0)) as ledger:
        for name, numbers, state in (("old", (0, 1), SweepState.COMPLETED), ("stopped", (2,), SweepState.STOPPED)):
            sweep = begin(ledger, name)
            logs = claim_output(sweep, Path("kerasweep-output")) / "logs"
            logs.mkdir()
            (logs / "worker-0.log").write_text("x" * 5000)
            run(ledger, sweep, numbers)
            end(ledger, sweep, state)
            ledger.mark_projected(sweep.id, trials={row.number: row.revision for row in ledger.unprojected_trials(sweep.id)})
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prune", *arguments], catch_exceptions=False)


def test_without_yes_it_is_only_shown(folder: Path) -> None:
    result = call("--older-than", "30d", "--keep-champions")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("would be removed: ")
    assert lines[1].endswith("4 folds of 1 sweep in the ledger")
    assert lines[2].split() == ["5.0", "kB", str(folder / "kerasweep-output" / "old" / "manual-1")]
    assert lines[3:] == [
        "kept though it is old:",
        "  stopped/manual-1: it is unfinished: `kerasweep resume stopped/manual-1` continues it",
        "Nothing is removed yet; --yes removes it.",
    ]
    assert (folder / "kerasweep-output" / "old").exists()
    assert json.loads(call("--json").stdout)["removed"] is False


def test_yes_removes_it_and_the_trials_stay(folder: Path) -> None:
    before = CliRunner().invoke(main, ["show", "old"]).stdout
    said = json.loads(call("--yes", "--json").stdout)
    assert said["removed"] is True
    assert [one["kind"] for one in said["left"]] == ["folds", "folder"]
    assert said["bytes"] == sum(one["bytes"] for one in said["left"]) > 5000
    assert [one["what"] for one in said["kept"]] == ["stopped/manual-1"]
    assert sorted(path.name for path in (folder / "kerasweep-output").iterdir()) == ["stopped"]
    with Ledger("sqlite:///kerasweep.db") as ledger:
        assert list(ledger.known_folds(map(fake_key, range(3)))) == [fake_key(2)]
    assert CliRunner().invoke(main, ["show", "old"]).stdout == before
    assert call("--yes").stdout.splitlines()[0] == "removed: nothing"


def test_what_was_given_from_python_and_no_sweep_names_is_listed_and_removed(folder: Path) -> None:
    rows = folder / "kerasweep-output" / "given" / "data-0123456789abcdef.npz"
    rows.parent.mkdir()
    rows.write_bytes(b"x" * 2000)
    os.utime(rows, (0, 0))
    assert "     2.0 kB  1 file given from Python, which no sweep names" in call().stdout.splitlines()
    assert "given" in [one["kind"] for one in json.loads(call("--yes", "--json").stdout)["left"]]
    assert not rows.parent.exists()


def test_what_is_young_stays(folder: Path) -> None:
    assert call("--older-than", "36500d").stdout == "would be removed: nothing\n"


def test_an_age_that_is_none_is_refused(folder: Path) -> None:
    result = call("--older-than", "a month")
    assert result.exit_code == 2
    assert "expected a length of time such as 2h" in result.stderr


def test_without_a_ledger_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call()
    assert result.exit_code == 2
    assert "There is no ledger" in result.stderr
    assert list(tmp_path.iterdir()) == []
