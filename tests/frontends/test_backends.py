"""TensorFlow, JAX and, where it is installed, Torch: the same features and gradients.

Each backend has a process of its own, `python test_backends.py OUT.npz`, that computes all cases.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

RELATIVE = 1e-5


class Case(NamedTuple):
    """A front end of `frontends` by name, its arguments, and the length of its clips [samples]."""

    kind: str
    arguments: dict[str, Any]
    samples: int
    narrowed: float = 1.0  # what sigma is divided by: the plan of the sub-bands does not hold then


CASES = {
    "leaf": Case("Leaf", {}, 4001),
    "leaf_fast": Case("Leaf", {"precision": "fast"}, 4001),
    "leaf_conditioned_in_several_buffers": Case("Leaf", {"num_filters": 8, "parametrization": "conditioned"}, 48017),
    "leaf_off_its_plan": Case("Leaf", {"num_filters": 8}, 3000, narrowed=5.0),
    "leaf_even_kernel": Case("Leaf", {"num_filters": 8, "sample_rate": 22050}, 4410),
    "leaf_mean": Case("Leaf", {"num_filters": 8, "pooling": "mean", "compression": "log"}, 3000),
    "leaf_max": Case("Leaf", {"num_filters": 8, "pooling": "max", "compression": "power"}, 3000),
    "mel_log": Case("MelFilterbank", {}, 4001),
    "mel_spcen": Case("MelFilterbank", {"compression": "spcen"}, 4001),
    "time_domain": Case("TimeDomainFilterbank", {"num_filters": 8}, 4001),
    "sincnet": Case("SincNet", {"num_filters": 8}, 4001),
    "sincnet_plus": Case("SincNetPlus", {"num_filters": 8}, 4001),
    # Clips for which no ReLU's input comes within rounding of zero, where the gradient jumps (1e-6 is the least). As in
    # inference: normalised by the few times of such a clip, float32 gradients have no five digits on any backend.
    "wavegram": Case("Wavegram", {}, 640),
    "wavegram_reference": Case("Wavegram", {"form": "reference"}, 640),
}


def main(path: str) -> None:
    """Computes every case on the backend of KERAS_BACKEND."""
    import keras

    results = {}
    for name, case in CASES.items():
        parts = GRADIENTS[keras.backend.backend()](*prepared(case))
        results |= {f"{name}/{part}": keras.ops.convert_to_numpy(value) for part, value in parts.items()}
    np.savez(path, **results)


def prepared(case: Case) -> tuple[Any, np.ndarray, np.ndarray]:
    """The built layer, clips (2, samples), and what its features are weighted with for a scalar."""
    from signals import noise

    import frontends

    rng = np.random.default_rng(0)
    layer = getattr(frontends, case.kind)(**case.arguments)
    layer.build((2, case.samples))
    for variable in layer.trainable_variables:
        if case.kind == "Wavegram" and variable.name == "kernel":  # backends draw other initial values
            fan_in = np.prod(variable.shape[:-1])
            variable.assign(np.sqrt(2.0 / fan_in) * rng.standard_normal(variable.shape))
        if variable.name == "sigma":
            variable.assign(variable / case.narrowed)
    shape = layer.compute_output_shape((2, case.samples))
    weights = np.float32(rng.uniform(size=shape) / np.prod(shape))
    return layer, noise(rng, batch=2, samples=case.samples, slope=0.5), weights


Parts = dict[str, Any]


def named(layer: Any, *, features: Any, gradients: Any, waveform: Any) -> Parts:
    """Under the names that all backends share."""
    names = [variable.path.split("/", 1)[1] for variable in layer.trainable_variables]
    return {"features": features, "waveform": waveform, **dict(zip(names, gradients, strict=True))}


def with_tensorflow(layer: Any, waveform: np.ndarray, weights: np.ndarray) -> Parts:
    """By a tape in a graph."""
    import tensorflow as tf

    @tf.function
    def graph(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            features = layer(x)
            loss = tf.reduce_sum(features * weights)
        parameters = [variable.value for variable in layer.trainable_variables]
        return features, *tape.gradient(loss, [x, *parameters])

    features, d_waveform, *gradients = graph(tf.constant(waveform))
    return named(layer, features=features, gradients=gradients, waveform=d_waveform)


def with_jax(layer: Any, waveform: np.ndarray, weights: np.ndarray) -> Parts:
    """By `jax.grad` of the stateless call, compiled."""
    import jax

    def loss(parameters: Any, x: Any) -> Any:
        features, _ = layer.stateless_call(parameters, state, x)
        return (features * weights).sum(), features

    state = [variable.value for variable in layer.non_trainable_variables]
    parameters = [variable.value for variable in layer.trainable_variables]
    both = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))
    (gradients, d_waveform), features = both(parameters, waveform)
    return named(layer, features=features, gradients=gradients, waveform=d_waveform)


def with_torch(layer: Any, waveform: np.ndarray, weights: np.ndarray) -> Parts:
    """By `backward`."""
    import torch

    x = torch.tensor(waveform, requires_grad=True)
    features = layer(x)
    (features * torch.tensor(weights)).sum().backward()
    gradients = [variable.value.grad for variable in layer.trainable_variables]
    return named(layer, features=features.detach(), gradients=gradients, waveform=x.grad)


GRADIENTS: dict[str, Callable[..., Parts]] = {
    "tensorflow": with_tensorflow,
    "jax": with_jax,
    "torch": with_torch,
}


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    """The results of each installed backend; all compute at the same time."""
    folder = tmp_path_factory.mktemp("backends")
    processes = {}
    for backend in filter(importlib.util.find_spec, GRADIENTS):
        environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
        environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # each graph runs once: compiling is all
        command = [sys.executable, __file__, str(folder / f"{backend}.npz")]
        processes[backend] = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    for backend, process in processes.items():
        _, errors = process.communicate()
        assert process.returncode == 0, f"{backend}:\n{errors}"
    return {backend: dict(np.load(folder / f"{backend}.npz")) for backend in processes}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_features_and_gradients(computed, backend, name):
    """As those of TensorFlow, for all parameters and the waveform, to 1e-5 of their norm."""
    if backend not in computed:
        pytest.skip(f"{backend} is not installed")
    expected = {part: value for part, value in computed["tensorflow"].items() if part.startswith(f"{name}/")}
    got = {part: value for part, value in computed[backend].items() if part.startswith(f"{name}/")}
    assert got.keys() == expected.keys()
    for part, value in expected.items():
        scale = np.linalg.norm(value)
        assert 0.0 < scale < np.inf, part
        assert np.linalg.norm(got[part] - value) <= RELATIVE * scale, part


if __name__ == "__main__":
    main(sys.argv[1])
