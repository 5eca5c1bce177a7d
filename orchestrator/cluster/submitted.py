"""What the driver of a submitted sweep does more than others: it makes sure of where it has landed."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.dispatch import versions_here
from orchestrator.errors import ClusterError, NotFoundError
from orchestrator.ledger import LEASE_SECONDS, Ledger

PATIENCE_SECONDS = LEASE_SECONDS + 30
"""How long a submitted driver waits for the lease of one that was lost with its node."""

_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""How Ray tells the driver of a job what its workers are to be given; this is the variable's whole name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """As what this process was submitted, as the note that came along says. ``source`` is the sweep file's name at its sender."""

    id: str
    occasion: str
    source: str
    versions: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Submission:
        """Read the note that ``orchestrator.cluster.parcel.Parcel.write`` has written."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    @property
    def output(self) -> Path:
        """The folder for logs and models: the job's own is deleted with it."""
        return Path.home() / "kerasweep-output"

    def check(self, ledger_url: str) -> None:
        """Make sure that this machine has the sender's versions, and that the ledger is the one the sender has written to.

        Raises
        ------
        ClusterError : one of the two is not so; nothing was begun.
        """
        here = versions_here()
        wrong = [f"{name} {here[name]} (expected {wanted})" for name, wanted in self.versions.items() if here[name] != wanted]
        if wrong:
            raise ClusterError(
                f"The cluster has {', '.join(wrong)}: install the same versions where you submit from and in the cluster's image."
            )
        with Ledger(ledger_url) as ledger:
            try:
                ledger.submissions.get(self.id)
            except NotFoundError as error:
                raise ClusterError(
                    f"The ledger {ledger.url} that the driver finds here is not the one that the sweep was submitted with: it "
                    f"does not know {self.id}. Name a ledger that both see, such as postgresql://user@host/database."
                ) from error


def keep_folder_to_itself(environ: MutableMapping[str, str]) -> None:
    """Take the job's working directory out of what its workers would be given: they get the sweep's files from the driver.

    Each node would fetch it anew, and where two nodes share a disk, that deletes it under the running driver.
    """
    if (given := environ.get(_JOB_CONFIG)) is not None:
        config = json.loads(given)
        config.get("runtime_env", {}).pop("working_dir", None)
        environ[_JOB_CONFIG] = json.dumps(config)
