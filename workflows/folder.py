"""Your own recordings: a class per sub-folder, or a table (`--prepare.folder.table labels.csv`).

    leafworks run folder --source PATH/TO/RECORDINGS

Log-mel and LEAF before a small ConvNet, three seeds each; about 8 minutes on 2 cores for 1,000 clips; expect a table of
both. Splits are made by a stable hash of the group;
give a table with the columns path, label, split, group to choose them.
"""

from pipelines.config import PrepareConfig
from training.config import TrainConfig
from workflows.workflow import LAPTOP_ENCODER, Workflow

WORKFLOW = Workflow(
    name="folder",
    prepare=PrepareConfig(corpus="folder"),
    train=TrainConfig(epochs=30, batch_size=32, learning_rate=2e-3, encoder=LAPTOP_ENCODER),
)
