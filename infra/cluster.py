"""The Ray cluster: the only `ray.init`, what its nodes offer, and the runtime environment of a training worker."""

import logging
import math
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from infra.environment import training_environment

Resources = Mapping[str, float]
_CONNECT_S = 5.0


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Joins the cluster at `address`, or starts one on this machine, on loopback, that ends with the block.

    Raises:
      ValueError: there is no cluster at `address`, or this machine is not a node of it.
    """
    import ray

    # "local" is said aloud: without it Ray joins whatever cluster was last started on this machine.
    settings: dict[str, Any] = {"address": address or "local", "log_to_driver": False}
    if address is None:
        settings.update(_node_ip_address="127.0.0.1", include_dashboard=False)
        # Asks whether a cluster takes a node away, in a process for each trial; this node is all there is.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    try:
        ray.init(logging_level=logging.ERROR, **settings)
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        if address is None:
            raise
        raise ValueError(
            f"Rule: the machine is a node of the cluster that it joins. Received: the address {address!r}, and Ray "
            f"says: {str(error).strip() or repr(error)} Make it a node with `ray start --address={address}`, or run "
            "the command on the head node; RAY_AUTH_MODE must be the same everywhere (docs/cluster.md)."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def living_nodes() -> dict[str, Resources]:
    """Node id -> all that the node has, e.g. {"CPU": 2.0}, of the nodes that live now."""
    import ray

    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def reachable_nodes() -> set[str]:
    """Ids of the living nodes whose raylet takes a connection: Ray's head may take half a minute to miss one."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"] and _answers(node)}


def worker_slots(nodes: Sequence[Resources], *, cpus: int, gpus: float) -> int:
    """How many workers of `cpus` CPUs and `gpus` GPUs fit on the nodes together; a worker is never split.

    Ray gives a fraction of a GPU from one GPU, so that two workers of 0.6 need two of them.
    """
    return sum(_slots_of(node, cpus=cpus, gpus=gpus) for node in nodes)


def worker_environment(*, threads: int, gpus: float) -> dict[str, Any]:
    """The `runtime_env` of a training worker."""
    return {"env_vars": training_environment(threads=threads, gpus=gpus)}


def _answers(node: Mapping[str, Any]) -> bool:
    try:
        with socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), timeout=_CONNECT_S):
            return True
    except OSError:
        return False


def _slots_of(node: Resources, *, cpus: int, gpus: float) -> int:
    by_cpu = int(node.get("CPU", 0.0) // cpus)
    if not gpus:
        return by_cpu
    whole = int(node.get("GPU", 0.0))
    # A thousandth forgives that 1 / 0.1 is not whole in binary.
    by_gpu = int(whole // gpus) if gpus >= 1 else whole * math.floor(1 / gpus + 1e-3)
    return min(by_cpu, by_gpu)
