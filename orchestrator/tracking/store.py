"""One MLflow experiment, written through ``MlflowClient`` with explicit run ids. It knows nothing of ledgers and threads.

No fluent API, no active run, no global address. Every method but ``create`` may be repeated and leaves the same behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from orchestrator.errors import TrackingError
from orchestrator.redaction import without_password
from orchestrator.tracking.model_folder import identity_of
from orchestrator.tracking.records import TAG_ID, TAG_KIND, TAG_PARENT, TAG_TRIAL, DatasetContent, MetricPoint, RunContent
from orchestrator.tracking.store_lock import alone

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REFUSALS = frozenset({"INVALID_PARAMETER_VALUE", "INVALID_STATE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST"})
_BOUNDS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
TAG_MODEL = "kerasweep.model"
TAG_IDENTITY = "kerasweep.identity"
"""Of a model, and of each version of it: what it is (``model_folder.identity_of``)."""
_QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_LOGGING_LEVEL": "WARNING"}


def absolute_uri(uri: str, folder: str | os.PathLike[str] | None = None) -> str:
    """Return a tracking URI that means the same from every working directory.

    Parameters
    ----------
    uri : an MLflow tracking URI: ``sqlite:///`` with a path, another database's, or a server's.
    folder : what a relative path starts from; None: the working directory.
    """
    prefix = "sqlite:///"
    if not uri.startswith(prefix) or ":memory:" in uri:
        return uri
    path = Path(folder or Path.cwd()).absolute() / uri.removeprefix(prefix)
    return f"{prefix}{os.path.normpath(path)}"


def is_refusal(error: BaseException) -> bool:
    """Whether MLflow said no to what it was given: asking again would not help, unlike with an outage."""
    return getattr(error, "error_code", None) in _REFUSALS


@dataclass(frozen=True, slots=True)
class UploadedModel:
    """Where a model is in MLflow: ``models:/<model id>``, and the registered model's name and version if it was asked for."""

    uri: str
    registered: str | None = None
    version: str | None = None


def _past_collisions(write: Callable[[], object]) -> None:
    """Write again when another driver has made the same row between MLflow's look for it and its own writing."""
    try:
        write()
    except Exception as error:
        if not any(name in str(error) for name in ("IntegrityError", "UniqueViolation")):
            raise
        write()


def open_client(uri: str) -> MlflowClient:
    """Return a client of the store at an absolute URI, whose requests give up within a minute or so and print nothing."""
    for name, value in {**_BOUNDS, **_QUIET}.items():  # read by MLflow at every request; what the user has set stays
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    with alone(uri):  # a client makes the tables of a new store as soon as it is made
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


