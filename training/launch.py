"""`python -m training.launch request.json`: trials on Ray, several at once, one MLflow run each.

This process imports Ray and MLflow but not TensorFlow; only the workers do.
"""

import dataclasses
import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from infra import config
from infra.card import read_card
from infra.cluster import cluster, worker_environment
from infra.delivery import Delivery, delivering, pending_trials
from infra.files import write_atomically
from infra.stage import report_progress, serve
from infra.tracking import FileRun
from training.config import FAILURE_NAME, REQUEST_NAME, ClusterConfig, Launched, LaunchRequest, TrialRequest
from training.progress_log import following
from training.tasks.config import TaskSnapshot
from training.tensorflow_cluster import TensorflowCluster


def launch(request: LaunchRequest) -> Launched:
    """Runs every trial; a failed one does not stop the others.

    Raises:
      ValueError: the snapshot is not the one the trials were planned for, or a trial asks for more than
        the cluster has.
    """
    _refuse_other_snapshots(request)
    tracker = delivering(request.tracking_uri, artifact_root=request.artifact_root, on_line=_say)
    with tracker as delivery, cluster(request.cluster.address) as resources:
        for folder in sorted({Path(trial.folder).parent for trial in request.trials}):
            for earlier in pending_trials(folder):
                delivery.follow(earlier)
        at_once = trials_at_once(request.cluster, resources)
        following_logs = following(request.trials, on_line=_say, on_epochs=_say_epochs)
        with following_logs, ThreadPoolExecutor(at_once) as pool:
            reasons = list(pool.map(lambda trial: _run_tracked(trial, request, delivery), request.trials))
    failed = {trial.trial_id: reason for trial, reason in zip(request.trials, reasons, strict=True) if reason}
    return Launched(failed=failed)


def trials_at_once(wanted: ClusterConfig, resources: dict[str, float]) -> int:
    """How many trials fit the cluster together.

    Raises:
      ValueError: not even one does. Ray Train would wait for ever.
    """
    needs = {
        "CPU": wanted.workers_per_trial * wanted.cpus_per_worker,
        "GPU": wanted.workers_per_trial * wanted.gpus_per_worker,
    }
    for name, need in needs.items():
        if need > resources.get(name, 0.0):
            raise ValueError(
                f"A trial must fit the cluster. Received: {wanted.workers_per_trial} workers per trial that need "
                f"{need:g} {name} together; the cluster has {resources.get(name, 0.0):g}. Ask for fewer workers, or "
                "join a larger cluster with `--cluster.address`."
            )
    return int(min(resources.get(name, 0.0) // need for name, need in needs.items() if need))


def _run_tracked(trial: TrialRequest, request: LaunchRequest, delivery: Delivery) -> str | None:
    """Runs one trial; returns the reason if it failed."""
    folder = Path(trial.folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / REQUEST_NAME, config.to_json(trial))
    (folder / FAILURE_NAME).unlink(missing_ok=True)
    run = FileRun(folder)
    run.begin(workflow=request.workflow, trial=trial.trial_id, name=f"{trial.name}, seed {trial.config.seed}")
    delivery.follow(folder)
    try:
        _run(trial, request)
    except Exception as error:
        reason = str(error).strip() or repr(error)
        logging.getLogger(__name__).error("%s, seed %d failed: %s", trial.name, trial.config.seed, reason)
        write_atomically(folder / FAILURE_NAME, reason + "\n")
        run.fail()
        return reason
    return None


def _run(trial: TrialRequest, request: LaunchRequest) -> None:
    wanted = request.cluster
    loop_config = {
        "trial": config.to_json(trial),
        "snapshots": [
            dataclasses.asdict(dataclasses.replace(snapshot, folder=str(Path(snapshot.folder).resolve())))
            for snapshot in trial.snapshots
        ],
    }
    resources = {"CPU": float(wanted.cpus_per_worker), "GPU": wanted.gpus_per_worker}
    trainer = DataParallelTrainer(
        _worker,
        train_loop_config=loop_config,
        backend_config=TensorflowCluster(),
        scaling_config=ScalingConfig(
            num_workers=wanted.workers_per_trial,
            use_gpu=wanted.gpus_per_worker > 0,
            resources_per_worker={name: amount for name, amount in resources.items() if amount},
        ),
        run_config=RunConfig(
            name=trial.trial_id,
            storage_path=str(Path(trial.folder, "ray").resolve()),
            failure_config=FailureConfig(max_failures=wanted.max_failures),
            worker_runtime_env=worker_environment(threads=wanted.cpus_per_worker, gpus=wanted.gpus_per_worker),
        ),
    )
    refusal = trainer.fit().return_value
    if refusal:
        raise ValueError(refusal)


def _worker(loop_config: dict[str, Any]) -> str | None:
    """Runs in every Ray worker of a trial; TensorFlow is imported here and nowhere before.

    Returns:
      Why it ended, where another attempt would end alike; what is raised, Ray tries again.
    """
    from ray import train

    from training.input import Part
    from training.trial import run_trial

    context = train.get_context()
    try:
        run_trial(
            config.from_json(TrialRequest, loop_config["trial"]),
            snapshots=[TaskSnapshot(**snapshot) for snapshot in loop_config["snapshots"]],
            part=Part(index=context.get_world_rank(), count=context.get_world_size()),
        )
    except (ValueError, FloatingPointError):
        return traceback.format_exc()
    return None


def _say(line: str) -> None:
    print(line, flush=True)


def _say_epochs(done: int, total: int) -> None:
    report_progress(done, total, "epochs")


def _refuse_other_snapshots(request: LaunchRequest) -> None:
    for snapshot in dict.fromkeys(snapshot for trial in request.trials for snapshot in trial.snapshots):
        found = read_card(Path(snapshot.folder)).snapshot_id
        if found != snapshot.snapshot_id:
            raise ValueError(
                f"Trials belong to the snapshots they were planned for. Received: {found} in {snapshot.folder}, "
                f"planned for {snapshot.snapshot_id}. Plan again."
            )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    serve(LaunchRequest, launch)
