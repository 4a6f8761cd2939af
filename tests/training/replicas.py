"""One update with clipping, average, decay and masks, on one replica or on two: `python -m tests.training.replicas N`.

Prints as JSON the loss, the norm of the clipped gradient as Adam has it, and sums over weights, moments and averages.
"""

import json
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from frontends.config import MelFilterbankConfig
from training.config import TrainConfig
from training.encoders.config import EncoderConfig
from training.input import Batch, Part
from training.loop import Loop
from training.model import build_model
from training.recipe.config import OptimizerConfig, ScheduleConfig

SAMPLES, CLASSES, CLIP_NORM = 8000, 5, 0.25
CONFIG = TrainConfig(
    batch_size=4,
    encoder=EncoderConfig(width=0.05, dropout=0.0),
    optimizer=OptimizerConfig(name="adamw", weight_decay=0.1, clip_norm=CLIP_NORM, average=0.5),
    schedule=ScheduleConfig(warmup_steps=1),
)


def main(replicas: int) -> dict[str, Any]:
    """One update of a small model on so many CPU devices."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    devices = [f"CPU:{index}" for index in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices) if replicas > 1 else tf.distribute.get_strategy()
    with strategy.scope():
        frontend = MelFilterbankConfig(num_filters=8, compression="spcen")
        model = build_model(frontend, CONFIG.encoder, sample_rate=16000, window=SAMPLES, classes=CLASSES, seed=0)
    loop = Loop(
        model, strategy=strategy, config=CONFIG, steps_per_epoch=10, part=Part(), objectives={"task": "multi_label"}
    )
    random = np.random.default_rng(0)
    waveform = 0.1 * random.standard_normal((4, SAMPLES)).astype(np.float32)
    targets = random.random((4, CLASSES)).astype(np.float32)
    masked = random.random((4, 50, 8)) < 0.2
    loss, _ = loop.train(Batch(clips=np.arange(4), waveform=waveform, targets=targets, masked=masked))
    moments = [_array(moment) for group in loop._groups for moment in group.optimizer._momentums]
    with loop.evaluated_weights():
        averages = [_array(variable) for variable in model.trainable_variables]
    return {
        "loss": float(loss),
        # Adam's first moment is a tenth of the gradient after one step.
        "clipped_norm": float(np.sqrt(sum(np.sum(np.square(moment)) for moment in moments)) / 0.1),
        "moments": [float(moment.sum()) for moment in moments],
        "averages": [float(average.sum()) for average in averages],
        "weights": [float(_array(variable).sum()) for variable in model.trainable_variables],
        "rates": [_array(group.optimizer.learning_rate).item() for group in loop._groups],
    }


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_tensor(variable)).astype(np.float64)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