class MlflowStore:
    """The runs of one experiment.

    Parameters
    ----------
    uri : an absolute tracking URI.
    experiment : the experiment's name; it is made when missing.

    Raises
    ------
    mlflow.exceptions.MlflowException
        From every method, when MLflow refuses or cannot be reached.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        self.client = open_client(uri)
        from mlflow.tracking.context.registry import resolve_tags

        tags = resolve_tags().items()  # user, source, commit, and where the repository is
        self._context = {str(name): without_password(str(value)) for name, value in tags}
        with alone(uri):
            self.experiment_id = self._experiment(experiment)

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return str(self.client.create_experiment(name, artifact_location=self._artifacts_beside(name)))
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"tracking.experiment: the MLflow experiment {name!r} at {without_password(self.uri)} is deleted. "
                "Restore it, or name another one."
            )
        return str(found.experiment_id)

    def _artifacts_beside(self, name: str) -> str | None:
        """Artifacts of a SQLite store lie beside its file, wherever the first sweep ran; a server has its own place."""
        if not self.uri.startswith("sqlite:////"):
            return None
        return (Path(self.uri.removeprefix("sqlite:///")).parent / "mlruns" / quote(name, safe=" ")).as_uri()

    def describe_experiment(self, metric: str, greater_is_better: bool) -> None:
        """Tell MLflow's page which metric counts in this experiment, and in which direction."""
        tags = {
            "mlflow.experiment.primaryMetric.name": metric,
            "mlflow.experiment.primaryMetric.greaterIsBetter": str(greater_is_better),
            "mlflow.experimentKind": "custom_model_development",
        }
        for key, value in tags.items():
            _past_collisions(partial(self.client.set_experiment_tag, self.experiment_id, key, value))

    def find_sweep(self, sweep_id: str) -> str | None:
        """Return the run of a sweep, by its tag."""
        found = self._search(f"tags.`{TAG_ID}` = '{sweep_id}' and tags.`{TAG_KIND}` = 'sweep'")
        return str(found[0].info.run_id) if found else None

    def find_trials(self, parent: str) -> dict[int, str]:
        """Return the runs below ``parent`` by trial number."""
        found = self._search(f"tags.`{TAG_PARENT}` = '{parent}'")
        return {int(run.data.tags[TAG_TRIAL]): str(run.info.run_id) for run in found if TAG_TRIAL in run.data.tags}

    def open_trials(self, parent: str) -> dict[str, int]:
        """Return the trial numbers of those runs below ``parent`` that are RUNNING, by run id."""
        found = self._search(f"tags.`{TAG_PARENT}` = '{parent}' and attributes.status = 'RUNNING'")
        return {str(run.info.run_id): int(run.data.tags.get(TAG_TRIAL, -1)) for run in found}

    def close_all(self, parent: str, time: int) -> None:
        """Close a run and those below it as KILLED at ``time`` (milliseconds since 1970), as far as they are RUNNING."""
        for run_id in self.open_trials(parent):
            self.end(run_id, "KILLED", time)
        if self.client.get_run(parent).info.status == "RUNNING":
            self.end(parent, "KILLED", time)

    def delete(self, run_id: str) -> None:
        """Delete a run that was made twice."""
        self.client.delete_run(run_id)

    def _search(self, text: str) -> list[Any]:
        runs: list[Any] = []
        token: str | None = None
        while True:
            page = self.client.search_runs([self.experiment_id], text, max_results=1000, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def create(self, content: RunContent, parent: str | None = None) -> str:
        """Make a run with its name, start and tags, and return its id; its other content is written by ``write``."""
        tags = {**self._context, **content.tags} | ({TAG_PARENT: parent} if parent else {})
        run = self.client.create_run(self.experiment_id, start_time=content.start, tags=tags, run_name=content.name)
        return str(run.info.run_id)

    def write(self, run_id: str, content: RunContent, *, fresh: bool = False) -> None:
        """Write params, metrics and tags in one batch; then bring the run's status to what it should be.

        Parameters
        ----------
        fresh : the run was just made from ``content``, so that its tags are there and it is RUNNING.
        """
        self.log(run_id, metrics=content.metrics, params=content.params, tags={} if fresh else content.tags)
        if content.status != "RUNNING":
            self.end(run_id, content.status, content.end if content.end is not None else content.start)
        elif not fresh:
            self.client.update_run(run_id, status="RUNNING")

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics, params and tags in one call."""
        from mlflow.entities import Metric, Param, RunTag

        self.client.log_batch(
            run_id,
            metrics=[Metric(point.name, point.value, point.timestamp, point.step) for point in metrics],
            params=[Param(key, value) for key, value in (params or {}).items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
            synchronous=True,
        )

    def end(self, run_id: str, status: str, time: int) -> None:
        """Close a run at ``time`` (milliseconds since 1970)."""
        self.client.set_terminated(run_id, status=status, end_time=time)

    def log_files(self, run_id: str, folder: Path, path: str | None = None) -> None:
        """Upload all files of ``folder``; those of the same name are replaced."""
        self.client.log_artifacts(run_id, str(folder), path)

    def log_dataset(self, run_id: str, content: DatasetContent) -> None:
        """Say which data a run was made from."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(content.name, content.digest, content.source_type, content.source, content.schema, content.profile)
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        _past_collisions(partial(self.client.log_inputs, run_id, inputs))

    def upload_model(
        self, run_id: str, folder: Path, *, name: str, register_as: str | None = None, alias: str | None = None
    ) -> UploadedModel:
        """Upload a model folder as a logged model of a run, and register it if asked; what is there already is found again.

        Parameters
        ----------
        folder : a model folder, known again by what its model is (``identity_of``) and not by when it was written.
        name : the logged model's name.
        register_as : the registered model's name; it is made when missing. A version that holds the same model is taken, whoever
            registered it.
        alias : given to the version.
        """
        identity = identity_of(folder)
        model = self._logged_model(run_id, identity)
        if model is None:
            made = self.client.create_logged_model(self.experiment_id, name, source_run_id=run_id, tags={TAG_IDENTITY: identity})
            self.client.log_model_artifacts(made.model_id, str(folder))
            model = self.client.finalize_logged_model(made.model_id, "READY")
        self._link(run_id, model.model_id)
        version = None
        if register_as is not None:
            version = self._version(register_as, model, run_id, identity)
            if alias is not None:
                self.client.set_registered_model_alias(register_as, alias, version)
        return UploadedModel(f"models:/{model.model_id}", register_as, version)

    def _link(self, run_id: str, model_id: str) -> None:
        """Name a model among what a run has put out: MLflow's page shows it with the run by this alone."""
        from mlflow.entities import LoggedModelOutput

        outputs = self.client.get_run(run_id).outputs
        if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else ())}:
            self.client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])

    def _logged_model(self, run_id: str, identity: str) -> Any:
        found = self.client.search_logged_models([self.experiment_id], f"tags.`{TAG_IDENTITY}` = '{identity}'")
        ready = [model for model in found if model.source_run_id == run_id and str(model.status) == "READY"]
        return ready[0] if ready else None

    def _version(self, name: str, model: Any, run_id: str, identity: str) -> str:
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        for version in self.client.search_model_versions(f"name = '{name}'"):
            if version.tags.get(TAG_IDENTITY) == identity:
                return str(version.version)
        made = self.client.create_model_version(
            name,
            model.artifact_location,  # not models:/..., which MLflow looks up in the process' own default store
            run_id=run_id,
            tags={TAG_MODEL: model.model_id, TAG_IDENTITY: identity},
            model_id=model.model_id,
        )
        return str(made.version)
