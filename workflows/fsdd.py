"""Spoken digits (FSDD): 3,000 recordings of 6 speakers, 8 kHz; takes 0-4 test, takes 5-9 validation.

    leafworks run fsdd --source PATH/TO/free-spoken-digit-dataset

Log-mel and LEAF before a small ConvNet, three seeds each; about 9 minutes on 2 cores. Expect both above
95 % test accuracy. The speakers of the three official splits are the same ones.
"""

from pipelines.config import PrepareConfig
from training.config import TrainConfig
from workflows.workflow import LAPTOP_ENCODER, Workflow

WORKFLOW = Workflow(
    name="fsdd",
    prepare=PrepareConfig(corpus="fsdd"),
    train=TrainConfig(epochs=15, batch_size=32, learning_rate=4e-3, encoder=LAPTOP_ENCODER),
)
