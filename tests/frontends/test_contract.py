"""The Keras contract: shapes, serialisation, precision, compilation, errors."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import relative
from signals import noise

from frontends import Leaf, MelFilterbank
from frontends.build import build
from frontends.config import LeafConfig, MelFilterbankConfig

ROOT = Path(__file__).parents[2]
FRONT_ENDS = [
    pytest.param(Leaf, {}, id="leaf"),
    pytest.param(Leaf, {"num_filters": 12, "compression": None, "stride_ms": 5.0}, id="leaf-none"),
    pytest.param(MelFilterbank, {"num_filters": 23, "sample_rate": 22050}, id="mel"),
    pytest.param(MelFilterbank, {"compression": "pcen"}, id="mel-pcen"),
]


@pytest.mark.parametrize(("layer", "arguments"), FRONT_ENDS)
def test_config_round_trip(layer: type, arguments: dict) -> None:
    """from_config(get_config()) is the same layer."""
    first = layer(**arguments)
    second = layer.from_config(first.get_config())
    assert first.get_config() == second.get_config()
    assert arguments.items() <= second.get_config().items()


@pytest.mark.parametrize(("layer", "arguments"), FRONT_ENDS)
@pytest.mark.parametrize("shape", [(2, 3000), (2, 3000, 1), (1, 1), (3, 0)])
def test_symbolic_shape_is_the_eager_one(layer: type, arguments: dict, shape: tuple[int, ...]) -> None:
    """compute_output_shape, the symbolic call and the eager call agree."""
    front_end = layer(**arguments)
    eager = front_end(np.zeros(shape, "float32"))
    assert front_end.compute_output_shape(shape) == tuple(eager.shape)
    assert front_end(keras.Input(batch_shape=shape)).shape == tuple(eager.shape)
    assert front_end(keras.Input(shape=(None, *shape[2:]))).shape == (None, None, eager.shape[2])


@pytest.mark.parametrize("layer", [Leaf, MelFilterbank])
@pytest.mark.parametrize("shape", [(2, 3000, 2), (3000,), (2, 3, 4, 1), (2, 3000, None)])
def test_only_mono_is_taken(layer: type, shape: tuple[int | None, ...]) -> None:
    """Stereo and other shapes are refused by name: unbuilt, built, and symbolically."""
    with pytest.raises(ValueError, match="mono waveforms"):
        layer().compute_output_shape(shape)
    front_end = layer()
    front_end.build((None, None))
    with pytest.raises(ValueError, match="mono waveforms"):
        front_end(keras.KerasTensor(shape))
    if None not in shape:
        with pytest.raises(ValueError, match="mono waveforms"):
            front_end(np.zeros(shape, "float32"))
        with pytest.raises(ValueError, match="mono waveforms"):
            layer()(np.zeros(shape, "float32"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_rate": 8000}, "max_hz=3900"),
        ({"num_filters": 0}, "num_filters"),
        ({"min_hz": 500.0, "max_hz": 400.0}, "min_hz"),
        ({"compression": "cube"}, "compression='cube'"),
        ({"window_ms": 0.01}, "window_ms=0.01"),
        ({"stride_ms": 0.0}, "stride_ms=0.0"),
    ],
)
@pytest.mark.parametrize("layer", [Leaf, MelFilterbank])
def test_errors_say_what_was_received(layer: type, arguments: dict, message: str) -> None:
    """A wrong argument is refused where it is given, with its value."""
    with pytest.raises(ValueError, match=message):
        layer(**arguments)


def test_nothing_is_shared() -> None:
    """Two front ends have no weight in common, also of different sizes."""
    layers = [Leaf(), Leaf(), Leaf(64), MelFilterbank(compression="pcen"), MelFilterbank(compression="pcen")]
    for layer in layers:
        layer.build((None, 16000))
    weights = [id(weight.value) for layer in layers for weight in layer.weights]
    assert len(set(weights)) == len(weights)


def test_weight_names_are_stable() -> None:
    """Weights are found by these paths in any model."""
    leaf = Leaf(name="frontend")
    leaf.build((None, 16000))
    assert [weight.path for weight in leaf.weights] == [
        *(f"frontend/filterbank/{name}" for name in ("center", "sigma", "pooling")),
        *(f"frontend/pcen/{name}" for name in ("alpha", "delta", "root", "smooth")),
    ]


# Keras 3.15 converts weights in a way that NumPy 2.4 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saved_models_open_in_a_fresh_process(tmp_path: Path, rng: np.random.Generator) -> None:
    """A .keras file with trained weights gives the same features to a process that only imports frontends."""
    x = noise(rng, batch=2, samples=4000)
    waveform = keras.Input((None,))
    leaf = Leaf()
    outputs = [leaf(waveform), MelFilterbank(compression="pcen")(waveform)]
    leaf.filterbank.sigma.assign(leaf.filterbank.sigma * 0.7)
    model = keras.Model(waveform, outputs)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "in.npz", x=x)
    script = (
        "import sys, numpy as np, keras, frontends; from frontends import Leaf, MelFilterbank; "
        "m = keras.saving.load_model(sys.argv[1] + '/model.keras'); "
        "a, b = m(np.load(sys.argv[1] + '/in.npz')['x']); np.savez(sys.argv[1] + '/out.npz', a=a, b=b)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    with np.load(tmp_path / "out.npz") as out:
        assert relative(out["a"], np.asarray(model(x)[0], np.float64)) <= 1e-5
        assert relative(out["b"], np.asarray(model(x)[1], np.float64)) <= 1e-6


@pytest.mark.parametrize(("layer", "arguments"), FRONT_ENDS)
@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 8e-3), ("mixed_float16", 1e-3)])
def test_mixed_precision(rng: np.random.Generator, layer: type, arguments: dict, policy: str, tolerance: float) -> None:
    """Only the output is rounded: the arithmetic and the weights stay float32."""
    x = noise(rng, batch=2, samples=3000)
    low, full = layer(dtype=policy, **arguments), layer(**arguments)
    features = low(x)
    assert keras.backend.standardize_dtype(features.dtype) == low.compute_dtype
    assert relative(tf.cast(features, tf.float32), np.asarray(full(x), np.float64)) <= tolerance
    assert {weight.dtype for weight in low.weights} <= {"float32"}


@pytest.mark.parametrize(("layer", "arguments"), FRONT_ENDS)
def test_compiled_equals_eager(rng: np.random.Generator, layer: type, arguments: dict) -> None:
    """XLA, a graph and a graph that does not know the length give what eager gives."""
    front_end, x = layer(**arguments), noise(rng, batch=2, samples=3000)
    eager = np.asarray(front_end(x), np.float64)
    assert relative(tf.function(front_end, jit_compile=True)(x), eager) <= 2e-5
    dynamic = tf.function(front_end, input_signature=[tf.TensorSpec((None, None))])
    for samples in (1, 500, 3000):
        wanted = np.asarray(front_end(x[:, :samples]), np.float64)
        assert relative(dynamic(x[:, :samples]), wanted) <= 2e-5


@pytest.mark.parametrize("jit_compile", [False, True])
def test_trains_in_keras(rng: np.random.Generator, jit_compile: bool) -> None:
    """A model with LEAF fits, compiled or not; its weights move and the loss falls."""
    leaf = Leaf(6)
    model = keras.Sequential([leaf, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=jit_compile)
    x, y = noise(rng, batch=8, samples=1600), np.ones((8, 1), "float32")
    leaf.build(x.shape)
    before = [weight.numpy() for weight in leaf.weights]
    losses = model.fit(x, y, batch_size=4, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all((old != new.numpy()).any() for old, new in zip(before, leaf.weights, strict=True))


def test_build_from_configs() -> None:
    """A config and a rate make the layer, whose config says the same numbers."""
    leaf = build(LeafConfig(num_filters=12, stride_ms=5.0), sample_rate=22050)
    assert isinstance(leaf, Leaf)
    assert leaf.name == "frontend"
    config = leaf.get_config()
    assert (config["num_filters"], config["stride_ms"], config["sample_rate"]) == (12, 5.0, 22050)
    mel = build(MelFilterbankConfig(compression="pcen"), sample_rate=16000)
    assert isinstance(mel, MelFilterbank)
    with pytest.raises(ValueError, match="config"):
        build("leaf", sample_rate=16000)  # type: ignore[arg-type]


def test_configs_load_no_keras() -> None:
    """`frontends.config` stays free of Keras, NumPy and TensorFlow; the public face is lazy."""
    script = (
        "import sys, frontends, frontends.config; "
        "assert not {'keras', 'numpy', 'tensorflow'} & set(sys.modules), sorted(sys.modules); "
        "assert {'Leaf', 'MelFilterbank'} <= set(dir(frontends))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_no_layer_imports_a_backend() -> None:
    """The layers are written in keras.ops."""
    for file in sorted((ROOT / "frontends").glob("*.py")):
        text = file.read_text()
        assert "import tensorflow" not in text, file
        assert "import jax" not in text, file


@pytest.mark.parametrize("name", ["compression", "inspect", "leaf", "mel"])
def test_the_examples_in_docstrings_run(name: str) -> None:
    """What a docstring shows is what happens."""
    results = doctest.testmod(importlib.import_module(f"frontends.{name}"), extraglobs={"np": np})
    assert results.attempted > 0
    assert results.failed == 0
