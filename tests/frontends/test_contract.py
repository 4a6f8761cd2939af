"""The Keras contract: shapes, serialisation, precision, compilation, errors."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import laws
import numpy as np
import pytest
from layers import FILTERBANKS, FORMS, FRONT_ENDS
from reference import relative
from signals import noise

import frontends
from frontends import Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank, Wavegram
from frontends.build import LAYERS, build
from frontends.config import LeafConfig

ROOT = Path(__file__).parents[2]
Rng = np.random.Generator
Make = Callable[..., keras.layers.Layer]
LEARNED = [Leaf, TimeDomainFilterbank, SincNet, SincNetPlus]
PCEN = ["alpha", "delta", "root", "smooth"]


@pytest.mark.parametrize(("make", "arguments"), FRONT_ENDS)
def test_config_round_trip(make: Make, arguments: dict) -> None:
    """Every argument is in the config, those that freeze and the dtype too, and makes the same layer again."""
    laws.assert_config_round_trip(make(**arguments), arguments)
    frozen = {name: False for name in make().get_config() if name.startswith("learn_")}
    again = make.from_config(make(**arguments, **frozen, dtype="mixed_bfloat16", name="here").get_config())
    assert frozen.items() <= again.get_config().items()
    assert (again.name, again.dtype_policy.name) == ("here", "mixed_bfloat16")


@pytest.mark.parametrize(("make", "arguments"), FRONT_ENDS)
def test_symbolic_shape_is_the_eager_one(make: Make, arguments: dict) -> None:
    """Shapes are known before anything is computed."""
    laws.assert_shapes_agree(make(**arguments))


@pytest.mark.parametrize(("make", "arguments"), FRONT_ENDS)
def test_only_mono_is_taken(make: Make, arguments: dict) -> None:
    """The LEAF code hears the left channel with half of the filters and the right with the others."""
    laws.assert_only_mono_is_taken(partial(make, **arguments))


def test_an_unknown_number_of_channels_is_refused() -> None:
    """Where shapes are all that is known."""
    for shape in [(2, 3000, None), (2, 3000, 2), (3000,)]:
        with pytest.raises(ValueError, match=r"`Leaf` takes mono waveforms.*Received: shape="):
            Leaf().compute_output_shape(shape)
        with pytest.raises(ValueError, match="mono waveforms"):
            Leaf()(keras.KerasTensor(shape))


@pytest.mark.parametrize(
    ("makes", "arguments", "message"),
    [
        ([*LEARNED, MelFilterbank], {"sample_rate": 8000}, r"sample_rate=8000.*max_hz=3900"),
        ([*LEARNED, MelFilterbank], {"sample_rate": 0}, "sample_rate=0"),
        ([*LEARNED, MelFilterbank], {"num_filters": 0}, "num_filters=0"),
        ([*LEARNED, MelFilterbank], {"min_hz": 500.0, "max_hz": 400.0}, r"min_hz=500\.0, max_hz=400\.0"),
        ([*LEARNED, MelFilterbank], {"window_ms": 0.01}, r"window_ms=0\.01"),
        ([*LEARNED, MelFilterbank], {"stride_ms": 0.0}, r"stride_ms=0\.0"),
        ([*LEARNED, MelFilterbank], {"compression": "cube"}, r'"layer_norm" or None.*compression=\'cube\''),
        (LEARNED, {"scale": "cents"}, r"'random'.*scale='cents'"),
        (LEARNED, {"pooling": "median"}, r"gaussian.*pooling='median'"),
        ([Leaf], {"parametrization": "polar"}, r"'conditioned'.*parametrization='polar'"),
        ([Leaf], {"precision": "double"}, r"'fast'.*precision='double'"),
        ([MelFilterbank], {"alignment": "left"}, r"\"centred\".*alignment='left'"),
        ([TimeDomainFilterbank], {"padding": "causal"}, r"\"valid\".*padding='causal'"),
        ([TimeDomainFilterbank], {"pooling": "median"}, r"lowpass.*pooling='median'"),
        ([Wavegram], {"form": "leaf"}, r"\"reference\".*form='leaf'"),
    ],
)
def test_errors_say_what_was_received(makes: list[Make], arguments: dict, message: str) -> None:
    """A wrong argument is refused where it is given, with its value and what would do."""
    for make in makes:
        with pytest.raises(ValueError, match=message):
            make(**arguments)


def test_nothing_is_shared() -> None:
    """Two front ends have no weight in common, also of different sizes: the LEAF code shares one default PCEN."""
    layers = [make(**arguments) for make, arguments in FORMS.values() for _ in range(2)]
    layers += [Leaf(64), MelFilterbank(64, compression="spcen"), SincNetPlus(64)]
    for layer in layers:
        layer.build((None, 2000))
    weights = [id(weight.value) for layer in layers for weight in layer.weights]
    parts = [id(part) for layer in layers for part in layer._flatten_layers()]
    assert len(set(weights)) == len(weights)
    assert len(set(parts)) == len(parts)


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (Leaf(), ["filterbank/center", "filterbank/sigma", "filterbank/pooling/width", *(f"spcen/{n}" for n in PCEN)]),
        (MelFilterbank(compression="pcen"), [f"pcen/{name}" for name in PCEN]),
        (TimeDomainFilterbank(compression="power"), ["filterbank/kernel", "filterbank/pooling/window", "power/root"]),
        (SincNet(), ["filterbank/edges", "layer_norm/gamma", "layer_norm/beta"]),
        (SincNetPlus(compression=None), ["filterbank/edges", "filterbank/pooling/width"]),
    ],
    ids=lambda value: value.name if isinstance(value, keras.layers.Layer) else "",
)
def test_weight_names_are_stable(layer: keras.layers.Layer, wanted: list[str]) -> None:
    """Weights are found by these paths in any model."""
    layer.build((None, 2000))
    assert [weight.path for weight in layer.weights] == [f"{layer.name}/{path}" for path in wanted]


def test_weight_names_of_wavegram() -> None:
    """Nine convolutions, by their places."""
    layer = Wavegram(name="frontend")
    layer.build((None, 2000))
    paths = [weight.path for weight in layer.weights]
    blocks = [f"block{block}_dilation{dilation}" for block in (1, 2, 3) for dilation in (1, 2)]
    names = ["convolution/kernel", *(f"normalization/{name}" for name in ("gamma", "beta"))]
    names += [f"normalization/moving_{name}" for name in ("mean", "variance")]
    assert set(paths) == {f"frontend/{cnr}/{name}" for cnr in ("first", *blocks, "last1", "last2") for name in names}
    assert len(paths) == 45


# Keras 3.15 converts weights in a way that NumPy 2.4 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saved_models_open_in_a_fresh_process(tmp_path: Path, rng: Rng) -> None:
    """A .keras file with trained weights gives the same features to a process that imports the front ends."""
    x = noise(rng, batch=2, samples=2000)
    waveform = keras.Input((2000,))
    model = keras.Model(waveform, {name: make(**arguments)(waveform) for name, (make, arguments) in FORMS.items()})
    for weight in model.weights:
        weight.assign(weight.numpy() * 1.01 + 1e-3)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "in.npz", x=x)
    script = (
        "import sys, numpy as np, keras; from frontends import Leaf, MelFilterbank, SincNet, TimeDomainFilterbank; "
        "from frontends import SincNetPlus, Wavegram; m = keras.saving.load_model(sys.argv[1] + '/model.keras'); "
        "np.savez(sys.argv[1] + '/out.npz', **m(np.load(sys.argv[1] + '/in.npz')['x']))"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    with np.load(tmp_path / "out.npz") as out:
        for name, features in model(x).items():
            assert relative(out[name], np.asarray(features, np.float64)) <= 1e-5, name


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_bfloat16", 8e-3), ("mixed_float16", 1e-3), ("float64", 1e-4)]
)
@pytest.mark.parametrize(("make", "arguments"), FILTERBANKS)
def test_precision(rng: Rng, make: Make, arguments: dict, policy: str, tolerance: float) -> None:
    """The LEAF code has kernels in complex64 under every policy: half precision fails in it, and float64 too."""
    laws.assert_precision(partial(make, **arguments), rng, policy=policy, tolerance=tolerance)


@pytest.mark.parametrize(("make", "arguments"), FRONT_ENDS)
def test_compiled_equals_eager(rng: Rng, make: Make, arguments: dict) -> None:
    """In a graph of known length under XLA, once for all weights, and in one of unknown length."""
    laws.assert_compiled_equals_eager(make(**arguments), rng)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_trains_in_keras(rng: Rng, jit_compile: bool) -> None:
    """A model with LEAF fits, compiled or not; its weights move and the loss falls."""
    leaf = Leaf(2)
    model = keras.Sequential([leaf, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=jit_compile)
    x, y = noise(rng, batch=8, samples=800), np.ones((8, 1), "float32")
    leaf.build(x.shape)
    before = [weight.numpy() for weight in leaf.weights]
    losses = model.fit(x, y, batch_size=4, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all((old != new.numpy()).any() for old, new in zip(before, leaf.weights, strict=True))


@pytest.mark.parametrize(("config", "layer"), LAYERS.items(), ids=lambda value: value.__name__)
def test_build_from_configs(config: type, layer: type) -> None:
    """A config of defaults and a rate make the layer of defaults, under a name of its own."""
    built = build(config(), sample_rate=16000)
    assert type(built) is layer
    assert built.get_config() == layer(name="frontend").get_config()


def test_what_a_config_says_is_built() -> None:
    """Its fields are the layer's arguments, and the rate is given."""
    config = LeafConfig(num_filters=12, stride_ms=5.0, precision="fast", compression=None, learn_filters=False)
    fields = {name: value for name, value in vars(config).items() if name != "kind"}
    assert (fields | {"sample_rate": 22050}).items() <= build(config, sample_rate=22050).get_config().items()
    with pytest.raises(ValueError, match="config='leaf'"):
        build("leaf", sample_rate=16000)  # type: ignore[arg-type]


def test_configs_load_no_keras() -> None:
    """`frontends.config` stays free of Keras, NumPy and TensorFlow; the public face is lazy."""
    script = (
        "import sys, frontends, frontends.config; "
        "assert not {'keras', 'numpy', 'tensorflow'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    assert {layer.__name__ for layer in LAYERS.values()} | {"PCEN"} <= set(frontends.__all__)
    assert all(hasattr(frontends, name) for name in frontends.__all__)


def test_no_layer_imports_a_backend() -> None:
    """The layers are written in keras.ops."""
    for file in sorted((ROOT / "frontends").glob("*.py")):
        text = file.read_text()
        for backend in ("tensorflow", "jax", "torch"):
            assert f"import {backend}" not in text, file
            assert f"from {backend}" not in text, file


@pytest.mark.parametrize("name", ["compression", "inspect", "leaf", "mel", "pcen", "sinc", "time_domain", "wavegram"])
def test_the_examples_in_docstrings_run(name: str) -> None:
    """What a docstring shows is what happens."""
    laws.assert_examples_run(name)
