"""One attempt at a trial: a Ray Train worker group, started once, and why it ended.

Ray Train notices that a worker has died or answers no more, and ends the others; whether and when to try again is
decided in `training.cluster.schedule`, so Ray's own retries are off.
"""

import dataclasses
import json
import os
import traceback
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from ray.train import ControllerError, FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError, WorkerHealthCheckTimeoutError
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.v2.api.exceptions import PreemptionError, WorkerGroupError

from infra import config
from infra.cluster import living_nodes, reachable_nodes, worker_environment
from training.cluster.backend import WORKERS_NAME, TensorflowCluster
from training.cluster.claim import Claim
from training.cluster.config import ClusterConfig
from training.cluster.ended import Ended
from training.cluster.stopping import HANG_NAME, InterruptedEvaluation, InterruptedTraining, Watch
from training.config import LaunchRequest, TrialRequest
from training.tasks.config import TaskSnapshot

_INTERRUPTED = "interrupted"
_ASKED = "its workers were asked to stop"
_HEARTBEAT_TIMEOUT = "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S"


def run_attempt(trial: TrialRequest, request: LaunchRequest, *, claim: Claim) -> Ended:
    """Runs a trial from its last checkpoint until it ends, one way or another."""
    folder, nodes = Path(trial.folder), set(living_nodes())
    for path in (folder / WORKERS_NAME, *folder.glob(HANG_NAME.format("*"))):
        path.unlink(missing_ok=True)
    try:
        result = _trainer(trial, request, claim=claim).fit()
    except TrainingFailedError as error:
        return _classify(error, claim, nodes=nodes)
    if result.return_value == _INTERRUPTED:
        return Ended("lost" if claim.state() == "lost" else "interrupted", _ASKED)
    return Ended("refused", result.return_value) if result.return_value else Ended("finished")


def set_worker_timeouts(wanted: ClusterConfig) -> None:
    """Tells Ray Train, which reads it from the driver's environment, when a silent worker counts as hung."""
    os.environ[_HEARTBEAT_TIMEOUT] = f"{wanted.heartbeat_timeout_s:g}"
    os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = str(min(2.0, wanted.heartbeat_timeout_s / 4))


class _Trainer(DataParallelTrainer):
    """Ray's, without its datasets, which take a process of their own for each trial: our batches are of a snapshot."""

    def _create_default_callbacks(self) -> list[Any]:
        return [found for found in super()._create_default_callbacks() if not isinstance(found, DatasetsCallback)]


def _trainer(trial: TrialRequest, request: LaunchRequest, *, claim: Claim) -> DataParallelTrainer:
    wanted = request.cluster
    loop_config = {
        "trial": config.to_json(trial),
        "snapshots": [
            dataclasses.asdict(dataclasses.replace(snapshot, folder=str(Path(snapshot.folder).resolve())))
            for snapshot in trial.snapshots
        ],
        "token": claim.token,
        "stall_timeout_s": wanted.stall_timeout_s,
    }
    resources = {"CPU": float(wanted.cpus_per_worker), "GPU": wanted.gpus_per_worker}
    return _Trainer(
        _worker,
        train_loop_config=loop_config,
        backend_config=TensorflowCluster(folder=trial.folder, start_timeout_s=wanted.start_timeout_s),
        scaling_config=ScalingConfig(
            num_workers=wanted.workers_per_trial,
            use_gpu=wanted.gpus_per_worker > 0,
            resources_per_worker={name: amount for name, amount in resources.items() if amount},
        ),
        run_config=RunConfig(
            # Of the attempt: Ray would go on from its own record of an earlier one, and we have ours.
            name=claim.token,
            storage_path=str(Path(trial.folder, "ray").resolve()),
            failure_config=FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0),
            worker_runtime_env=worker_environment(threads=wanted.cpus_per_worker, gpus=wanted.gpus_per_worker),
        ),
    )


def _worker(loop_config: dict[str, Any]) -> str | None:
    """Runs in every Ray worker of a trial, after `TensorflowCluster` has prepared it.

    Returns:
      Why it ended, where that is not for Ray to judge: the traceback of what another attempt would meet again, or
      that it was interrupted.
    """
    from ray import train
    from ray.train.v2._internal.execution.context import get_train_context

    from training.input import Part
    from training.trial import run_trial

    trial = config.from_json(TrialRequest, loop_config["trial"])
    context = train.get_context()
    part = Part(index=context.get_world_rank(), count=context.get_world_size())
    # Set by Ray when the node is drained; its public form is a barrier over all workers, too slow for every step.
    preemption = get_train_context().preemption_context
    claim = Claim(folder=trial.folder, token=loop_config["token"])
    watch = Watch(
        claim,
        index=part.index,
        stall_timeout_s=loop_config["stall_timeout_s"],
        drained=lambda: preemption.preemption_info is not None,
    )
    try:
        run_trial(
            trial,
            snapshots=[TaskSnapshot(**snapshot) for snapshot in loop_config["snapshots"]],
            part=part,
            watch=watch,
        )
    except InterruptedTraining:
        return _INTERRUPTED
    except (ValueError, FloatingPointError):
        return traceback.format_exc()
    finally:
        watch.end()
    return None


def _classify(error: TrainingFailedError, claim: Claim, *, nodes: AbstractSet[str]) -> Ended:
    """Tells what the trial is to blame for from what happened to it; `nodes` lived when the attempt began."""
    reason = _describe(error)
    if claim.state() == "lost":
        return Ended("lost", reason)
    if _asked_in_an_evaluation(error):
        return Ended("interrupted", _ASKED)
    if isinstance(error, PreemptionError) or _found_no_room(error):
        return Ended("interrupted", reason)
    gone = _nodes_of_workers(claim.folder, otherwise=nodes) - reachable_nodes()
    if gone:
        return Ended("interrupted", f"lost the node {', '.join(sorted(gone))}")
    hangs = [path.name for path in sorted(Path(claim.folder).glob(HANG_NAME.format("*")))]
    return Ended("failed", f"{reason}\nSee {', '.join(hangs)} in {claim.folder}." if hangs else reason)


def _describe(error: TrainingFailedError) -> str:
    if not isinstance(error, WorkerGroupError):
        return str(error).strip() or repr(error)
    return "\n".join(f"worker {rank}: {_say(failure)}" for rank, failure in sorted(error.worker_failures.items()))


def _say(failure: Exception) -> str:
    if isinstance(failure, WorkerHealthCheckTimeoutError):
        return f"did not answer for {os.environ[_HEARTBEAT_TIMEOUT]} s (--heartbeat-timeout-s)"
    return str(failure).strip() or repr(failure)


def _asked_in_an_evaluation(error: TrainingFailedError) -> bool:
    return isinstance(error, WorkerGroupError) and any(
        isinstance(failure, InterruptedEvaluation) for failure in error.worker_failures.values()
    )


def _found_no_room(error: TrainingFailedError) -> bool:
    return isinstance(error, ControllerError) and isinstance(error.controller_failure, WorkerGroupStartupTimeoutError)


def _nodes_of_workers(folder: str, *, otherwise: AbstractSet[str]) -> AbstractSet[str]:
    """The nodes of the attempt's workers; `otherwise` where it never got as far as having any."""
    path = Path(folder, WORKERS_NAME)
    return {worker["node"] for worker in json.loads(path.read_text())} if path.is_file() else otherwise
