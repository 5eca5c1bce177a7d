"""What must be right before a sweep is sent to a cluster: stores that outlive the job, data that can be read from there.

It looks at the spec and at local files only; nothing is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.cluster.access import is_this_machine
from orchestrator.cluster.parcel import shipped_data
from orchestrator.errors import SubmissionError
from orchestrator.redaction import without_password
from orchestrator.spec import SweepSpec

MOST_DATA_BYTES = 100 * 2**20
"""The largest data file that is shipped: it is held in the memory of the cluster's head."""

_SQLITE = "sqlite:///"
_BY_SCHEDULER = "If a scheduler sends it: add the schedule again where the scheduler runs, as a user with its rights."


def check_submission(
    spec: SweepSpec, address: str, *, local_store: bool = False, written: Mapping[str, Any] | None = None
) -> None:
    """Raise SubmissionError with every reason for which a job on the cluster at ``address`` could not run ``spec``.

    Parameters
    ----------
    local_store : whether SQLite files are meant as files on the disk of the cluster's head.
    written : the mapping that the sweep file holds, to tell relative paths, which the spec has made absolute; None: unknown.
    """
    problems = [
        *_store("ledger", spec.ledger, _written(written, "ledger"), spec, address, local_store=local_store),
        *_store("tracking.uri", spec.tracking.uri, _written(written, "tracking", "uri"), spec, address, local_store=local_store),
        *([*_folder(spec)] or _data(spec)),
    ]
    if problems:
        raise SubmissionError(spec.source, problems)


def _written(mapping: Mapping[str, Any] | None, *keys: str) -> str | None:
    """Return what the sweep file says at ``keys``; empty when it says nothing, None when the file is not known."""
    value: Any = mapping
    for key in keys:
        if value is None:
            return None if mapping is None else ""
        value = value.get(key)
    return None if mapping is None else str(value or "")


def _store(
    key: str, url: str, written: str | None, spec: SweepSpec, address: str, *, local_store: bool
) -> Iterator[tuple[str, str]]:
    advice = "postgresql://user@host/database" if key == "ledger" else "the http(s):// address of an MLflow server"
    given = url if written is None else written or f"{url!r} (the default)"
    if url.startswith("sqlite"):
        if not local_store:
            yield (
                key,
                (
                    f"a job would lose what it writes to {given}, a file of its own machine. Expected {advice}; or, if the "
                    f"head's disk is kept, an absolute path on it ({_SQLITE}/folder/file.db) and --local-store."
                ),
            )
        elif written is not None and not Path(written.partition(":///")[2]).is_absolute():
            yield key, f"--local-store needs an absolute path on the head's disk, such as {_SQLITE}/folder/file.db, got {given}."
        elif spec.ray.driver is not None:
            yield (
                key,
                (
                    f"{given} is a file on the head's disk, but ray.driver lets the driver run on other nodes; "
                    f"leave ray.driver out, or take {advice}."
                ),
            )
        return
    if key == "tracking.uri" and not url.startswith("http"):
        yield key, f"with a database alone, a job would lose models and pictures. Expected {advice}, got {without_password(url)}."
        return
    if is_this_machine(urlsplit(url).hostname) and not is_this_machine(urlsplit(address).hostname):
        yield (
            key,
            (
                f"{without_password(url)} is this machine for you and another one for the cluster at {address}; "
                "give the host's name as the cluster knows it."
            ),
        )


def _data(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    path = spec.data.path
    if path is None or "://" in path:
        return
    if not spec.data.ship:
        if not Path(path).is_absolute():
            yield (
                "data.path",
                (
                    "with ship: false the cluster reads the data where path says: expected an absolute path that all nodes see, "
                    f"or a URL such as s3://bucket/file.csv, got {path!r}."
                ),
            )
        return
    file = shipped_data(spec)
    if file is None:
        return
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
    except OSError as error:
        yield (
            "data.path",
            (
                f"expected a file that travels with the sweep, got {str(file)!r}, which cannot be read on this machine "
                f"({error.strerror}). {_BY_SCHEDULER}"
            ),
        )
        return
    if size > MOST_DATA_BYTES:
        yield (
            "data.path",
            (
                f"{path!r} has {size / 2**20:,.0f} MiB, and at most {MOST_DATA_BYTES / 2**20:,.0f} MiB are shipped. Put it where "
                "every node can read it (a shared file system, or a URL such as s3://bucket/file.csv) and say ship: false."
            ),
        )


def _folder(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    try:
        next(spec.folder.iterdir(), None)
    except OSError as error:
        yield (
            "folder",
            (
                f"expected the sweep file's folder, whose Python files travel with the sweep, got {str(spec.folder)!r}, which "
                f"cannot be read on this machine ({error.strerror}). {_BY_SCHEDULER}"
            ),
        )
