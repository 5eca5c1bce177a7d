"""What ``kerasweep stop`` says of a job that ends while it waits."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from fake_jobs import FakeJobs

from orchestrator.cli.root import main
from orchestrator.cluster.jobs import Job, JobState


class Ending(FakeJobs):
    """A cluster whose only job ends in a state of its own when it is asked to stop."""

    def __init__(self, state: JobState) -> None:
        super().__init__()
        self.jobs["night-a1"] = Job(id="night-a1", state=JobState.RUNNING, sweep="night", occasion="manual-1")
        self.state = state

    def stop(self, submission: str) -> None:
        self.end(submission, self.state)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (JobState.STOPPED, "night/manual-1 is stopped. What is finished is kept; continue with: kerasweep submit FILE"),
        (JobState.SUCCEEDED, "night/manual-1 ended before it could be stopped: COMPLETED"),
        (JobState.FAILED, "night/manual-1 ended before it could be stopped: FAILED"),
    ],
)
def test_a_stop_tells_how_the_sweep_really_ended(monkeypatch: pytest.MonkeyPatch, state: JobState, said: str) -> None:
    jobs = Ending(state)
    monkeypatch.setattr("orchestrator.cli.cluster._connect", lambda address: jobs)
    result = CliRunner().invoke(main, ["stop", "night"])
    assert result.exit_code == 0
    assert result.stdout.startswith(said)
    assert CliRunner().invoke(main, ["stop", "night"]).stdout.startswith("night/manual-1 was over already")
