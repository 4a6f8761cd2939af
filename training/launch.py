"""`python -m training.launch request.json`: trials on Ray, several at once, one MLflow run each.

This process imports Ray and MLflow but not TensorFlow; only the workers do. SIGTERM and Ctrl-C let every trial stop
at a step boundary and write its checkpoint; a second Ctrl-C ends at once, and so does SIGKILL, after which the same
request goes on from the checkpoints that were written in between.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra import config
from infra.card import read_card
from infra.cluster import Resources, cluster, living_nodes, worker_slots
from infra.delivery import Delivery, delivering, pending_trials
from infra.files import write_atomically
from infra.stage import report_progress, serve
from infra.tracking import FileRun
from training.cluster.attempt import run_attempt, set_worker_timeouts
from training.cluster.claim import Claim
from training.cluster.config import ClusterConfig
from training.cluster.ended import Ended
from training.cluster.schedule import Schedule
from training.config import FAILURE_NAME, REQUEST_NAME, Launched, LaunchRequest, TrialRequest
from training.progress_log import following

_SHUTDOWN_S = 10.0  # for the end of the cluster and of the delivery to MLflow


def launch(request: LaunchRequest) -> Launched:
    """Runs every trial; a failed one does not stop the others.

    Raises:
      ValueError: the snapshot is not the one the trials were planned for, the workers cannot share a batch
        evenly, or a trial asks for more than the cluster has.
    """
    _refuse_other_snapshots(request)
    for trial in request.trials:
        request.cluster.refuse_unequal_shares(trial.config.train.batch_size)
    set_worker_timeouts(request.cluster)
    tracker = delivering(request.tracking_uri, artifact_root=request.artifact_root, on_line=_say)
    with tracker as delivery, cluster(request.cluster.ray_address):
        refuse_too_large_trials(request.cluster, list(living_nodes().values()))
        for folder in sorted({Path(trial.folder).parent for trial in request.trials}):
            for earlier in pending_trials(folder):
                delivery.follow(earlier)
        trials = _Trials(request, delivery)
        with (
            _stopping(request.cluster.grace_s + _SHUTDOWN_S) as stopping,
            following(request.trials, on_line=_say, on_epochs=_say_epochs),
        ):
            failed = trials.run(stopping)
    return Launched(failed=failed, stopped=len(trials.ended) < len(request.trials))


def trials_at_once(wanted: ClusterConfig, nodes: Sequence[Resources]) -> int:
    """How many trials fit on the nodes together."""
    slots = worker_slots(nodes, cpus=wanted.cpus_per_worker, gpus=wanted.gpus_per_worker)
    return slots // wanted.workers_per_trial


def refuse_too_large_trials(wanted: ClusterConfig, nodes: Sequence[Resources]) -> None:
    """Refuses what Ray Train would wait for in vain.

    Raises:
      ValueError: not even one trial fits on the nodes.
    """
    if trials_at_once(wanted, nodes):
        return
    offers = "; ".join(f"{node.get('CPU', 0.0):g} CPUs, {node.get('GPU', 0.0):g} GPUs" for node in nodes)
    slots = worker_slots(nodes, cpus=wanted.cpus_per_worker, gpus=wanted.gpus_per_worker)
    raise ValueError(
        f"Rule: one trial fits the cluster, each worker on one node. Received: {wanted.workers_per_trial} workers per "
        f"trial with {wanted.cpus_per_worker} CPUs and {wanted.gpus_per_worker:g} GPUs each; of {len(nodes)} nodes "
        f"({offers}) there is room for {slots} workers. Ask for fewer (--workers-per-trial, --cpus-per-worker, "
        "--gpus-per-worker), or join a larger cluster with --ray-address."
    )


class _Trials:
    """The trials of one launch with their runs and claims."""

    def __init__(self, request: LaunchRequest, delivery: Delivery) -> None:
        self._request, self._delivery = request, delivery
        self._claims: dict[str, Claim] = {}
        self.ended: set[str] = set()

    def run(self, stopping: threading.Event) -> dict[str, str]:
        """Runs them all; returns trial id -> reason for those that failed."""
        for trial in self._request.trials:
            folder = Path(trial.folder)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / REQUEST_NAME, config.to_json(trial))
            (folder / FAILURE_NAME).unlink(missing_ok=True)
        schedule = Schedule(
            self._request.cluster,
            attempt=self._attempt,
            room=lambda: trials_at_once(self._request.cluster, list(living_nodes().values())),
            stop=self._stop,
            on_failure=self._fail,
            say=_say,
            clock=time.monotonic,
        )
        return schedule.run(self._request.trials, stopping=stopping)

    def _attempt(self, trial: TrialRequest) -> Ended:
        name = f"{trial.name}, seed {trial.config.seed}"
        FileRun(Path(trial.folder)).begin(workflow=self._request.workflow, trial=trial.trial_id, name=name)
        self._delivery.follow(Path(trial.folder))
        self._claims[trial.trial_id] = claim = Claim.take(trial.folder)
        try:
            ended = run_attempt(trial, self._request, claim=claim)
        finally:
            del self._claims[trial.trial_id]
        if ended.kind == "finished":
            self.ended.add(trial.trial_id)
        return ended

    def _fail(self, trial: TrialRequest, reason: str) -> None:
        self.ended.add(trial.trial_id)
        logging.getLogger(__name__).error("%s, seed %d failed: %s", trial.name, trial.config.seed, reason)
        write_atomically(Path(trial.folder, FAILURE_NAME), reason + "\n")
        FileRun(Path(trial.folder)).fail()

    def _stop(self) -> None:
        """Asks the workers of every running attempt to stop."""
        for claim in list(self._claims.values()):
            claim.ask_to_stop()


@contextmanager
def _stopping(at_most_s: float) -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C ends the process, and so do `at_most_s` seconds."""
    event = threading.Event()
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: object) -> None:
        if not event.is_set():
            deadline = threading.Timer(at_most_s, os._exit, (128 + number,))
            deadline.daemon = True
            deadline.start()
        event.set()
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)

    for number in former:
        signal.signal(number, ask)
    try:
        yield event
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


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
