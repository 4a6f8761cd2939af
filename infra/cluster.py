"""The Ray cluster: the only `ray.init`, and the runtime environment of a training worker."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.environment import training_environment


@contextmanager
def cluster(address: str | None) -> Iterator[dict[str, float]]:
    """Joins the cluster at `address`, or starts one on this machine, on loopback, that ends with the block.

    Yields:
      The cluster's resources, e.g. {"CPU": 2.0}.
    """
    import ray

    # "local" is said aloud: without it Ray joins whatever cluster was last started on this machine.
    settings: dict[str, Any] = {"address": address or "local", "log_to_driver": False}
    if address is None:
        settings.update(_node_ip_address="127.0.0.1", include_dashboard=True, dashboard_host="127.0.0.1")
    ray.init(logging_level=logging.ERROR, **settings)
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def worker_environment(*, threads: int, gpus: float) -> dict[str, Any]:
    """The `runtime_env` of a training worker."""
    return {"env_vars": training_environment(threads=threads, gpus=gpus)}
