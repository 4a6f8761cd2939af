"""Trains every front end before CNN14, two before EfficientNetB0, a few steps in two workers of one Ray cluster.

`python -m tests.training.encoder_matrix SNAPSHOT FOLDER` writes what each worker saw to `FOLDER/0.json` and `1.json`.
One group of workers trains all pairs, one after another: starting TensorFlow costs more than the steps.
"""

import gc
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

WINDOW, STEPS = 20_480, 2  # the reference Wavegram makes its least 32 frames of 1.28 s


def models() -> dict[str, tuple[Any, Any]]:
    """What is to be trained: the configs of front end and encoder."""
    from frontends import config as frontends
    from training.encoders.config import EncoderConfig

    kinds = {
        "mel": frontends.MelFilterbankConfig(num_filters=64),
        "mel_pcen": frontends.MelFilterbankConfig(num_filters=64, compression="spcen"),
        "wavegram": frontends.WavegramConfig(form="reference"),
        "time_domain": frontends.TimeDomainFilterbankConfig(num_filters=64),
        "sincnet": frontends.SincNetConfig(num_filters=64),
        "sincnet_plus": frontends.SincNetPlusConfig(num_filters=64),
        "leaf": frontends.LeafConfig(num_filters=64),
    }
    cnn14, efficientnet = EncoderConfig(name="cnn14", width=1 / 16), EncoderConfig(name="efficientnet_b0")
    pairs = {f"{kind} before cnn14": (frontend, cnn14) for kind, frontend in kinds.items()}
    # EfficientNetB0's graph takes minutes for all seven, whose features look alike to it.
    return pairs | {f"{kind} before efficientnet_b0": (kinds[kind], efficientnet) for kind in ("mel", "leaf")}


def train_all(loop_config: dict[str, Any]) -> None:
    """Runs in both workers."""
    import keras
    import tensorflow as tf
    from ray import train

    from training.input import Part, TrainingInput
    from training.records import Snapshot

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # saves more than it costs
    context = train.get_context()
    part = Part(index=context.get_world_rank(), count=context.get_world_size())
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    snapshot = Snapshot(loop_config["snapshot"])
    inputs = TrainingInput(snapshot, snapshot.clips("train"), window=WINDOW, batch_size=4, seed=0)
    batches = [batch for batch, _ in zip(inputs.batches(0, part=part), range(STEPS), strict=False)]
    seen = {}
    for title, (frontend, encoder) in models().items():
        started = time.monotonic()
        seen[title] = trained(frontend, encoder, strategy, batches, part=part, classes=len(snapshot.card.labels))
        seen[title]["seconds"] = time.monotonic() - started
        keras.backend.clear_session()
        gc.collect()
    Path(loop_config["folder"], f"{part.index}.json").write_text(json.dumps(seen))


def trained(frontend: Any, encoder: Any, strategy: Any, batches: Any, *, part: Any, classes: int) -> dict[str, Any]:
    """What one model comes to."""
    import numpy as np

    from training.config import TrainConfig
    from training.loop import Loop
    from training.model import FRONTEND, build_model

    with strategy.scope():
        model = build_model(frontend, encoder, sample_rate=16000, window=WINDOW, classes=classes, seed=0)
    before = [_digest(weight) for weight in model.trainable_weights]
    config = TrainConfig(batch_size=4, encoder=encoder)
    loop = Loop(
        model,
        strategy=strategy,
        config=config,
        steps_per_epoch=STEPS,
        part=part,
        objectives={"task": "single_label"},
    )
    losses = [float(loop.train(batch)[0]) for batch in batches]
    pairs = zip(before, model.trainable_weights, strict=True)
    return {
        "losses": losses,
        "still": [weight.path for old, weight in pairs if old == _digest(weight)],
        "frontend": sum(int(np.prod(weight.shape)) for weight in model.get_layer(FRONTEND).trainable_weights),
        "all": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "sums": [float(np.sum(weight.numpy(), dtype=np.float64)) for weight in model.weights],
    }


def _digest(weight: Any) -> str:
    return hashlib.sha256(weight.numpy().tobytes()).hexdigest()


def main(snapshot: str, folder: str) -> None:
    """Starts the cluster and its workers."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    from infra.cluster import cluster, worker_environment
    from training.cluster.backend import TensorflowCluster

    with cluster(None):
        DataParallelTrainer(
            train_all,
            train_loop_config={"snapshot": snapshot, "folder": folder},
            backend_config=TensorflowCluster(folder=folder, start_timeout_s=300.0),
            scaling_config=ScalingConfig(num_workers=2, resources_per_worker={"CPU": 1.0}),
            run_config=RunConfig(
                storage_path=str(Path(folder, "ray")), worker_runtime_env=worker_environment(threads=1, gpus=0)
            ),
        ).fit()


if __name__ == "__main__":
    main(*sys.argv[1:])
