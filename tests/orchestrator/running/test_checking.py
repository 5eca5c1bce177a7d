"""The check before the first trial, asked of a worker that answers at once."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orchestrator.dispatch import Dispatcher
from orchestrator.errors import SpecError
from orchestrator.running.checking import check_model
from trainers.messages import Checked
from trainers.settings import SweepSettings, TrainerSettings


class OneWorker:
    """Answers every check alike."""

    def __init__(self, answer: Checked) -> None:
        self.answer = answer

    def prepare(self, settings: SweepSettings) -> None:
        pass

    def request(self, *arguments: Any) -> Checked:
        return self.answer


def check(answer: Checked, *, over_epochs: bool) -> SweepSettings:
    settings = SweepSettings(
        task="binary", seed=0, metrics=("accuracy",), stage="stage", trainer=TrainerSettings(type="builder", builder="m:f")
    )
    dispatcher = cast("Dispatcher", OneWorker(answer))
    return check_model(settings, {}, dispatcher, where="sweep.yaml", engines=("keras",), over_epochs=over_epochs)[0]


def test_a_builder_whose_signature_shows_only_when_it_is_imported_is_refused_too() -> None:
    takes = Checked({}, takes_epochs=True)
    with pytest.raises(SpecError, match=r"sweep.yaml: race.epochs: .*'m:f', which takes epochs itself"):
        check(takes, over_epochs=True)
    assert check(takes, over_epochs=False).engine == "keras"
    assert check(Checked({}), over_epochs=True).engine == "keras"
