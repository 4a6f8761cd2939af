"""What the workers of a trial need before they train: TF_CONFIG and an ear for SIGTERM, as a Ray Train backend.

Ray's own TensorflowTrainer imports TensorFlow in the driver and sets `TF_USE_LEGACY_KERAS`, which breaks
Keras 3; this one does neither.
"""

import importlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.train._internal.utils import get_address_and_port
from ray.train.backend import Backend, BackendConfig

from infra.files import write_atomically
from infra.memory import collect_rarely, without_collection
from training.cluster.stopping import listen_for_termination

WORKERS_NAME = "workers.json"


@dataclass
class TensorflowCluster(BackendConfig):
    """Tells every worker the addresses of all.

    Attributes:
      folder: of the trial; receives `WORKERS_NAME`: which node and process each worker is.
      start_timeout_s: longest time for the workers to get ready.
    """

    folder: str = ""
    start_timeout_s: float = 600.0

    @property
    def backend_cls(self) -> type[Backend]:
        """Ray Train asks for the class that acts."""
        return _TensorflowBackend


class _TensorflowBackend(Backend):
    def on_start(self, worker_group: Any, backend_config: TensorflowCluster) -> None:
        try:
            self._make_ready(worker_group, backend_config)
        except (ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError) as error:
            # Ray forgets a group of which a worker dies here, and the room that it has on its nodes stays taken.
            worker_group.shutdown()
            if isinstance(error, ray.exceptions.RayActorError):
                raise
            # Of the kind that Ray takes for a worker that died, and no error of the controller.
            late = f"a worker was not ready within {backend_config.start_timeout_s:g} s"
            raise ray.exceptions.ActorUnavailableError(late, None) from error

    def _make_ready(self, worker_group: Any, backend_config: TensorflowCluster) -> None:
        timeout = backend_config.start_timeout_s
        # Ray runs these in the workers' main threads, the only ones that may set a signal's handler.
        ray.get(worker_group.execute_async(listen_for_termination), timeout=timeout)
        _write_workers(Path(backend_config.folder), worker_group.get_workers())  # who is in it hears a SIGTERM
        if len(worker_group) > 1:
            addresses = worker_group.execute(_address)
            told = [
                worker_group.execute_single_async(index, _set_tf_config, workers=addresses, index=index)
                for index in range(len(addresses))
            ]
            ray.get(told, timeout=timeout)
        ray.get(worker_group.execute_async(_load_training), timeout=timeout)


def _write_workers(folder: Path, workers: list[Any]) -> None:
    places = [
        {"rank": rank, "node": worker.metadata.node_id, "ip": worker.metadata.node_ip, "pid": worker.metadata.pid}
        for rank, worker in enumerate(workers)
    ]
    write_atomically(folder / WORKERS_NAME, json.dumps(places, indent=2) + "\n")


def _address() -> str:
    host, port = get_address_and_port()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _load_training() -> None:
    """Here, where Ray does not yet ask for signs of life: loading TensorFlow gives none for a long while."""
    with without_collection():
        importlib.import_module("training.trial")
    collect_rarely()


def _set_tf_config(*, workers: list[str], index: int) -> None:
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
