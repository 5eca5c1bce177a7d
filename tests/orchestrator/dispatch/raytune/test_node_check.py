"""What the driver makes of its nodes' reports, and what a node can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.dispatch.raytune.node_check import Report, disagreements, readable_bytes

OURS = {"kerasweep": "1.0", "keras": "3.15"}


def test_nodes_that_agree_take_part() -> None:
    same = Report(versions=OURS, size=10)
    assert disagreements({"a": same, "b": same}, OURS, "/data.csv") == []
    assert disagreements({"a": Report(versions=OURS)}, OURS, None) == []


def test_every_node_that_cannot_take_part_is_named_with_its_reason() -> None:
    reports = {
        "a": Report(versions=OURS, size=10),
        "b": Report(versions={**OURS, "keras": "3.14"}, size=10),
        "c": Report(versions=OURS, problem="data.path '/data.csv' cannot be read"),
        "d": Report(versions=OURS, size=11),
    }
    assert disagreements(reports, OURS, "/data.csv") == [
        "b: has keras 3.14, the driver has kerasweep 1.0, keras 3.15; use one image for all nodes.",
        "c: data.path '/data.csv' cannot be read",
        "d: '/data.csv' has 11 bytes there, and 10 on other nodes; it must be one shared file.",
    ]


def test_a_file_is_read_by_path_and_by_url(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("a,b\n1,2\n")
    assert readable_bytes(str(file)) == readable_bytes(f"file://{file}") == 8
    with pytest.raises(FileNotFoundError):
        readable_bytes(str(tmp_path / "other.csv"))
