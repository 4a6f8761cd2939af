"""What of LEAF learns, and what of it matters: parts frozen at their initial values, or swapped, on Speech Commands.

    leafworks run ablation --source PATH/TO/SPEECH_COMMANDS --gpus-per-worker 1

Frozen: filters, pooling, compression, all three; swapped: PCEN for the logarithm, Gaussian pooling for the maximum and
the mean. Differences are to LEAF as it is. Expect a table of eight rows.
Times are not measured: `leafworks plan` estimates them once a trial is finished; `--laptop` shrinks it to try it out.
"""

from frontends.config import LeafConfig
from pipelines.config import PrepareConfig
from workflows.matrix import Matrix
from workflows.single_task import TRAIN

WORKFLOW = Matrix(
    name="ablation",
    tasks={"speech_commands": (PrepareConfig(corpus="speech_commands"),)},
    frontends={
        "leaf": LeafConfig(),
        "fixed_filters": LeafConfig(learn_filters=False),
        "fixed_pooling": LeafConfig(learn_pooling=False),
        "fixed_compression": LeafConfig(learn_compression=False),
        "fixed_all": LeafConfig(learn_filters=False, learn_pooling=False, learn_compression=False),
        "log_compression": LeafConfig(compression="log"),
        "max_pooling": LeafConfig(pooling="max"),
        "mean_pooling": LeafConfig(pooling="mean"),
    },
    baseline="leaf",
    train=TRAIN,
)
