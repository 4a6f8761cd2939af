"""Trains a classifier of tones in noise with Leaf in front and saves it to the file that is the argument."""

import json
import sys

import keras
import numpy as np

from frontends import Leaf

SAMPLE_RATE, SAMPLES = 16000, 4000
TONES_HZ = np.array([300.0, 700.0, 1500.0, 3500.0])


def clips(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Waveforms (count, samples) in [-1, 1] and which tone is in each."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(TONES_HZ), size=count)
    cycles = TONES_HZ[labels, None] * np.arange(SAMPLES) / SAMPLE_RATE + rng.uniform(size=(count, 1))
    waveforms = 0.1 * np.sin(2 * np.pi * cycles) + 0.1 * rng.standard_normal((count, SAMPLES))
    return waveforms.astype("float32"), labels


class Replan(keras.callbacks.Callback):
    """Fits the algorithm of Leaf to its present filters: the same numbers, sooner."""

    count = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Plan anew, and compile anew if that changed anything."""
        if self.model.get_layer("leaf").replan():
            self.model.make_train_function(force=True)
            self.model.make_test_function(force=True)
            self.count += 1


keras.utils.set_random_seed(0)  # weights and the order of the clips
leaf = Leaf(16, sample_rate=SAMPLE_RATE, name="leaf")
model = keras.Sequential(
    [
        keras.Input((SAMPLES,)),
        leaf,
        keras.layers.Conv1D(16, 3, activation="relu"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(len(TONES_HZ)),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
replan = Replan()
fitted = model.fit(*clips(512, seed=0), batch_size=16, epochs=5, callbacks=[replan], verbose=0)
loss, accuracy = model.evaluate(*clips(64, seed=1), verbose=0)
model.save(sys.argv[1])
print(json.dumps({"accuracy": accuracy, "loss_by_epoch": fitted.history["loss"], "replans": replan.count}))
