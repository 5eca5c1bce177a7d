"""MLflow's registered models: which version is the champion, who was it before, and what each version says of itself.

It decides nothing; every change may be repeated and leaves the same behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import NotFoundError, TrackingError
from orchestrator.redaction import without_password
from orchestrator.tracking.store import TAG_IDENTITY, absolute_uri, open_client

CHAMPION = "champion"
CHALLENGER = "challenger"
TAG_PREVIOUS = "kerasweep.previous_champion"
TAG_CROWNED = "kerasweep.crowned_by"
"""The sweep whose contest has made a version the champion: it does so once."""
MOST_CHARACTERS = 5000
"""A version's description has no more room in MLflow's database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a registered model.

    ``run`` is the MLflow run that made it, None if nobody said; ``source`` is where its files are.
    """

    model: str
    number: str
    run: str | None
    tags: Mapping[str, str]
    description: str
    source: str = ""

    @property
    def title(self) -> str:
        """Model and version, as messages show them."""
        return f"{self.model}/{self.number}"

    def same_model(self, other: Version) -> bool:
        """Whether both hold the same model: equal in identity, or made by one run where a version does not tell its identity."""
        ours, theirs = self.tags.get(TAG_IDENTITY), other.tags.get(TAG_IDENTITY)
        if ours and theirs:
            return ours == theirs
        return self.number == other.number or (self.run is not None and self.run == other.run)


class ModelRegistry:
    """The registered models of one MLflow store.

    Parameters
    ----------
    uri : tracking URI; a relative SQLite path starts from the working directory.

    Raises
    ------
    NotFoundError : from every method, when there is no such model or version.
    TrackingError : from every method, when MLflow refuses or cannot be reached.
    """

    def __init__(self, uri: str) -> None:
        self.uri = absolute_uri(uri)
        file = Path(self.uri.removeprefix("sqlite:///"))
        if self.uri.startswith("sqlite:////") and not file.exists():
            raise NotFoundError(f"There is no MLflow store {uri!r}. Go to the folder where the sweep was run, or say --uri.")
        with self._errors("it cannot be opened"):
            self._client = open_client(self.uri)

    def champion(self, model: str) -> Version | None:
        """Return the version in use, None without one."""
        with self._errors(f"the registered model {model!r} cannot be read"):
            number = self._client.get_registered_model(model).aliases.get(CHAMPION)
        return None if number is None else self.version(model, str(number))

    def version(self, model: str, number: str) -> Version:
        """Return one version."""
        with self._errors(f"version {number!r} of the registered model {model!r} cannot be read"):
            found = self._client.get_model_version(model, number)
        return Version(
            model=model,
            number=str(found.version),
            run=found.run_id or None,
            tags={str(name): str(value) for name, value in found.tags.items()},
            description=found.description or "",
            source=found.source or "",
        )

    def fetch(self, version: Version, path: str, folder: Path) -> Path | None:
        """Fetch one file of a version into ``folder`` and return it; None where the version has no such file."""
        from mlflow.artifacts import download_artifacts, list_artifacts

        with self._errors(f"version {version.title} cannot be read"):
            where, _, name = f"{version.source.rstrip('/')}/{path}".rpartition("/")
            try:
                there = list_artifacts(artifact_uri=where, tracking_uri=self.uri)
            except OSError:  # a folder that is not there
                return None
            if name not in {Path(item.path).name for item in there}:
                return None
            return Path(download_artifacts(artifact_uri=f"{where}/{name}", dst_path=str(folder), tracking_uri=self.uri))

    def describe(self, version: Version, description: str, tags: Mapping[str, str] | None = None) -> None:
        """Write what a version says of itself; tags of other names stay."""
        with self._errors(f"version {version.title} cannot be described"):
            for name, value in (tags or {}).items():
                self._client.set_model_version_tag(version.model, version.number, name, value)
            self._client.update_model_version(version.model, version.number, description[:MOST_CHARACTERS])

    def crown(self, version: Version, sweep: str | None = None) -> Version | None:
        """Make a version the champion, and return the one that it replaces, which it remembers; None if there was none.

        ``sweep`` is the one whose contest does it, which the version remembers too; None: it is done by hand.
        """
        previous = self.champion(version.model)
        if previous is not None and previous.number != version.number:
            with self._errors(f"version {version.title} cannot remember its predecessor"):
                self._client.set_model_version_tag(version.model, version.number, TAG_PREVIOUS, previous.number)
        self._seat(version)
        if sweep is not None:
            with self._errors(f"version {version.title} cannot remember who made it the champion"):
                self._client.set_model_version_tag(version.model, version.number, TAG_CROWNED, sweep)
        return None if previous is None or previous.number == version.number else previous

    def rollback(self, model: str) -> tuple[Version, Version]:
        """Make the previous champion the champion again; return both, the one that is now and the one that was.

        A predecessor that holds the same model, registered twice, is passed over.

        Raises
        ------
        NotFoundError : there is no champion, or it had no other predecessor, or that version is gone.
        """
        now = self.champion(model)
        if now is None:
            raise NotFoundError(
                f"The registered model {model!r} has no champion. Make one with: kerasweep promote {model} VERSION"
            )
        previous, seen = now, {now.number}
        while previous.same_model(now):
            number = previous.tags.get(TAG_PREVIOUS)
            if number is None or number in seen:
                raise NotFoundError(
                    f"The champion {now.title} replaced no other. Choose a version by hand: kerasweep promote {model} VERSION"
                )
            seen.add(number)
            previous = self.version(model, number)
        self._seat(previous)
        return previous, now

    def _seat(self, version: Version) -> None:
        with self._errors(f"version {version.title} cannot become champion"):
            self._client.set_registered_model_alias(version.model, CHAMPION, version.number)
            if str(self._client.get_registered_model(version.model).aliases.get(CHALLENGER)) == version.number:
                self._client.delete_registered_model_alias(version.model, CHALLENGER)

    @contextmanager
    def _errors(self, trouble: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            kind = NotFoundError if _is_absent(error) else TrackingError
            raise kind(without_password(f"MLflow at {self.uri}: {trouble}: {error}")) from error


def _is_absent(error: Any) -> bool:
    """Whether MLflow has nothing of that name, or finds that nothing could have it, as a version that is no number."""
    return getattr(error, "error_code", None) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
