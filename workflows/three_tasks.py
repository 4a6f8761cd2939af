"""Digits and speakers of FSDD and the sounds of ESC-10 in one training: one front end and encoder, three heads.

    leafworks run three_tasks --source FOLDER      # that has fsdd/ and esc10/

A batch is of one task, and every task comes equally often. 15 trials before a small ConvNet, less than 60 minutes
on 2 cores; expect a table of five front ends for each task. Fold 5 of ESC-10 tests, fold 4 validates.
"""

from pipelines.config import PrepareConfig
from training.config import TrainConfig
from training.tasks.config import SamplingConfig
from workflows.frontend_sets import FIVE
from workflows.fsdd import DIGIT, SPEAKER
from workflows.matrix import Matrix
from workflows.workflow import LAPTOP_ENCODER

WORKFLOW = Matrix(
    name="three_tasks",
    tasks={"digit": (DIGIT,), "speaker": (SPEAKER,), "esc10": (PrepareConfig(corpus="esc10"),)},
    joint=True,
    frontends=FIVE,
    train=TrainConfig(
        epochs=8,
        batch_size=32,
        learning_rate=4e-3,
        window_ms=500.0,
        task_sampling=SamplingConfig(rule="uniform"),
        encoder=LAPTOP_ENCODER,
    ),
)
