"""An experiment with several tasks, folds, encoders or levels of noise: each combination is a training of its own."""

import dataclasses
import itertools
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from frontends.config import FrontendConfig, LeafConfig, MelFilterbankConfig
from pipelines.config import PrepareConfig
from training.cluster.config import ClusterConfig
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from training.tasks.config import Objective
from workflows.paper import PaperTable
from workflows.workflow import LAPTOP_ENCODER, Workflow

Unflagged = (tyro.conf.Fixed, tyro.conf.Suppress)
_LAPTOP_CLIPS = 600
_LAPTOP_EPOCHS = 3


@dataclass(frozen=True, kw_only=True)
class Part:
    """The trials of a matrix that have data and training in common: every front end with every seed.

    Attributes:
      label: task, fold and setting, what tells it from the others; empty for an experiment of one part.
      setting: encoder and noise, where the experiment has several.
      workflow: that runs it.
    """

    label: str
    setting: str
    workflow: Workflow


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Every front end on every task before every encoder with every seed, and one table of all.

    Attributes:
      name: of the experiment, its tracking and its report; letters, digits, "_" and "-".
      tasks: name -> corpus to snapshot; of several, which are folds, each trains and tests apart, and every clip that
        one of them tests counts once.
      objectives: name of a task -> what it is trained for, where that is not what its labels say.
      joint: one training has all tasks, with front end and encoder in common and a head each.
      train: how every model is trained.
      encoders: name in the table -> behind the front ends; none: the one of `train`.
      train_snr_db: signal-to-noise ratios of Gaussian noise in training, in dB, a training each beside the one
        without.
      frontends: name in the table -> front end.
      baseline: the name that the others are compared with.
      seeds: each gives other initial weights, another order and other windows.
      paper: the table of LEAF's paper to print beside ours.
      cluster: where the trials run; changes no result's identity.
    """

    name: str
    tasks: Annotated[dict[str, tuple[PrepareConfig, ...]], *Unflagged]
    objectives: Annotated[dict[str, Objective], *Unflagged] = field(default_factory=dict)
    joint: Annotated[bool, *Unflagged] = False
    train: TrainConfig
    encoders: dict[str, EncoderConfig] = field(default_factory=dict)
    train_snr_db: tuple[float, ...] = ()
    frontends: dict[str, FrontendConfig] = field(
        default_factory=lambda: {"mel": MelFilterbankConfig(), "leaf": LeafConfig()}
    )
    baseline: str = "mel"
    seeds: tuple[int, ...] = (0, 1, 2)
    paper: Annotated[PaperTable, *Unflagged] = "none"
    cluster: Annotated[ClusterConfig, tyro.conf.arg(name="")] = field(default_factory=ClusterConfig)

    def __post_init__(self) -> None:
        if not self.tasks or not all(self.tasks.values()):
            raise ValueError(f"A matrix has tasks, and each a corpus or several folds. Received: {list(self.tasks)}.")
        if self.joint and any(len(folds) > 1 for folds in self.tasks.values()):
            raise ValueError("Rule: tasks that are trained together have one snapshot each. Received: folds.")
        self.parts()  # a workflow refuses what it cannot be

    def parts(self) -> tuple[Part, ...]:
        """All of them: by setting, then task, then fold."""
        settings = self._settings()
        found = []
        for setting, train in settings.items():
            for label, preparations in self._trainings().items():
                workflow = Workflow(
                    name=self.name,
                    prepare=preparations,
                    train=train,
                    frontends=self.frontends,
                    baseline=self.baseline,
                    seeds=self.seeds,
                    objectives={name: own for name, own in self.objectives.items() if name in preparations},
                    cluster=self.cluster,
                )
                found.append(Part(label=", ".join(filter(None, (label, setting))), setting=setting, workflow=workflow))
        return tuple(found) if len(found) > 1 else (dataclasses.replace(found[0], label=""),)

    def on_laptop(self) -> "Matrix":
        """The same, to be tried out: one seed, a small ConvNet, few epochs, and a few hundred clips of every split."""
        train = dataclasses.replace(
            self.train,
            encoder=LAPTOP_ENCODER,
            epochs=min(self.train.epochs, _LAPTOP_EPOCHS),
            batch_size=min(self.train.batch_size, 32),
            learning_rate=4e-3,
            frontend_learning_rate=2e-4,
        )
        tasks = {
            name: tuple(dataclasses.replace(prepare, max_clips_per_split=_LAPTOP_CLIPS) for prepare in folds)
            for name, folds in self.tasks.items()
        }
        encoders = {"conv_net": LAPTOP_ENCODER} if self.encoders else {}
        return dataclasses.replace(self, tasks=tasks, train=train, encoders=encoders, seeds=self.seeds[:1])

    def _settings(self) -> dict[str, TrainConfig]:
        """Name of encoder and noise -> how it is trained; "" where there is nothing to choose."""
        encoders = self.encoders or {"": self.train.encoder}
        levels = (None, *self.train_snr_db)
        found = {}
        for (name, encoder), level in itertools.product(encoders.items(), levels):
            train, noise = dataclasses.replace(self.train, encoder=encoder), ""
            if level is not None:
                train = dataclasses.replace(train, augment=dataclasses.replace(train.augment, snr_db=(level, level)))
                noise = f"trained at {level:g} dB"
            found[", ".join(filter(None, (name, noise)))] = train
        return found

    def _trainings(self) -> dict[str, dict[str, PrepareConfig]]:
        """What is trained apart, by its name: task -> corpus to snapshot of each."""
        if self.joint:
            return {"": {name: folds[0] for name, folds in self.tasks.items()}}
        return {
            name if len(folds) == 1 else f"{name} fold {index}": {name: prepare}
            for name, folds in self.tasks.items()
            for index, prepare in enumerate(folds, start=1)
        }


Experiment = Workflow | Matrix


def parts_of(experiment: Experiment) -> tuple[Part, ...]:
    """The parts of a matrix; a workflow is its own."""
    if isinstance(experiment, Matrix):
        return experiment.parts()
    return (Part(label="", setting="", workflow=experiment),)


def preparations_of(experiment: Experiment) -> dict[str, PrepareConfig]:
    """Every task's corpus to snapshot, of folds the first."""
    if isinstance(experiment, Matrix):
        return {name: folds[0] for name, folds in experiment.tasks.items()}
    return experiment.preparations
