"""What a run says of the rows that it has read, before it trains on them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.errors import KerasweepError
from orchestrator.results import Silent
from orchestrator.spec.loading import spec_from_mapping
from orchestrator.sweep import Options, run_sweep

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_worker.py"))


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def phase(self, text: str) -> None:
        self.said.append(text)


def test_a_run_names_rows_left_out_and_numbers_that_may_be_codes_with_their_keys(tmp_path: Path) -> None:
    rows = [f"{number % 4},{number * 0.5},{'' if number == 7 else number % 2}" for number in range(80)]
    (tmp_path / "data.csv").write_text("\n".join(["code,x,label", *rows]) + "\n")
    (tmp_path / "anything.py").write_text("def create(**values): ...\n")
    spec = spec_from_mapping(
        {
            "name": "codes",
            "task": "binary",
            "data": {"source": "csv", "path": "data.csv", "target": -1, "drop_missing_target": True},
            "trainer": {"type": "builder", "builder": "anything:create"},
            "space": {"sleep": [1.0]},
            "engine": "keras",
            "budget": {"time": "1s"},
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{tmp_path / 'mlflow.db'}"},
        },
        tmp_path,
    )
    listener, dispatcher = Listener(), LocalDispatcher(1, log_folder=tmp_path, command=FAKE_WORKER)
    with pytest.raises(KerasweepError, match="budget was used up"):
        run_sweep(spec, Options(output=tmp_path), listener, dispatcher=dispatcher)
    assert [text for text in listener.said if text.startswith("data: ")] == [
        "data: rows left out, since they have no target (data.drop_missing_target): 1",
        "data: read as numbers, though whole and of few values: 'code'; where these name things, say data.columns: "
        "{code: categorical}",
    ]
