"""The front ends that are compared, and how each engine compiles one. Imports Keras: for child processes only."""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import keras  # type: ignore[import-untyped]
import numpy as np

from benchmarks.task import SAMPLE_RATE, THREADS, Engine, Task
from frontends import Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank, Wavegram

Run = Callable[[], Any]

LAYERS: dict[str, Callable[[int], Any]] = {
    "mel log": MelFilterbank,
    "Mel-PCEN": lambda num_filters: MelFilterbank(num_filters, compression="spcen"),
    "TimeDomainFilterbank": TimeDomainFilterbank,
    "SincNet": SincNet,
    "SincNetPlus": SincNetPlus,
    "Wavegram": lambda num_filters: Wavegram(),
    "Leaf exact": Leaf,
    "Leaf fast": lambda num_filters: Leaf(num_filters, precision="fast"),
    "Leaf conditioned": lambda num_filters: Leaf(num_filters, parametrization="conditioned"),
}


def set_up(engine: Engine) -> None:
    """Threads and seed of the process, once and first: seeding TensorFlow throws its compiled functions away."""
    # JAX takes its limit of threads from the environment.
    if engine != "JAX":
        import tensorflow as tf  # type: ignore[import-untyped]

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(0)


def prepare(task: Task) -> Run:
    """What runs the task once and waits for its result. Nothing is traced before its first call."""
    layer = _layer(task)
    waveform = _noise(task.batch, task.seconds)
    if task.engine == "JAX":
        return _in_jax(task, layer, waveform)
    return _in_tensorflow(task, layer, waveform)


def _layer(task: Task) -> Any:
    if task.contender == "reference":
        from benchmarks.reference import Reference

        leaf = Leaf(task.num_filters)
        leaf.build((None, None))
        return Reference(leaf)
    layer = LAYERS[task.contender](task.num_filters)
    layer.build((None, None))
    return layer


@lru_cache(maxsize=4)
def _noise(batch: int, seconds: int) -> Any:
    noise = np.random.default_rng(0).standard_normal((batch, seconds * SAMPLE_RATE), np.float32)
    return keras.ops.convert_to_tensor(0.1 * noise)


def _in_tensorflow(task: Task, layer: Any, waveform: Any) -> Run:
    import tensorflow as tf

    def forward(x: Any) -> Any:
        return layer(x, training=False)

    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x, training=True)))
        return loss, tape.gradient(loss, layer.trainable_variables)

    function = {"forward": forward, "step": step}[task.job]
    compiled = tf.function(function, jit_compile=task.engine == "XLA", autograph=False)
    return lambda: [result.numpy() for result in tf.nest.flatten(compiled(waveform))[:1]]


def _in_jax(task: Task, layer: Any, waveform: Any) -> Run:
    import jax

    trainable = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]

    # Unlike a call, `stateless_call` hands `training` on to layers that know nothing of it.
    knows_training = "training" in inspect.signature(layer.call).parameters
    mode = {"training": task.job == "step"} if knows_training else {}

    def forward(weights: Any, x: Any) -> Any:
        return layer.stateless_call(weights, others, x, **mode)[0]

    def loss(weights: Any, x: Any) -> Any:
        return jax.numpy.mean(jax.numpy.square(forward(weights, x)))

    compiled = jax.jit({"forward": forward, "step": jax.value_and_grad(loss)}[task.job])
    return lambda: [result.block_until_ready() for result in jax.tree.leaves(compiled(trainable, waveform))]
