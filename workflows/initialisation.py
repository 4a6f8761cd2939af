"""Does LEAF learn its filters? Started on the mel, Bark and linear scales and at random, on Speech Commands.

    leafworks run initialisation --source PATH/TO/SPEECH_COMMANDS --gpus-per-worker 1

Each start once with filters that learn and once with frozen ones: what learning is worth is the difference of the two.
Expect a table of eight rows, differences to the mel start. Times are not measured: `leafworks plan` estimates them once
a trial is finished; `--laptop` shrinks it to try it out.
"""

from frontends.config import LeafConfig, Scale
from pipelines.config import PrepareConfig
from workflows.matrix import Matrix
from workflows.single_task import TRAIN

_SCALES: tuple[Scale, ...] = ("mel", "bark", "linear", "random")

WORKFLOW = Matrix(
    name="initialisation",
    tasks={"speech_commands": (PrepareConfig(corpus="speech_commands"),)},
    frontends={
        name: LeafConfig(scale=scale, learn_filters=learn)
        for scale in _SCALES
        for name, learn in ((scale, True), (f"{scale}_fixed", False))
    },
    train=TRAIN,
)
