"""What a training tells the tracker, and MLflow as the tracker. The only importer of mlflow."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mlflow import MlflowClient

TRIAL_TAG, WORKFLOW_TAG = "leafworks.trial", "leafworks.workflow"
FINISHED, FAILED = "FINISHED", "FAILED"
_PARAMETER_LIMIT = 6000


class Run(Protocol):
    """One run, written to while it goes on. Repeating a call changes nothing."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Flat parameters, once."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Text about the run: versions, snapshot id."""

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Metrics of one step; a step that is there already is left as it is."""

    def artifact(self, path: Path, *, folder: str = "") -> None:
        """A file."""

    def finish(self) -> None:
        """Closes the run as finished; the last call."""


@dataclass
class MemoryRun:
    """A run that remembers, for tests and for training without a tracker."""

    param_values: dict[str, Any] = field(default_factory=dict)
    tag_values: dict[str, str] = field(default_factory=dict)
    metric_values: dict[str, dict[int, float]] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    finished: bool = False

    def params(self, values: Mapping[str, Any]) -> None:
        """See `Run`."""
        self.param_values.update(values)

    def tags(self, values: Mapping[str, str]) -> None:
        """See `Run`."""
        self.tag_values.update(values)

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """See `Run`."""
        for key, value in values.items():
            self.metric_values.setdefault(key, {}).setdefault(step, value)

    def artifact(self, path: Path, *, folder: str = "") -> None:
        """See `Run`."""
        self.artifacts.append(f"{folder}/{path.name}".lstrip("/"))

    def finish(self) -> None:
        """See `Run`."""
        self.finished = True


class MlflowRun:
    """An MLflow run that exists already; retries of a trial continue it."""

    def __init__(self, tracking_uri: str, run_id: str) -> None:
        self.run_id = run_id
        self._client = _client(tracking_uri)
        self._steps: dict[str, set[int]] = {}

    def params(self, values: Mapping[str, Any]) -> None:
        """See `Run`. MLflow refuses a changed value, which a trial's identity rules out."""
        from mlflow.entities import Param

        known = self._client.get_run(self.run_id).data.params
        new = [Param(key, str(value)[:_PARAMETER_LIMIT]) for key, value in values.items() if key not in known]
        self._client.log_batch(self.run_id, params=new)

    def tags(self, values: Mapping[str, str]) -> None:
        """See `Run`."""
        for key, value in values.items():
            self._client.set_tag(self.run_id, key, value)

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """See `Run`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        new = [Metric(key, value, now, step) for key, value in values.items() if step not in self._logged(key)]
        if new:
            self._client.log_batch(self.run_id, metrics=new)
        for metric in new:
            self._steps[metric.key].add(step)

    def artifact(self, path: Path, *, folder: str = "") -> None:
        """See `Run`."""
        self._client.log_artifact(self.run_id, str(path), folder or None)

    def finish(self) -> None:
        """See `Run`."""
        self._client.set_terminated(self.run_id, FINISHED)

    def _logged(self, key: str) -> set[int]:
        if key not in self._steps:
            history = self._client.get_metric_history(self.run_id, key)
            self._steps[key] = {metric.step for metric in history}
        return self._steps[key]


class Tracker:
    """The runs of one workflow: one parent, one child per trial, found again by their tags."""

    def __init__(self, tracking_uri: str, *, workflow: str, artifact_root: Path | None) -> None:
        self.uri = tracking_uri
        self._workflow = workflow
        self._client = _client(tracking_uri)
        self._experiment = self._experiment_id(artifact_root)
        self._parent = self._find_or_create(WORKFLOW_TAG, workflow, name=workflow, tags={})
        self._client.update_run(self._parent, status="RUNNING")

    def trial_run(self, trial_id: str, *, name: str) -> str:
        """The run id of a trial: the same one for every attempt at it."""
        parent = {"mlflow.parentRunId": self._parent}
        run_id = self._find_or_create(TRIAL_TAG, trial_id, name=name, tags=parent)
        self._client.update_run(run_id, status="RUNNING")
        return run_id

    def fail(self, run_id: str) -> None:
        """Closes a trial's run as failed."""
        self._client.set_terminated(run_id, FAILED)

    def end_workflow(self, status: str) -> None:
        """Closes the parent run."""
        self._client.set_terminated(self._parent, status)

    def _experiment_id(self, artifact_root: Path | None) -> str:
        from mlflow.exceptions import MlflowException

        name = f"leafworks/{self._workflow}"
        location = artifact_root.resolve().as_uri() if artifact_root else None
        with contextlib.suppress(MlflowException):  # another process was first
            if self._client.get_experiment_by_name(name) is None:
                self._client.create_experiment(name, artifact_location=location)
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            raise ValueError(f"MLflow at {self.uri} neither has nor creates the experiment `{name}`.")
        return str(experiment.experiment_id)

    def _find_or_create(self, tag: str, value: str, *, name: str, tags: Mapping[str, str]) -> str:
        found = self._client.search_runs([self._experiment], f"tags.`{tag}` = '{value}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        run = self._client.create_run(self._experiment, tags={tag: value, **tags}, run_name=name)
        return str(run.info.run_id)


def runs_beginning(tracking_uri: str, beginning: str) -> list[str]:
    """The ids of all runs whose id begins so, sorted; `beginning` has letters and digits only."""
    if not beginning.isalnum():
        return []
    client = _client(tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, f"attributes.run_id LIKE '{beginning}%'")
    return sorted(str(run.info.run_id) for run in found)


def download_artifact(tracking_uri: str, run_id: str, name: str, *, folder: Path) -> Path | None:
    """Copies an artifact of a run into `folder`; None where the run has no artifact of that name."""
    client = _client(tracking_uri)
    if name not in {file.path for file in client.list_artifacts(run_id)}:
        return None
    return Path(client.download_artifacts(run_id, name, str(folder)))


def _client(tracking_uri: str) -> "MlflowClient":
    import logging

    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=tracking_uri)
