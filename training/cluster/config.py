"""Where trials run, on how much, and what happens when something dies. Stdlib only."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """Where and on how much the trials run; never part of a trial's identity.

    Attributes:
      ray_address: of a running Ray cluster this machine is a node of, HOST:6379 or "auto"; None starts one on this
        machine.
      workers_per_trial: data-parallel workers of one trial; they share its global batch.
      cpus_per_worker: CPUs of a worker, and threads of its TensorFlow.
      gpus_per_worker: GPUs of a worker; below 1 a fraction of one GPU, else a whole number.
      max_failures: times a trial is started again after a worker died, hung or raised an error.
      max_interruptions: times a trial is started again after it lost a node, found no room or was asked to stop.
      retry_wait_s: seconds before the first retry of a failed trial; each further wait is twice as long, up to 600 s.
        An interrupted trial does not wait.
      heartbeat_timeout_s: seconds after which a worker process that does not answer is taken for dead. While it starts
        it has four times as long: loading TensorFlow gives no sign of life.
      stall_timeout_s: seconds without a step or a batch of an evaluation after which a worker ends itself; longer
        than compiling the first step takes.
      node_wait_s: seconds without room for any trial after which the trials that are left fail.
      grace_s: seconds that trials have to stop at a step and write a checkpoint once the command gets SIGTERM; then it
        ends all the same, within 10 s more.
    """

    ray_address: str | None = None
    workers_per_trial: int = 1
    cpus_per_worker: int = 1
    gpus_per_worker: float = 0.0
    max_failures: int = 3
    max_interruptions: int = 100
    retry_wait_s: float = 10.0
    heartbeat_timeout_s: float = 60.0
    stall_timeout_s: float = 1800.0
    node_wait_s: float = 600.0
    grace_s: float = 20.0

    def __post_init__(self) -> None:
        _require(self.workers_per_trial >= 1, "workers_per_trial >= 1", self.workers_per_trial)
        _require(self.cpus_per_worker >= 1, "cpus_per_worker >= 1", self.cpus_per_worker)
        gpus = self.gpus_per_worker
        _require(0 <= gpus < 1 or gpus == int(gpus) > 0, "gpus_per_worker in [0, 1) or a whole number", gpus)
        _require(self.max_failures >= 0, "max_failures >= 0", self.max_failures)
        _require(self.max_interruptions >= 0, "max_interruptions >= 0", self.max_interruptions)
        _require(self.retry_wait_s >= 0, "retry_wait_s >= 0 s", self.retry_wait_s)
        _require(self.heartbeat_timeout_s > 0, "heartbeat_timeout_s > 0 s", self.heartbeat_timeout_s)
        _require(self.stall_timeout_s > 0, "stall_timeout_s > 0 s", self.stall_timeout_s)
        _require(self.node_wait_s >= 0, "node_wait_s >= 0 s", self.node_wait_s)
        _require(self.grace_s > 0, "grace_s > 0 s", self.grace_s)

    @property
    def start_timeout_s(self) -> float:
        """Seconds after which a worker that is not ready is taken for dead."""
        return 4 * self.heartbeat_timeout_s

    def refuse_unequal_shares(self, batch_size: int) -> None:
        """Every device must get the same number of rows of a global batch.

        Raises:
          ValueError: they cannot.
        """
        devices = self.workers_per_trial * max(1, int(self.gpus_per_worker))
        if batch_size % devices:
            lower, upper = batch_size // devices * devices, -(-batch_size // devices) * devices
            nearest = f"{lower} or {upper}" if lower else str(upper)
            raise ValueError(
                "Rule: the global batch is divided evenly among workers and their GPUs. Received: --train.batch-size "
                f"{batch_size} for {self.workers_per_trial} workers with {self.gpus_per_worker:g} GPUs each: {devices} "
                f"shares. Choose a batch of {nearest}, or another --workers-per-trial."
            )


def _require(holds: bool, rule: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
