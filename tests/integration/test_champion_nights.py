"""Two nights of one sweep, trained for real: the second winner beats the champion, and both nights end with a report."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import SweepRow
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import spec_from_mapping
from orchestrator.sweep import Options, run_sweep
from orchestrator.tracking.model_folder import predict

FIRST, SECOND = "2026-11-20T02:00Z", "2026-11-21T02:00Z"
DROWNED, SOUND = 10.0, 0.0
"""So strong a penalty leaves a net with hardly any weights: far worse than one without, whatever its seed."""


class _Inbox(BaseHTTPRequestHandler):
    got: list[dict[str, Any]] = []  # noqa: RUF012 (one server, one test)

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a web server on this machine that keeps what is posted."""
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Inbox)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


def night(folder: Path, occasion: str, penalties: list[float], webhook: str) -> SweepRow:
    sweep = {
        "name": "nightly",
        "seed": 7,
        "data": {"source": "sklearn", "name": "breast_cancer"},
        "trainer": {"params": {"hidden_layers": 1, "layer_size": 8, "learning_rate": 0.05}},
        "space": {"l2": penalties},
        "cv": {"folds": 2},
        "fit": {"epochs": 3, "batch_size": 64},
        "engine": "keras",
        "ray": {"local": True},
        "resources": {"max_concurrent": 1},
        "model": {"register_as": "tumours", "promote": {"repeats": 2}},
        "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "notify": {"webhook": webhook},
    }
    return run_sweep(spec_from_mapping(sweep, folder), Options(occasion=occasion, output=folder / "output"))


@pytest.mark.full
def test_a_challenger_becomes_champion_overnight(tmp_path: Path, inbox: str) -> None:
    from mlflow import MlflowClient

    first = night(tmp_path, FIRST, [DROWNED], inbox)
    assert first.facts["promotion"]["reason"] == "there was no champion to beat."
    second = night(tmp_path, SECOND, [DROWNED, SOUND], inbox)
    assert (first.state, second.state) == (SweepState.COMPLETED, SweepState.COMPLETED)

    promotion, comparison = second.facts["promotion"], second.facts["comparison"]
    assert (promotion["champion"], promotion["version"], promotion["previous"]) == (True, "2", "1")
    assert "below alpha = 0.05" in promotion["reason"]
    pairs = list(zip(comparison["challenger_scores"], comparison["champion_scores"], strict=True))
    assert len(pairs) == 4
    assert all(challenger > champion for challenger, champion in pairs)

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    assert {name: str(number) for name, number in client.get_registered_model("tumours").aliases.items()} == {"champion": "2"}
    version = client.get_model_version("tumours", "2")
    assert version.description.startswith(f"Became champion: {promotion['reason']}")
    assert version.tags["kerasweep.previous_champion"] == "1"
    rows = tmp_path / "rows.csv"
    _write_rows(rows)
    assert len(predict("models:/tumours@champion", rows, tracking_uri=uri)) == 5

    run = client.get_run(second.mlflow_run or "")
    text = Path(client.download_artifacts(run.info.run_id, "report.md", str(tmp_path))).read_text().strip()
    assert text.startswith(f"### What changed since nightly/{FIRST}")
    for line in ("- l2: 10.0", "+ l2: 0.0", "**Trials:** 1 run, 1 cached, 0 failed", "tumours/2 became champion"):
        assert line in text
    assert run.data.tags["mlflow.note.content"].endswith(text)
    assert [(post["occasion"], post["state"]) for post in _Inbox.got] == [(FIRST, "COMPLETED"), (SECOND, "COMPLETED")]
    assert _Inbox.got[1]["text"] == text
    assert _Inbox.got[1]["champion"] == promotion

    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        assert [row.occasion for row in ledger.sweeps("nightly")] == [SECOND, FIRST]
        assert len(ledger.trials(second.id)) == 2  # what was trained for the comparison is no trial


def _write_rows(file: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    load_breast_cancer(as_frame=True).frame.drop(columns="target").head(5).to_csv(file, index=False)
