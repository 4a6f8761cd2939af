"""A line per finished epoch in the trial's folder, and the driver that follows the lines of all trials.

Ray would forward what workers print with a prefix, twice, among its own notices; a file also stays.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.files import write_atomically
from training.config import TrialRequest

LOG_NAME = "log.txt"
_POLL_SECONDS = 1.0
_SHARES = (".accuracy", ".mAP", ".score")  # the metrics of an epoch that its line has, in percent


def log_epoch(trial: TrialRequest, epoch: int, metrics: dict[str, float]) -> None:
    """Appends the line of a finished epoch; an epoch has one line, however often it is announced."""
    path = Path(trial.folder, LOG_NAME)
    shares = {name: value for name, value in metrics.items() if name.endswith(_SHARES)}
    words = (
        f"epoch {epoch}/{trial.config.train.epochs}",
        f"train loss {metrics['train.loss']:.3f}",
        *(f"{name.replace('.', ' ')} {100 * value:.1f} %" for name, value in shares.items()),
    )
    known = path.read_text().splitlines() if path.is_file() else []
    write_atomically(path, "\n".join([*known[: epoch - 1], ", ".join(words)]) + "\n")


@contextmanager
def following(
    trials: Sequence[TrialRequest], *, on_line: Callable[[str], None], on_epochs: Callable[[int, int], None]
) -> Iterator[None]:
    """Passes on new lines of the trials' logs, and (finished, all) epochs, while the block runs."""
    stop = threading.Event()
    follower = _Follower(trials, on_line, on_epochs)

    def follow() -> None:
        while not stop.wait(_POLL_SECONDS):
            follower.poll()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        follower.poll()


class _Follower:
    def __init__(
        self,
        trials: Sequence[TrialRequest],
        on_line: Callable[[str], None],
        on_epochs: Callable[[int, int], None],
    ) -> None:
        self._trials, self._on_line, self._on_epochs = trials, on_line, on_epochs
        self._seen = {trial.trial_id: len(_lines(trial)) for trial in trials}
        self._total = sum(trial.config.train.epochs for trial in trials)
        self._announced = -1

    def poll(self) -> None:
        """Looks at every log once."""
        for trial in self._trials:
            lines = _lines(trial)
            for line in lines[self._seen[trial.trial_id] :]:
                self._on_line(f"{trial.name}, seed {trial.config.seed}: {line}")
            self._seen[trial.trial_id] = len(lines)
        done = sum(self._seen.values())
        if done != self._announced:
            self._announced = done
            self._on_epochs(done, self._total)


def _lines(trial: TrialRequest) -> list[str]:
    path = Path(trial.folder, LOG_NAME)
    return path.read_text().splitlines() if path.is_file() else []
