"""The paper's eight tasks in one training: one front end and encoder, a head for each task (Table 3 of the poster).

    leafworks run multitask --source FOLDER --gpus-per-worker 1       # FOLDER/tut_urban_2018, FOLDER/nsynth ...

A batch is of one task, and every task comes equally often (the paper does not say; `--train.task-sampling.rule`).
Expect a table for each task with the paper's figures beside ours. Times are not measured: `leafworks plan` estimates
them once a trial is finished; `--laptop` shrinks it to try it out. All corpora must be there.
"""

import dataclasses

from training.tasks.config import SamplingConfig
from workflows.frontend_sets import FOUR
from workflows.matrix import Matrix
from workflows.single_task import TASKS, TRAIN

WORKFLOW = Matrix(
    name="multitask",
    tasks=TASKS,
    joint=True,
    frontends=FOUR,
    train=dataclasses.replace(TRAIN, task_sampling=SamplingConfig(rule="uniform")),
    paper="multitask",
)
