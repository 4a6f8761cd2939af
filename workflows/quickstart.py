"""The main job on a corpus made on the spot: no download, about five minutes on 2 cores.

    leafworks run quickstart

Eleven classes of synthetic sounds; log-mel and LEAF before a small ConvNet, three seeds each. Expect both
above 90 % test accuracy.
"""

from pipelines.config import PrepareConfig
from pipelines.corpora.config import SyntheticConfig
from training.config import TrainConfig
from workflows.workflow import LAPTOP_ENCODER, Workflow

WORKFLOW = Workflow(
    name="quickstart",
    prepare=PrepareConfig(corpus="synthetic", synthetic=SyntheticConfig(clips_per_class=120)),
    train=TrainConfig(epochs=10, batch_size=32, learning_rate=4e-3, encoder=LAPTOP_ENCODER),
)
