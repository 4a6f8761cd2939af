"""The main job on a corpus made on the spot: no download, about five minutes on 2 cores.

    leafworks run quickstart

Twelve classes of synthetic sounds; log-mel and LEAF before a small ConvNet, three seeds each. Expect both
above 90 % test accuracy.
"""

from pipelines.config import PrepareConfig
from training.config import EncoderConfig, TrainConfig
from workflows.workflow import Workflow

WORKFLOW = Workflow(
    name="quickstart",
    prepare=PrepareConfig(corpus="synthetic"),
    train=TrainConfig(epochs=8, batch_size=32, learning_rate=2e-3, encoder=EncoderConfig(width=0.125)),
)
