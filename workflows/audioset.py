"""AudioSet, 527 classes: seven front ends with 64 filters before EfficientNetB0 and CNN14 (the paper's Table 4).

    leafworks run audioset --source PATH/TO/AUDIOSET --gpus-per-worker 1

Ten-second windows, mixup, SpecAugment, batches in which every class comes equally often. Expect AUC and d' of each
with the paper's figures beside ours. Times are not measured: `leafworks plan` estimates them once a trial is finished;
`--laptop` shrinks it to try it out. What your copy lacks is in its ledger, and its snapshot's id beside the scores.
"""

from pipelines.config import PrepareConfig
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from training.recipe.config import AugmentConfig
from workflows.frontend_sets import seven
from workflows.matrix import Matrix

WORKFLOW = Matrix(
    name="audioset",
    tasks={"audioset": (PrepareConfig(corpus="audioset"),)},
    objectives={"audioset": "multi_label"},
    encoders={"efficientnet_b0": EncoderConfig(name="efficientnet_b0"), "cnn14": EncoderConfig(name="cnn14")},
    frontends=seven(64),
    seeds=(0,),
    train=TrainConfig(
        epochs=10,
        batch_size=32,
        learning_rate=1e-3,
        frontend_learning_rate=1e-4,
        window_ms=10_000.0,
        encoder=EncoderConfig(name="efficientnet_b0"),
        class_balanced=True,
        augment=AugmentConfig(
            mixup_alpha=1.0, time_masks=2, time_mask_ms=640.0, frequency_masks=2, frequency_mask_filters=8
        ),
    ),
    paper="audioset",
)
