"""What earlier trials below a root say about a planned one: how long it takes, and in what it differs from them."""

import statistics
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from infra import config
from training.config import REQUEST_NAME, RESULT_NAME, TrialConfig, TrialRequest, TrialResult
from workflows.places import Places

Config = TypeVar("Config")


class History:
    """The trials below a root, read once."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.results = _readable(TrialResult, sorted(places.root.glob(f"trials/*/{RESULT_NAME}")))
        self.requests = _readable(TrialRequest, sorted(places.root.glob(f"trials/*/{REQUEST_NAME}")))

    def seconds(self, trial: TrialConfig) -> float | None:
        """Median of the finished trials most like it, in proportion to the epochs; None: none is alike.

        Alike are those of the same front end, encoder and tasks; where there are none, those of the same kind of front
        end, the same encoder and any tasks.
        """
        for likeness in (_same_work, _same_kind):
            alike = [
                result.train_seconds / result.config.train.epochs
                for result in self.results
                if likeness(result.config) == likeness(trial)
            ]
            if alike:
                return statistics.median(alike) * trial.train.epochs
        return None

    def changes(self, name: str, trial: TrialConfig) -> list[str] | None:
        """Fields in which the nearest earlier trial of this name, seed and tasks differs; None: there is none."""
        present = config.to_dict(trial)
        earlier = [
            config.changed_fields(config.to_dict(request.config), present)
            for request in self.requests
            if (request.name, request.config.seed, request.config.tasks) == (name, trial.seed, trial.tasks)
        ]
        return min(earlier, key=len, default=None)


def read_result(path: Path) -> TrialResult:
    """The result of a finished trial."""
    return config.from_json(TrialResult, path.read_text())


def _same_work(trial: TrialConfig) -> object:
    return trial.frontend, trial.train.encoder, trial.tasks


def _same_kind(trial: TrialConfig) -> object:
    return trial.frontend.kind, trial.train.encoder


def _readable(config_type: type[Config], paths: list[Path]) -> list[Config]:
    """What the files hold, without those of another version of leafworks, which has other configs."""
    found = []
    for path in paths:
        with suppress(ValueError):
            found.append(config.from_json(config_type, path.read_text()))
    return found
