"""Environmental sounds (ESC-10): 400 clips of 5 s, 10 classes; fold 5 test, fold 4 validation.

    leafworks run esc10 --source PATH/TO/ESC-10

Log-mel and LEAF before a small ConvNet, three seeds each; about 7 minutes on 2 cores. 80 test clips: one clip
is 1.25 points, so expect wide intervals.
"""

from pipelines.config import PrepareConfig
from training.config import TrainConfig
from workflows.workflow import LAPTOP_ENCODER, Workflow

WORKFLOW = Workflow(
    name="esc10",
    prepare=PrepareConfig(corpus="esc10"),
    train=TrainConfig(epochs=60, batch_size=16, learning_rate=2e-3, encoder=LAPTOP_ENCODER),
)
