"""An experiment as a frozen dataclass: which corpus, which front ends, which seeds, trained how."""

import re
from collections.abc import Mapping
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

DEFAULT_ROOT = Path("output")
# What the shipped workflows train on a laptop.
LAPTOP_ENCODER = EncoderConfig(width=0.125, dropout=0.0)


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """Prepares one corpus, trains every front end with every seed, reports.

    Attributes:
      name: of the experiment, its tracking and its report; letters, digits, "_" and "-".
      prepare: corpus to snapshot.
      train: how every model is trained.
      frontends: name in the table -> front end.
      baseline: the name that the others are compared with.
      seeds: each gives other initial weights, another order and other windows.
      cluster: where the trials run; changes no result's identity.
    """

    name: str
    prepare: PrepareConfig
    train: TrainConfig
    frontends: dict[str, FrontendConfig] = field(
        default_factory=lambda: {"mel": MelFilterbankConfig(), "leaf": LeafConfig()}
    )
    baseline: str = "mel"
    seeds: tuple[int, ...] = (0, 1, 2)
    cluster: Annotated[ClusterConfig, tyro.conf.arg(name="")] = field(default_factory=ClusterConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise ValueError(f"A workflow's name has letters, digits, _ and - only. Received: {self.name!r}.")
        if self.baseline not in self.frontends:
            raise ValueError(
                f"The baseline must be one of the front ends {list(self.frontends)}. Received: {self.baseline!r}."
            )
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"Seeds must be different whole numbers >= 0, at least one. Received: {self.seeds}.")

    def trials(self, snapshot_id: str) -> Mapping[str, tuple[str, TrialConfig]]:
        """Trial id -> (front end's name, config): every front end with every seed, seed by seed."""
        configs = [
            (name, TrialConfig(frontend=frontend, train=self.train, seed=seed))
            for seed in self.seeds
            for name, frontend in self.frontends.items()
        ]
        return MappingProxyType({trial_id(config, snapshot_id): (name, config) for name, config in configs})


def trial_id(config: TrialConfig, snapshot_id: str) -> str:
    """The identity of a trial: what is trained, on which data."""
    return content_hash("trial", config, snapshot_id)
