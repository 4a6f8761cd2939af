"""One thing to be measured: a contender, forward or step, under an engine, at a shape."""

from dataclasses import dataclass
from typing import Literal

THREADS = 2
SAMPLE_RATE = 16000

Pass = Literal["forward", "step"]
Engine = Literal["graph", "graph, oneDNN off", "XLA", "JAX"]

# What a process must be started with; graph and XLA share one. NPROC is what XLA sizes JAX's pool of threads by.
ENVIRONMENTS: dict[Engine, dict[str, str]] = {
    "graph": {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1"},
    "graph, oneDNN off": {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "0"},
    "XLA": {"KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": "1"},
    "JAX": {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "NPROC": str(THREADS)},
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is measured; `job` is "forward", or "step": forward and the gradients of all parameters."""

    contender: str
    job: Pass
    engine: Engine
    num_filters: int
    batch: int
    seconds: int

    @property
    def shape(self) -> str:
        """For people."""
        return f"{self.batch} x {self.seconds} s"

    def __str__(self) -> str:
        return f"{self.contender}, {self.job}, {self.engine}, {self.num_filters} filters, {self.shape}"
