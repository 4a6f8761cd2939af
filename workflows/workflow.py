"""An experiment as a frozen dataclass: which corpora, which front ends, which seeds, trained how."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import tyro

from frontends.config import FrontendConfig, LeafConfig, MelFilterbankConfig
from infra.config import content_hash
from pipelines.config import PrepareConfig
from training.cluster.config import ClusterConfig
from training.config import TrainConfig, TrialConfig
from training.encoders.config import EncoderConfig
from training.tasks.config import Objective, TaskConfig

DEFAULT_ROOT = Path("output")
# What the shipped workflows train on a laptop.
LAPTOP_ENCODER = EncoderConfig(width=0.125, dropout=0.0)


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """Prepares one corpus or several, trains every front end with every seed, reports.

    Attributes:
      name: of the experiment, its tracking and its report; letters, digits, "_" and "-".
      prepare: corpus to snapshot. Of several tasks, which then share front end and encoder and have a head each: name
        of the task -> corpus to snapshot. One task alone is called after its corpus.
      objectives: name of a task -> what it is trained for, where that is not what its labels say (single_label, with
        accuracy, where every clip has exactly one; else multi_label, with mean average precision).
      train: how every model is trained.
      frontends: name in the table -> front end.
      baseline: the name that the others are compared with.
      seeds: each gives other initial weights, another order and other windows.
      cluster: where the trials run; changes no result's identity.
    """

    name: str
    prepare: PrepareConfig | dict[str, PrepareConfig]
    train: TrainConfig
    frontends: dict[str, FrontendConfig] = field(
        default_factory=lambda: {"mel": MelFilterbankConfig(), "leaf": LeafConfig()}
    )
    baseline: str = "mel"
    seeds: tuple[int, ...] = (0, 1, 2)
    objectives: dict[str, Objective] = field(default_factory=dict)
    cluster: Annotated[ClusterConfig, tyro.conf.arg(name="")] = field(default_factory=ClusterConfig)

    def __post_init__(self) -> None:
        self.cluster.refuse_unequal_shares(self.train.batch_size)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise ValueError(f"A workflow's name has letters, digits, _ and - only. Received: {self.name!r}.")
        if self.baseline not in self.frontends:
            raise ValueError(
                f"The baseline must be one of the front ends {list(self.frontends)}. Received: {self.baseline!r}."
            )
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"Seeds must be different whole numbers >= 0, at least one. Received: {self.seeds}.")
        self._refuse_unlike_tasks()

    @property
    def preparations(self) -> dict[str, PrepareConfig]:
        """Name of each task -> corpus to snapshot."""
        return self.prepare if isinstance(self.prepare, dict) else {self.prepare.corpus: self.prepare}

    @property
    def tasks(self) -> tuple[TaskConfig, ...]:
        """What every trial is trained for."""
        return tuple(TaskConfig(name=name, objective=self.objectives.get(name, "auto")) for name in self.preparations)

    def trials(self, *snapshot_ids: str) -> Mapping[str, tuple[str, TrialConfig]]:
        """Trial id -> (front end's name, config): every front end with every seed, seed by seed.

        Args:
          *snapshot_ids: one for each task, in their order.
        """
        configs = [
            (name, TrialConfig(frontend=frontend, train=self.train, seed=seed, tasks=self.tasks))
            for seed in self.seeds
            for name, frontend in self.frontends.items()
        ]
        return MappingProxyType({trial_id(config, snapshot_ids): (name, config) for name, config in configs})

    def _refuse_unlike_tasks(self) -> None:
        names = [task.name for task in self.tasks]  # each of which is refused or not
        if not names:
            raise ValueError("A workflow prepares at least one corpus. Received: prepare={}.")
        unknown = sorted(set(self.objectives) - set(names))
        if unknown:
            raise ValueError(f"Objectives are those of the tasks {names}. Received: objectives of {unknown}.")
        rates = {name: prepare.sample_rate for name, prepare in self.preparations.items()}
        if len(set(rates.values())) != 1:
            raise ValueError(
                f"Rule: tasks that share a front end have one sample rate. Received: {rates} Hz. Give every `prepare` "
                "the same `sample_rate`."
            )


def trial_id(config: TrialConfig, snapshot_ids: Sequence[str]) -> str:
    """The identity of a trial: what is trained, on which data, task by task."""
    return content_hash("trial", config, list(snapshot_ids))
