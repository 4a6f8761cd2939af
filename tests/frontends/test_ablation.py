"""The paper's switches: what each freezes and nothing else, and how many parameters learn with any of them."""

from collections.abc import Callable

import keras
import laws
import numpy as np
import pytest
from signals import noise

from frontends import Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank, Wavegram

Make = Callable[..., keras.layers.Layer]
ALL = ["learn_filters", "learn_pooling", "learn_compression"]
SWITCHES = {Leaf: ALL, SincNet: ALL, SincNetPlus: ALL, TimeDomainFilterbank: ALL, MelFilterbank: ALL[2:]}
FORMS = {
    "leaf": (Leaf, {}),
    "leaf-conditioned": (Leaf, {"parametrization": "conditioned", "compression": "power"}),
    "sincnet": (SincNet, {"pooling": "gaussian"}),
    "sincnet-plus": (SincNetPlus, {}),
    "time-domain": (TimeDomainFilterbank, {"compression": "spcen"}),
    "mel-pcen": (MelFilterbank, {"compression": "spcen"}),
}
N, K = 6, 401
OF_POOLING = {"gaussian": N, "mean": 0, "max": 0}
OF_COMPRESSION = {None: 0, "log": 0, "power": N, "pcen": 3 * N, "spcen": 4 * N, "layer_norm": 2 * N}


def switch_of(weight: keras.Variable) -> str:
    """The switch that freezes a weight, by its path."""
    if "/pooling/" in weight.path:
        return "learn_pooling"
    return "learn_filters" if "/filterbank/" in weight.path else "learn_compression"


@pytest.mark.parametrize(
    ("make", "arguments", "switches"),
    [
        pytest.param(make, arguments, switches, id="-".join([name, *switches]))
        for name, (make, arguments) in FORMS.items()
        for switches in [*([switch] for switch in SWITCHES[make]), SWITCHES[make]]
    ],
)
def test_a_switch_freezes_its_part(rng: np.random.Generator, make: Make, arguments: dict, switches: list[str]) -> None:
    """A step of the optimizer moves every weight of the other parts, and not a bit of this one."""
    layer, x = make(4, **arguments, **dict.fromkeys(switches, False)), noise(rng, batch=2, samples=800)
    layer.build(x.shape)
    before = {weight.path: weight.numpy() for weight in layer.weights}
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.Adam(1e-2), "mse", run_eagerly=True)
    if layer.trainable_weights:
        model.train_on_batch(x, rng.standard_normal(model(x).shape))
    assert {switch_of(weight) for weight in layer.weights} == set(SWITCHES[make])
    for weight in layer.weights:
        learns = switch_of(weight) not in switches
        assert any(weight is each for each in layer.trainable_weights) == learns, weight.path
        assert (weight.numpy() != before[weight.path]).any() == learns, weight.path


@pytest.mark.parametrize(("make", "arguments"), FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("built", [False, True])
def test_freezing_the_whole_thaws_no_part(make: Make, arguments: dict, built: bool) -> None:
    """After `trainable` was False and True again, what learns is what the arguments say."""
    for switch in SWITCHES[make]:
        layer, wanted = (make(4, **arguments, **{switch: False}) for _ in range(2))
        if built:
            layer.build((None, None))
        layer.trainable = False
        assert not layer.trainable_weights
        layer.trainable = True
        for each in (layer, wanted):
            if not each.built:
                each.build((None, None))
        names = [weight.path.split("/", 1)[1] for weight in layer.trainable_weights]
        assert names == [weight.path.split("/", 1)[1] for weight in wanted.trainable_weights]


@pytest.mark.parametrize(("make", "arguments"), FORMS.values(), ids=list(FORMS))
def test_a_frozen_layer_learns_nothing(make: Make, arguments: dict) -> None:
    """Keras's own switch reaches every weight; the LEAF code's sinc convolution hides its own from Keras."""
    layer = make(4, **arguments)
    layer.build((None, 800))
    assert len(layer.trainable_weights) == len(layer.weights)
    layer.trainable = False
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == len(layer.weights)


@pytest.mark.parametrize("compression", OF_COMPRESSION)
@pytest.mark.parametrize("pooling", OF_POOLING)
@pytest.mark.parametrize(
    ("make", "of_filters"), [(Leaf, 2 * N), (SincNet, 2 * N), (SincNetPlus, 2 * N), (TimeDomainFilterbank, 2 * N * K)]
)
def test_counts_of_any_filterbank(make: Make, of_filters: int, pooling: str, compression: str | None) -> None:
    """Filters, pooling and compression add up; "pcen" keeps its smoothing, N more, fixed."""
    layer = make(N, pooling=pooling, compression=compression)
    count = of_filters + OF_POOLING[pooling] + OF_COMPRESSION[compression]
    assert laws.trainable_count(layer) == count
    assert layer.count_params() == count + (N if compression == "pcen" else 0)


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (MelFilterbank(64), 0),
        (MelFilterbank(64, compression="spcen"), 256),
        (TimeDomainFilterbank(64), 51_729),
        (SincNet(64), 256),
        (SincNetPlus(64), 448),
        (Leaf(64), 448),
        (Leaf(64, parametrization="conditioned"), 448),
        (Wavegram("reference"), 309_568),
        (Wavegram(), 238_144),
    ],
    ids=lambda value: value.name if isinstance(value, keras.layers.Layer) else str(value),
)
def test_counts_of_the_paper(layer: keras.layers.Layer, count: int) -> None:
    """With 64 filters; the LEAF code learns 192 of SincNet+, whose PCEN it freezes."""
    assert laws.trainable_count(layer) == count
