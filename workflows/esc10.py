"""Environmental sounds (ESC-10): 400 clips of 5 s, 10 classes; five folds, five front ends.

    leafworks run esc10 --source PATH/TO/ESC-10

Each fold tests once, the one before it validates, the other three train. 25 trials before a small ConvNet, less than 55
minutes on 2 cores; expect a table over all clips, each tested once. Clips of one recording stay in one fold.
"""

from pipelines.config import PrepareConfig
from pipelines.corpora.config import EscConfig
from training.config import TrainConfig
from workflows.frontend_sets import FIVE
from workflows.matrix import Matrix
from workflows.workflow import LAPTOP_ENCODER

FOLDS = tuple(
    PrepareConfig(corpus="esc10", esc10=EscConfig(test_fold=fold, validation_fold=(fold - 2) % 5 + 1))
    for fold in range(1, 6)
)
WORKFLOW = Matrix(
    name="esc10",
    tasks={"esc10": FOLDS},
    frontends=FIVE,
    seeds=(0,),
    train=TrainConfig(epochs=40, batch_size=16, learning_rate=2e-3, encoder=LAPTOP_ENCODER),
)
