"""What a training uses: time by what it waits for, memory, processors, and an estimate of energy."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import psutil

from infra.memory import peak_bytes

Item = TypeVar("Item")

# Of the Green Algorithms calculator (Lannelongue, Grealey and Inouye, Advanced Science, 2021): a core of a processor
# that nothing is known of, and memory. The overhead of a data centre (PUE) is left at 1.
_WATTS_PER_CORE, _WATTS_PER_GB = 12.0, 0.3725
_GPU_PERIOD_SECONDS = 5.0
_GPU_QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu,power.draw,memory.used", "--format=csv,noheader,nounits")


class Meter:
    """Measures one worker's training from one `read` to the next."""

    def __init__(self, *, workers: int = 1, gpus: str = "") -> None:
        """Begins.

        Args:
          workers: of the trial; energy is this worker's, times them.
          gpus: ids of this worker's GPUs as NVIDIA's tool knows them, "0,1"; empty: it has none.
        """
        self._workers, self._gpu = workers, _Gpu(gpus)
        self._steps, self._wait_seconds, self._loop_seconds = 0, 0.0, 0.0
        self._began, self._cpu_began = time.monotonic(), _cpu_seconds()

    def timed(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Passes batches on; takes the time it waits for each, and the time until the next one is asked for."""
        iterator = iter(batches)
        while True:
            asked = time.monotonic()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            given = time.monotonic()
            self._wait_seconds += given - asked
            yield batch
            self._loop_seconds += time.monotonic() - given
            self._steps += 1

    def read(self, *, batch_size: int) -> dict[str, float]:
        """Metrics since the last call, and starts anew.

        input_wait_ms and step_ms (a step without its wait) are means over steps, input_wait_share is the first's share
        of both together; on a GPU, which works behind the program's back, the wait is what the GPU's queue did not
        hide. energy_kwh is an estimate: (processor seconds x 12 W + hours x GB x 0.37 W + the GPUs' own reading) x
        workers.
        """
        now, cpu = time.monotonic(), _cpu_seconds()
        seconds, cpu_seconds = now - self._began, cpu - self._cpu_began
        steps, both = max(1, self._steps), self._wait_seconds + self._loop_seconds
        gpu = self._gpu.read()
        memory_gb = psutil.Process().memory_info().rss / 1e9
        watts_gpu = gpu.pop("gpu.watts", 0.0)
        joules = cpu_seconds * _WATTS_PER_CORE + seconds * (memory_gb * _WATTS_PER_GB + watts_gpu)
        found = {
            "time.input_wait_ms": 1e3 * self._wait_seconds / steps,
            "time.step_ms": 1e3 * self._loop_seconds / steps,
            "time.input_wait_share": self._wait_seconds / both if both else 0.0,
            "time.examples_per_second": self._steps * batch_size / both if both else 0.0,
            "memory.peak_gb": peak_bytes() / 1e9,
            "cpu.cores_used": cpu_seconds / seconds if seconds else 0.0,
            "energy.kwh_estimate": self._workers * joules / 3.6e6,
            **gpu,
        }
        self._began, self._cpu_began, self._steps = now, cpu, 0
        self._wait_seconds = self._loop_seconds = 0.0
        return found


def visible_gpus() -> str:
    """Ids of the GPUs that this process may use, for `Meter`; empty: none, or it is not said which."""
    ids = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return "" if ids.startswith("-") else ids


def _cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


class _Gpu:
    """What NVIDIA's tool says of GPUs, now and then; nothing where there is none. All that runs on them counts."""

    def __init__(self, ids: str) -> None:
        self._ids, self._readings = ids, list[tuple[float, float, float]]()
        if ids and shutil.which(_GPU_QUERY[0]):
            threading.Thread(target=self._watch, daemon=True).start()

    def read(self) -> dict[str, float]:
        """Means since the last call: use in per cent, power of all GPUs together in watts, memory in GB."""
        readings, self._readings = self._readings, []
        if not readings:
            return {}
        use, watts, memory = (sum(values) / len(readings) for values in zip(*readings, strict=True))
        return {"gpu.use_percent": use, "gpu.watts": watts, "gpu.memory_gb": memory}

    def _watch(self) -> None:
        while True:
            try:
                said = subprocess.run(
                    [*_GPU_QUERY, f"--id={self._ids}"], capture_output=True, text=True, check=True, timeout=10
                ).stdout
                rows = [[float(value) for value in line.split(",")] for line in said.splitlines()]
            except (OSError, ValueError, subprocess.SubprocessError):
                return
            if rows:
                use, watts, memory = (list(values) for values in zip(*rows, strict=True))
                self._readings.append((sum(use) / len(use), sum(watts), sum(memory) / 1024))
            time.sleep(_GPU_PERIOD_SECONDS)
