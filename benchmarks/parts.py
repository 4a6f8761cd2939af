"""The parts of the benchmark: which tasks are measured, and their rows."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from benchmarks.rounds import Row, in_turn, progress
from benchmarks.task import Engine, Pass, Task
from benchmarks.worker import Worker

Shape = tuple[int, int]  # clips, seconds a clip

_MEL_AND_LEAF = ("mel log", "Mel-PCEN", "Leaf exact", "Leaf fast")
_OTHERS = ("TimeDomainFilterbank", "SincNet", "SincNetPlus", "Wavegram", "Leaf conditioned")
_GROWING = ("Mel-PCEN", "Leaf exact", "Leaf fast")
_WITHOUT_PARAMETERS = "mel log"
_WITHOUT_FILTERS = "Wavegram"  # of the same size whatever `num_filters`


@dataclass(frozen=True, kw_only=True)
class Scope:
    """How much is measured.

    Attributes:
      shapes: of speed and memory.
      compiled: contenders under XLA and JAX at every shape.
      compiled_once: further ones at the first shape and number of filters, as compilation takes its time.
      long_clips: a further shape of memory, for LEAF alone.
      growth: shapes of about the same seconds of audio, clips getting longer.
    """

    rounds: int
    filters: tuple[int, ...]
    shapes: tuple[Shape, ...] = ((32, 1), (8, 10))
    compiled: tuple[str, ...] = _MEL_AND_LEAF
    compiled_once: tuple[str, ...] = _OTHERS
    long_clips: Shape = (4, 60)
    growth: tuple[Shape, ...] = ((240, 1), (24, 10), (4, 60))


def speed(scope: Scope) -> list[Row]:
    """CPU-seconds of all contenders. Processes are new for each shape: functions of others cost memory."""
    rows = []
    for num_filters in scope.filters:
        for shape in scope.shapes:
            progress(f"speed: {num_filters} filters, {shape[0]} x {shape[1]} s")
            first = (num_filters, shape) == (scope.filters[0], scope.shapes[0])
            tasks = _speed_tasks(num_filters, shape, compiled=scope.compiled + (scope.compiled_once if first else ()))
            if num_filters != scope.filters[0]:
                tasks = [task for task in tasks if task.contender != _WITHOUT_FILTERS]
            rows += in_turn(tasks, rounds=scope.rounds)
    return rows


def _speed_tasks(num_filters: int, shape: Shape, *, compiled: tuple[str, ...]) -> list[Task]:
    """The reference is not run under XLA and JAX: there the gradient of its convolution takes most of a minute."""
    contenders: dict[Engine, tuple[str, ...]] = {
        "graph": ("reference", *_MEL_AND_LEAF, *_OTHERS),
        "graph, oneDNN off": ("reference", "Mel-PCEN", "Leaf exact", "Leaf fast"),
        "XLA": compiled,
        "JAX": compiled,
    }
    return [
        _task(name, job, engine, num_filters, shape)
        for engine, names in contenders.items()
        for name in names
        for job in _jobs(name)
    ]


def _jobs(contender: str) -> tuple[Pass, ...]:
    return ("forward",) if contender == _WITHOUT_PARAMETERS else ("forward", "step")


def _task(contender: str, job: Pass, engine: Engine, num_filters: int, shape: Shape) -> Task:
    batch, seconds = shape
    return Task(contender=contender, job=job, engine=engine, num_filters=num_filters, batch=batch, seconds=seconds)


def memory(scope: Scope) -> list[Row]:
    """Resident memory before the first training step and at the peak of five, each in a process of its own."""
    tasks = []
    for num_filters in scope.filters:
        for shape in scope.shapes:
            names = ("reference", "Mel-PCEN", "Leaf exact", "Leaf fast")
            tasks += [_task(name, "step", "graph", num_filters, shape) for name in names]
            tasks.append(_task("reference", "step", "graph, oneDNN off", num_filters, shape))
        tasks += [_task(name, "step", "graph", num_filters, scope.long_clips) for name in ("Leaf exact", "Leaf fast")]
    return [_weighed(task) for task in tasks]


def _weighed(task: Task) -> Row:
    progress(f"memory: {task}")
    with Worker("memory", [task]) as worker:
        return {**asdict(task), **worker.answer()}


def growth(scope: Scope) -> list[Row]:
    """CPU-seconds of training steps over about as much audio, in longer and longer clips."""
    rows = []
    for num_filters in scope.filters:
        progress(f"growth: {num_filters} filters")
        tasks = [_task(name, "step", "graph", num_filters, shape) for name in _GROWING for shape in scope.growth]
        rows += in_turn(tasks, rounds=scope.rounds)
    return rows


PARTS: dict[str, Callable[[Scope], list[Row]]] = {"speed": speed, "memory": memory, "growth": growth}
