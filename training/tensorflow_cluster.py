"""TF_CONFIG for the workers of one trial, as a Ray Train backend.

Ray's own TensorflowTrainer imports TensorFlow in the driver and sets `TF_USE_LEGACY_KERAS`, which breaks
Keras 3; this one does neither.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

import ray
from ray.train._internal.utils import get_address_and_port
from ray.train.backend import Backend, BackendConfig


@dataclass
class TensorflowCluster(BackendConfig):
    """Tells every worker the addresses of all."""

    @property
    def backend_cls(self) -> type[Backend]:
        """Ray Train asks for the class that acts."""
        return _TensorflowBackend


class _TensorflowBackend(Backend):
    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:  # noqa: ARG002
        if len(worker_group) == 1:
            return
        workers = worker_group.execute(_address)
        ray.get(
            [
                worker_group.execute_single_async(index, _set_tf_config, workers=workers, index=index)
                for index in range(len(workers))
            ]
        )


def _address() -> str:
    host, port = get_address_and_port()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _set_tf_config(*, workers: list[str], index: int) -> None:
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
