"""The paper's eight tasks, each trained alone: mel, time-domain filterbanks, SincNet and LEAF (its Table 1).

    leafworks run single_task --source FOLDER --gpus-per-worker 1     # FOLDER/tut_urban_2018, FOLDER/nsynth ...

EfficientNetB0, 40 filters, Adam at 1e-4, batches of 256 random seconds; logits averaged over consecutive seconds.
Expect a table for each task with the paper's figures beside ours. Times are not measured: `leafworks plan` estimates
them once a trial is finished; `--laptop` shrinks it to try it out. A corpus that is not there is left out, with what to
get, and the others run.
"""

from pipelines.config import PrepareConfig
from pipelines.corpora.config import NSynthConfig
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from workflows.frontend_sets import FOUR
from workflows.matrix import Matrix

TASKS: dict[str, tuple[PrepareConfig, ...]] = {
    "acoustic_scenes": (PrepareConfig(corpus="tut_urban_2018"),),
    "birdsong": (PrepareConfig(corpus="dcase2018_birds"),),
    "emotion": (PrepareConfig(corpus="crema_d"),),
    "speaker_id": (PrepareConfig(corpus="voxceleb1"),),
    "instrument": (PrepareConfig(corpus="nsynth"),),
    "pitch": (PrepareConfig(corpus="nsynth", nsynth=NSynthConfig(target="pitch")),),
    "speech_commands": (PrepareConfig(corpus="speech_commands"),),
    "language": (PrepareConfig(corpus="voxforge"),),
}
# The paper does not say for how long it trained.
TRAIN = TrainConfig(
    epochs=30,
    batch_size=256,
    learning_rate=1e-4,
    frontend_learning_rate=1e-4,
    encoder=EncoderConfig(name="efficientnet_b0"),
)
WORKFLOW = Matrix(name="single_task", tasks=TASKS, frontends=FOUR, train=TRAIN, paper="single_task")
