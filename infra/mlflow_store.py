"""MLflow as the place where events of trials go. The only importer of mlflow.

Every call may be repeated: runs are found again by their tags, and a metric whose step is there is left as it is. What
MLflow raises becomes one of two things: it cannot be reached now, or it will never take this.
"""

import contextlib
import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.spool import Event

if TYPE_CHECKING:
    from mlflow import MlflowClient

TRIAL_TAG, WORKFLOW_TAG = "leafworks.trial", "leafworks.workflow"
FINISHED, FAILED, RUNNING = "FINISHED", "FAILED", "RUNNING"
# A tag's limit in MLflow; a parameter may have 1000 letters more.
_TEXT_LIMIT = 5000
_BATCH_METRICS, _BATCH_TEXTS = 500, 100
_NEVER = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "NOT_IMPLEMENTED"}
_ACTIVE = "active"
_REASON_LETTERS = 160


class UnreachableError(RuntimeError):
    """The tracker does not answer, or says that something is wrong with itself: later it may."""


class RefusedError(RuntimeError):
    """The tracker will not take this, now or later."""


class MlflowStore:
    """The runs of workflows: one parent each, one child per trial."""

    def __init__(self, tracking_uri: str, *, artifact_root: Path | None) -> None:
        """Connects nothing yet.

        Args:
          tracking_uri: of MLflow.
          artifact_root: folder for artifacts where the tracking store is a local file, else None.
        """
        self._uri, self._artifact_root = tracking_uri, artifact_root
        self._made: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._steps: dict[tuple[str, str], set[int]] = {}

    @property
    def address(self) -> str:
        """The URI without what is secret in it."""
        return without_secrets(self._uri)

    def forget(self) -> None:
        """Asks anew for everything that was remembered of the tracker."""
        self._experiments, self._parents, self._steps = {}, {}, {}

    def is_there(self, run_id: str) -> bool:
        """Whether the run exists and was not deleted."""
        from mlflow.exceptions import MlflowException

        with self._translated():
            try:
                return str(self._client.get_run(run_id).info.lifecycle_stage) == _ACTIVE
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return False
                raise

    def run_of(self, begin: Event) -> str:
        """The run id of a trial: the same one for every attempt at it."""
        with self._translated():
            parent = {"mlflow.parentRunId": self._parent(begin.values["workflow"])}
            trial, name = begin.values["trial"], begin.values["name"]
            return self._find_or_create(begin.values["workflow"], TRIAL_TAG, trial, name=name, tags=parent)

    def write(self, run_id: str, events: Sequence[Event]) -> None:
        """Parameters, tags and metrics in as few requests as they need."""
        from mlflow.entities import Metric, Param, RunTag

        tags = {key: str(value) for event in events if event.kind == "tags" for key, value in event.values.items()}
        metrics = {
            (key, event.step): Metric(key, value, event.time_ms, event.step)
            for event in reversed(events)  # the first of a step counts
            if event.kind == "metrics"
            for key, value in event.values.items()
        }
        with self._translated():
            params = self._new_params(run_id, events)
            new = [metrics[at] for at in sorted(metrics) if at[1] not in self._logged(run_id, at[0])]
            for some in _pieces(list(params.items()), _BATCH_TEXTS):
                self._client.log_batch(run_id, params=[Param(key, value) for key, value in some])
            for some in _pieces(sorted(tags.items()), _BATCH_TEXTS):
                self._client.log_batch(run_id, tags=[RunTag(key, value[:_TEXT_LIMIT]) for key, value in some])
            for some in _pieces(new, _BATCH_METRICS):
                self._client.log_batch(run_id, metrics=some)
            for metric in new:
                self._steps[run_id, metric.key].add(metric.step)

    def artifact(self, run_id: str, path: Path, *, folder: str) -> None:
        """A file, or all that is in a folder."""
        if not path.exists():
            raise RefusedError(f"the artifact {path} is gone")
        with self._translated():
            log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
            log(run_id, str(path), folder or None)

    def register(self, run_id: str, folder: str, *, name: str) -> None:
        """Makes the model in the run's artifact folder the newest version of the registered model `name`."""
        from mlflow.exceptions import MlflowException

        with self._translated():
            with contextlib.suppress(MlflowException):  # it is there, or the next call says why not
                self._client.create_registered_model(name)
            if not [v for v in self._client.search_model_versions(f"run_id='{run_id}'") if v.name == name]:
                source = f"{self._client.get_run(run_id).info.artifact_uri}/{folder}"
                self._client.create_model_version(name, source, run_id, await_creation_for=0)

    def set_status(self, run_id: str, status: str) -> None:
        """RUNNING, or the end of a run."""
        with self._translated():
            if status == RUNNING:
                self._client.update_run(run_id, status=RUNNING)
            else:
                self._client.set_terminated(run_id, status)

    def end_workflow(self, workflow: str, status: str) -> None:
        """Closes the parent run."""
        with self._translated():
            self._client.set_terminated(self._parent(workflow), status)

    def runs_beginning(self, beginning: str) -> list[str]:
        """The ids of all runs whose id begins so, sorted; `beginning` has letters and digits only."""
        if not beginning.isalnum():
            return []
        with self._translated():
            experiments = [experiment.experiment_id for experiment in self._client.search_experiments()]
            found = self._client.search_runs(experiments, f"attributes.run_id LIKE '{beginning}%'")
            return sorted(str(run.info.run_id) for run in found)

    def download(self, run_id: str, name: str, *, folder: Path) -> Path | None:
        """Copies an artifact of a run into `folder`; None where the run has no artifact of that name."""
        with self._translated():
            if name not in {file.path for file in self._client.list_artifacts(run_id)}:
                return None
            return Path(self._client.download_artifacts(run_id, name, str(folder)))

    @property
    def _client(self) -> "MlflowClient":
        if self._made is None:
            import logging

            from mlflow import MlflowClient

            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.WARNING)
            logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it says every retry
            self._made = MlflowClient(tracking_uri=self._uri)
        return self._made

    def _parent(self, workflow: str) -> str:
        if workflow not in self._parents:
            self._parents[workflow] = self._find_or_create(workflow, WORKFLOW_TAG, workflow, name=workflow, tags={})
            self._client.update_run(self._parents[workflow], status=RUNNING)
        return self._parents[workflow]

    def _experiment(self, workflow: str) -> str:
        from mlflow.exceptions import MlflowException

        if workflow not in self._experiments:
            name = f"leafworks/{workflow}"
            location = self._artifact_root.resolve().as_uri() if self._artifact_root else None
            found = self._client.get_experiment_by_name(name)
            if found is None:
                with contextlib.suppress(MlflowException):  # another process was first, or the next line says why not
                    self._client.create_experiment(name, artifact_location=location)
                found = self._client.get_experiment_by_name(name)
            if found is None:
                raise UnreachableError(f"it neither has nor creates the experiment `{name}`")
            self._experiments[workflow] = str(found.experiment_id)
        return self._experiments[workflow]

    def _find_or_create(self, workflow: str, tag: str, value: str, *, name: str, tags: Mapping[str, str]) -> str:
        experiment = self._experiment(workflow)
        found = self._client.search_runs([experiment], f"tags.`{tag}` = '{value}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        run = self._client.create_run(experiment, tags={tag: value, **tags}, run_name=name)
        return str(run.info.run_id)

    def _new_params(self, run_id: str, events: Sequence[Event]) -> dict[str, str]:
        """MLflow refuses a changed value, which a trial's identity rules out."""
        told = {key: value for event in events if event.kind == "params" for key, value in event.values.items()}
        known = self._client.get_run(run_id).data.params if told else {}
        return {key: str(value)[:_TEXT_LIMIT] for key, value in told.items() if key not in known}

    def _logged(self, run_id: str, key: str) -> set[int]:
        if (run_id, key) not in self._steps:
            history = self._client.get_metric_history(run_id, key)
            self._steps[run_id, key] = {metric.step for metric in history}
        return self._steps[run_id, key]

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Any failure of MLflow, of its database or of the network, as one of the two errors of this file."""
        try:
            yield
        except (UnreachableError, RefusedError):
            raise
        except Exception as error:
            code = getattr(error, "error_code", "")
            kind = RefusedError if code in _NEVER else UnreachableError
            first = _without((str(error).strip() or repr(error)).splitlines()[0], self._uri)
            # Of a failed request MLflow tells all of its parameters; what went wrong stands at the end.
            shown = first if len(first) <= _REASON_LETTERS else f"... {first[-_REASON_LETTERS:]}"
            raise kind(shown) from error


def without_secrets(uri: str) -> str:
    """The URI with `***` for its password and for the values behind its `?`."""
    parts = urllib.parse.urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    user = (f"{parts.username}:***@" if parts.password else "***@") if "@" in parts.netloc else ""
    query = "&".join(f"{item.partition('=')[0]}=***" for item in parts.query.split("&")) if parts.query else ""
    # A local database has no host, and urlunsplit would drop one of its slashes.
    return f"{parts.scheme}://{user}{host}{parts.path}{'?' + query if query else ''}" if parts.scheme else uri


def _without(text: str, uri: str) -> str:
    """`text` without the secrets of the URI and of MLflow's variables, which messages may repeat."""
    parts = urllib.parse.urlsplit(uri)
    values = [value for _, value in urllib.parse.parse_qsl(parts.query)]
    given = [os.environ.get(name) for name in ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")]
    user = [] if parts.password else [parts.username]
    secrets = [*user, parts.password, urllib.parse.unquote(parts.password or ""), *values, *given]
    text = text.replace(uri, without_secrets(uri))
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return text


def _pieces(items: list[Any], size: int) -> list[list[Any]]:
    return [items[first : first + size] for first in range(0, len(items), size)]
