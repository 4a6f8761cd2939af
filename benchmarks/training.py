"""What a training step consists of, for every front end: `python benchmarks/training.py`.

The training loop itself on a snapshot of synthetic clips, front ends interleaved: the share of a step spent waiting for
input, in the front end (forward, and the gradients of its parameters) and behind it (encoder, head, optimizer). Prints
a table and writes JSON. A comparison, not a test: nothing here fails.

    python benchmarks/training.py [--rounds 5] [--steps 4] [--encoder conv_net] [--width 0.125] [--out training.json]
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks import machine
from benchmarks.input import made
from frontends.config import FrontendConfig
from infra.memory import keep_freed_memory
from training.config import TrainConfig, TrialConfig
from training.encoders.config import EncoderConfig
from training.input import Part, prefetched
from training.loop import Loop
from training.model import FRONTEND, build_model
from training.records import Snapshot
from training.resources import Meter
from training.tasks.config import TaskConfig
from training.tasks.task import training_batches
from workflows.frontend_sets import seven


class Contender:
    """One front end in a training that goes on for as long as it is asked to."""

    def __init__(self, frontend: FrontendConfig, train: TrainConfig, snapshot: Snapshot) -> None:
        trial = TrialConfig(frontend=frontend, train=train, seed=0, tasks=(TaskConfig(name="sounds"),))
        window = round(train.window_ms * snapshot.card.sample_rate / 1000)
        self._batch_size, self._steps = train.batch_size, list[dict[str, float]]()
        model = build_model(
            frontend,
            train.encoder,
            sample_rate=snapshot.card.sample_rate,
            window=window,
            classes=len(snapshot.card.labels),
            seed=0,
        )
        self._frontend = model.get_layer(FRONTEND)
        training = training_batches(trial, [snapshot], window=window, features=tuple(self._frontend.output.shape[1:3]))
        self._loop = Loop(
            model,
            strategy=tf.distribute.get_strategy(),
            config=train,
            steps_per_epoch=training.steps_per_epoch,
            part=Part(),
            objectives={"sounds": "single_label"},
        )
        epochs = range(train.epochs)
        self._batches = prefetched(lambda: (batch for epoch in epochs for batch in training.batches(epoch)))
        self._alone = tf.function(self._frontend_step)
        self.run(2)
        self._steps.clear()

    def run(self, steps: int) -> None:
        """Some steps of training, then as many of the front end alone."""
        meter = Meter()
        for count, batch in enumerate(meter.timed(self._batches), start=1):
            loss, _ = self._loop.train(batch)
            float(loss)
            if count > steps:
                break
        found = meter.read(batch_size=self._batch_size)
        waveform = tf.constant(batch.waveform)
        start = time.perf_counter()
        for _ in range(steps):
            self._alone(waveform)
        found["frontend_ms"] = 1e3 * (time.perf_counter() - start) / steps
        self._steps.append(found)

    def medians(self) -> dict[str, float]:
        """Milliseconds of a step, examples per second, and shares of wait, front end and the rest."""
        names = ("time.input_wait_ms", "time.step_ms", "frontend_ms")
        wait, step, frontend = (statistics.median(found[name] for found in self._steps) for name in names)
        shares = {"input wait": wait, "front end": frontend, "encoder": step - frontend}
        whole = wait + step
        return {
            "step_ms": whole,
            "examples_per_second": 1e3 * self._batch_size / whole,
            **{name: milliseconds / whole for name, milliseconds in shares.items()},
        }

    def _frontend_step(self, waveform: tf.Tensor) -> Any:
        variables = self._frontend.trainable_variables
        with tf.GradientTape() as tape:
            features = self._frontend(waveform, training=True)
        return features if not variables else tape.gradient(features, variables)


def main() -> None:
    """Measures, shows and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="of each front end a round")
    parser.add_argument("--filters", type=int, default=40)
    parser.add_argument("--encoder", default="conv_net")
    parser.add_argument("--width", type=float, default=0.125, help="of the encoder; the shipped laptop recipe's")
    parser.add_argument("--out", type=Path, default=Path("training.json"))
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    keep_freed_memory()
    encoder = EncoderConfig(name=arguments.encoder, width=arguments.width)
    train = TrainConfig(encoder=encoder, epochs=1_000_000)
    with tempfile.TemporaryDirectory(prefix="leafworks-") as folder:
        snapshot = Snapshot(made(1.5, Path(folder)))
        contenders = {name: Contender(config, train, snapshot) for name, config in seven(arguments.filters).items()}
        for number in range(arguments.rounds):
            for name in random.Random(number).sample(list(contenders), len(contenders)):
                contenders[name].run(arguments.steps)
        rows = {name: contender.medians() for name, contender in contenders.items()}
    settings = {name: value for name, value in vars(arguments).items() if name != "out"}
    report = {"machine": machine.facts(), "settings": settings, "frontends": rows}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{'':14}{'ms a step':>10}{'examples/s':>12}{'input wait':>12}{'front end':>11}{'encoder':>9}")
    for name, row in rows.items():
        print(
            f"{name:14}{row['step_ms']:10.1f}{row['examples_per_second']:12.0f}{row['input wait']:12.1%}"
            f"{row['front end']:11.0%}{row['encoder']:9.0%}"
        )


if __name__ == "__main__":
    main()
