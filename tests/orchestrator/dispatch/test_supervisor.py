"""One supervised worker: what it reports, when it is replaced, that nothing outlives it. A fake worker, a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import all_gone, gone
from recording_conductor import FAKE_WORKER, cohort, settings

from orchestrator.dispatch.supervisor import Supervisor
from orchestrator.errors import WorkerLostError
from orchestrator.search.cohorts import Cohort, CohortFinished, CohortHeard, CohortLost
from trainers.messages import Check, Checked, Failed, FoldFailed, FoldFinished, Progress, Refit, Refitted

MEGABYTE = 2**20


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=FAKE_WORKER, memory_bytes=400 * MEGABYTE)
    made.prepare(settings())
    yield made
    made.close()


def pid_of(supervisor: Supervisor) -> int:
    reply = supervisor.request(Check({}), timeout=10)
    assert isinstance(reply, Checked)
    return int(reply.versions["pid"])


def lost(supervisor: Supervisor, lost_cohort: Cohort) -> CohortLost:
    last = list(supervisor.evaluate(lost_cohort))[-1]
    assert isinstance(last, CohortLost)
    return last


def test_every_event_of_a_cohort_arrives_in_order_and_ends_in_finished(supervisor: Supervisor) -> None:
    events = list(supervisor.evaluate(cohort("c0", {"value": 0.25}, {"raise": "no such layer"}, folds=2)))
    assert [type(event.event) for event in events if isinstance(event, CohortHeard)] == [
        Progress,
        FoldFinished,
        Progress,
        FoldFinished,
        Progress,
        FoldFailed,
        Progress,
        FoldFailed,
    ]
    assert {event.cohort for event in events} == {"c0"}
    assert events[-1] == CohortFinished("c0")
    second = events[1]
    assert isinstance(second, CohortHeard)
    assert isinstance(second.event, FoldFinished)
    assert second.event.result.metrics["score"] == 0.25


def test_one_child_serves_cohort_after_cohort_and_requests_too(supervisor: Supervisor) -> None:
    first = pid_of(supervisor)
    for number in range(3):
        assert list(supervisor.evaluate(cohort(f"c{number}", {})))[-1] == CohortFinished(f"c{number}")
    assert pid_of(supervisor) == first


def test_start_does_not_wait_for_the_child(tmp_path: Path) -> None:
    slow = (sys.executable, "-c", "import time; time.sleep(30)")
    supervisor = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=slow)
    began = time.monotonic()
    supervisor.start()
    supervisor.prepare(settings())
    supervisor.begin(cohort("c0", {}))
    assert supervisor.poll(0.0) == []
    assert time.monotonic() - began < 1.0
    supervisor.close()
    assert time.monotonic() - began < 3.0


def test_a_child_is_born_with_the_backend_of_its_engine_and_its_share_of_the_machine(tmp_path: Path) -> None:
    supervisor = Supervisor("keras", cpus=2, log_path=tmp_path / "worker.log", command=FAKE_WORKER, devices="1")
    supervisor.prepare(settings())
    reply = supervisor.request(Check({}), timeout=10)
    assert isinstance(reply, Checked)
    assert (reply.versions["KERAS_BACKEND"], reply.versions["KERASWEEP_THREADS"]) == ("tensorflow", "2")
    assert reply.versions["CUDA_VISIBLE_DEVICES"] == "1"
    supervisor.close()


def test_another_engine_takes_another_child(supervisor: Supervisor) -> None:
    first = pid_of(supervisor)
    supervisor.prepare(settings("fused", stage="elsewhere"))
    reply = supervisor.request(Check({}), timeout=10)
    assert isinstance(reply, Checked)
    assert (reply.versions["KERAS_BACKEND"], reply.versions["stage"]) == ("jax", "elsewhere")
    assert all_gone([first], within=5)


def test_new_settings_reach_the_child_that_runs(supervisor: Supervisor) -> None:
    supervisor.start()
    supervisor.prepare(settings(stage="second"))
    supervisor.prepare(settings(stage="third"))
    reply = supervisor.request(Check({}), timeout=10)
    assert isinstance(reply, Checked)
    assert reply.versions["stage"] == "third"


def test_a_crash_loses_the_cohort_with_signal_and_last_words_and_the_next_one_runs(supervisor: Supervisor) -> None:
    end = lost(supervisor, cohort("c0", {"kill": signal.SIGKILL}))
    assert end.cause == "crashed"
    assert "SIGKILL" in end.detail
    assert "about to die" in end.detail
    assert list(supervisor.evaluate(cohort("c1", {})))[-1] == CohortFinished("c1")


def test_last_words_leave_out_what_tensorflow_prints_whenever_it_starts(tmp_path: Path) -> None:
    lines = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "I0000 00:00:1795204748.071800   17519 port.cc:153] oneDNN custom operations are on.",
        "E0000 00:00:1795204527.821930   14025 cuda_executor.cc:52] out of memory",
    )
    dying = (sys.executable, "-c", f"print({chr(10).join(lines)!r})")
    supervisor = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=dying)
    supervisor.prepare(settings())
    end = lost(supervisor, cohort("c0", {}))
    supervisor.close()
    assert "oneDNN" not in end.detail
    assert "absl" not in end.detail
    assert "out of memory" in end.detail


def test_last_words_are_those_of_the_child_that_died_not_of_an_earlier_one(supervisor: Supervisor) -> None:
    lost(supervisor, cohort("c0", {"kill": signal.SIGKILL}))
    threading.Timer(0.5, os.kill, (pid_of(supervisor), signal.SIGKILL)).start()
    with pytest.raises(WorkerLostError, match=r"killed by SIGKILL .* printed nothing of note"):
        supervisor.request(Check({"sleep": 60}), timeout=90)


def test_what_was_reported_before_a_crash_is_kept(supervisor: Supervisor) -> None:
    events = list(supervisor.evaluate(cohort("c0", {}, {"kill": signal.SIGSEGV})))
    done = [event.event.trial for event in events if isinstance(event, CohortHeard) and isinstance(event.event, FoldFinished)]
    assert done == [0]
    assert isinstance(events[-1], CohortLost)


def test_a_child_that_cannot_start_loses_the_cohort_with_the_traceback(tmp_path: Path) -> None:
    supervisor = Supervisor(
        "keras", cpus=1, log_path=tmp_path / "worker.log", command=(sys.executable, "-c", "import no_such_module")
    )
    supervisor.prepare(settings())
    end = lost(supervisor, cohort("c0", {}))
    supervisor.close()
    assert end.cause == "crashed"
    assert "exit status 1" in end.detail
    assert "No module named 'no_such_module'" in end.detail


def test_a_cohort_that_overruns_is_lost_as_timeout(supervisor: Supervisor) -> None:
    pid_of(supervisor)
    began = time.monotonic()
    end = lost(supervisor, cohort("c0", {"sleep": 60}, seconds=0.3))
    assert end.cause == "timeout"
    assert end.detail == "The worker was ended, since it was not done after 0.3 s."
    assert time.monotonic() - began < 2.0


def test_the_deadline_counts_from_when_the_child_is_ready(tmp_path: Path) -> None:
    late = f"import os, sys, time; time.sleep(1); os.execv(sys.executable, {list(FAKE_WORKER)!r} + sys.argv[1:])"
    slow = (sys.executable, "-c", late)
    supervisor = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=slow)
    supervisor.prepare(settings())
    events = list(supervisor.evaluate(cohort("c0", {}, seconds=0.8)))
    supervisor.close()
    assert events[-1] == CohortFinished("c0")


def test_a_child_that_was_ready_long_before_its_first_cohort_is_not_late(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.dispatch.supervisor.START_SECONDS", 3.0)
    supervisor.start()
    supervisor.prepare(settings())
    time.sleep(3.5)  # nobody listens, though it has been ready for long
    assert list(supervisor.evaluate(cohort("c0", {})))[-1] == CohortFinished("c0")


def test_a_child_that_is_never_ready_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.dispatch.supervisor.START_SECONDS", 0.3)
    silent = (sys.executable, "-c", "import time; time.sleep(30)")
    supervisor = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=silent)
    supervisor.prepare(settings())
    end = lost(supervisor, cohort("c0", {}))
    supervisor.close()
    assert (end.cause, end.detail.startswith("The worker was not ready after 0 s.")) == ("crashed", True)


def test_what_was_done_in_time_counts_though_nobody_listened_until_later(supervisor: Supervisor) -> None:
    pid_of(supervisor)
    supervisor.begin(cohort("c0", {"sleep": 0.5}, seconds=2.0))
    supervisor.poll(0.0)  # sends it
    time.sleep(2.5)
    assert supervisor.poll(0.0)[-1] == CohortFinished("c0")


@pytest.mark.parametrize("deed", [{"hang": True}, {"kill": signal.SIGSTOP}])
def test_a_hanging_child_that_heeds_no_signal_is_ended_all_the_same(supervisor: Supervisor, deed: dict[str, object]) -> None:
    pid = pid_of(supervisor)
    began = time.monotonic()
    assert lost(supervisor, cohort("c0", deed, seconds=0.3)).cause == "timeout"
    assert time.monotonic() - began < 3.0
    assert gone(pid)


def test_a_child_over_its_memory_limit_loses_the_cohort_as_out_of_memory(supervisor: Supervisor) -> None:
    end = lost(supervisor, cohort("c0", {"grow": 600}, {"sleep": 5}))
    assert end.cause == "out_of_memory"
    assert "its limit is 400 MB" in end.detail


def test_files_that_a_child_has_mapped_are_not_its_memory(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "staged").write_bytes(bytes(600 * MEGABYTE))
    mapping = {"map": str(tmp_path / "staged")}
    assert list(supervisor.evaluate(cohort("c0", mapping, {"sleep": 1})))[-1] == CohortFinished("c0")


def test_out_of_memory_inside_the_child_is_told_as_such(supervisor: Supervisor) -> None:
    end = lost(supervisor, cohort("c0", {"out_of_memory": True}))
    assert end.cause == "out_of_memory"
    assert "no room for these weights" in end.detail


def test_a_child_that_has_grown_is_replaced_between_cohorts_without_a_word(tmp_path: Path) -> None:
    supervisor = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=FAKE_WORKER, growth_bytes=50 * MEGABYTE)
    supervisor.prepare(settings())
    pids = []
    for number, config in enumerate(({}, {"grow": 20}, {"grow": 60}, {})):
        events = list(supervisor.evaluate(cohort(f"c{number}", config)))
        assert events[-1] == CohortFinished(f"c{number}")
        heard = events[1]
        assert isinstance(heard, CohortHeard)
        assert isinstance(heard.event, FoldFinished)
        pids.append(heard.event.result.metrics["pid"])
    supervisor.close()
    assert pids[0] == pids[1] == pids[2] != pids[3]


def test_an_answer_that_makes_no_sense_loses_the_cohort(supervisor: Supervisor) -> None:
    end = lost(supervisor, cohort("c0", {"garbage": True}))
    assert (end.cause, "'nonsense'" in end.detail) == ("crashed", True)


def test_failed_preparation_loses_the_cohort_with_its_message(supervisor: Supervisor) -> None:
    supervisor.prepare(settings(stage="missing"))
    assert "could not prepare: there is no 'missing'" in lost(supervisor, cohort("c0", {})).detail


def test_stop_from_another_thread_loses_the_cohort_as_stopped_within_a_moment(supervisor: Supervisor) -> None:
    pid = pid_of(supervisor)
    threading.Timer(0.3, supervisor.stop).start()
    began = time.monotonic()
    assert lost(supervisor, cohort("c0", {"sleep": 60})).cause == "stopped"
    assert time.monotonic() - began < 2.0
    assert all_gone([pid], within=5)


def test_after_a_stop_all_cohorts_are_stopped_until_it_is_started_again(supervisor: Supervisor) -> None:
    supervisor.stop()
    assert lost(supervisor, cohort("c0", {})).cause == "stopped"
    supervisor.start()
    assert list(supervisor.evaluate(cohort("c1", {})))[-1] == CohortFinished("c1")


def test_a_cohort_that_is_dropped_ends_as_stopped_and_the_next_one_runs_at_once(supervisor: Supervisor) -> None:
    assert (supervisor.drop(), supervisor.cohort) == ([], None)
    pid = pid_of(supervisor)
    supervisor.begin(cohort("c0", {"sleep": 60}))
    assert supervisor.cohort == "c0"
    (end,) = supervisor.drop()
    assert end == CohortLost("c0", "stopped", "The worker was stopped.")
    assert supervisor.cohort is None
    assert list(supervisor.evaluate(cohort("c1", {})))[-1] == CohortFinished("c1")
    assert all_gone([pid], within=5)


def test_a_caller_that_goes_away_leaves_no_cohort_behind(supervisor: Supervisor) -> None:
    events = supervisor.evaluate(cohort("c0", {}, {"sleep": 60}))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert list(supervisor.evaluate(cohort("c1", {})))[-1] == CohortFinished("c1")


def test_a_failed_request_is_a_reply(supervisor: Supervisor) -> None:
    assert supervisor.request(Check({"raise": "no such optimizer"}), timeout=10) == Failed("invalid", "no such optimizer")


def test_a_refit_replies_with_what_it_wrote(supervisor: Supervisor, tmp_path: Path) -> None:
    folder = str(tmp_path / "model")
    assert supervisor.request(Refit({"x": 1}, (7, 8), folder), timeout=10) == Refitted(folder, 7, {"score": 0.5})


def test_a_request_that_takes_too_long_raises_and_the_next_one_is_served(supervisor: Supervisor) -> None:
    with pytest.raises(WorkerLostError, match=r"during the check \(timeout\)"):
        supervisor.request(Check({"sleep": 60}), timeout=0.3)
    assert pid_of(supervisor) > 0


def test_a_second_cohort_must_wait_for_the_first(supervisor: Supervisor) -> None:
    supervisor.begin(cohort("c0", {"sleep": 60}))
    with pytest.raises(RuntimeError, match="begin must wait until cohort 'c0' is finished or lost"):
        supervisor.begin(cohort("c1", {}))


def test_cohorts_need_settings(tmp_path: Path) -> None:
    supervisor = Supervisor("keras", cpus=1, log_path=tmp_path / "worker.log", command=FAKE_WORKER)
    with pytest.raises(RuntimeError, match="call prepare first"):
        supervisor.begin(cohort("c0", {}))


def test_a_ctrl_c_at_the_terminal_does_not_reach_the_child(supervisor: Supervisor) -> None:
    assert os.getsid(pid_of(supervisor)) != os.getsid(0)


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from orchestrator.dispatch.supervisor import Supervisor\n"
            "from recording_conductor import FAKE_WORKER, settings; from trainers.messages import Check\n"
            "s = Supervisor('keras', cpus=1, log_path=Path(sys.argv[1]), command=FAKE_WORKER); s.prepare(settings())\n"
            "print(s.request(Check({}), 10).versions['pid'], flush=True); s.request(Check({'sleep': 60}), 90)",
            str(tmp_path / "worker.log"),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(FAKE_WORKER[1]).parent)},
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    assert all_gone([child], within=5)
