"""Spoken digits and their speakers (FSDD): 3,000 recordings of 6 speakers, 8 kHz; two tasks, five front ends.

    leafworks run fsdd --source PATH/TO/free-spoken-digit-dataset

Takes 0-4 test, takes 5-9 validate. 30 trials before a small ConvNet, 43 minutes on 2 cores that ran tests too; expect
a table of mel, Mel-PCEN, SincNet+ and LEAF twice for each task, all from 95 % on. The speakers of the three splits are
the same ones, as FSDD has it. A digit takes 0.4 s: windows are of half a second, as one second would mostly be padding.
"""

from pipelines.config import PrepareConfig
from pipelines.corpora.config import FsddConfig
from training.config import TrainConfig
from workflows.frontend_sets import FIVE
from workflows.matrix import Matrix
from workflows.workflow import LAPTOP_ENCODER

DIGIT = PrepareConfig(corpus="fsdd")
SPEAKER = PrepareConfig(corpus="fsdd", fsdd=FsddConfig(target="speaker"))
WORKFLOW = Matrix(
    name="fsdd",
    tasks={"digit": (DIGIT,), "speaker": (SPEAKER,)},
    frontends=FIVE,
    train=TrainConfig(epochs=10, batch_size=32, learning_rate=4e-3, window_ms=500.0, encoder=LAPTOP_ENCODER),
)
