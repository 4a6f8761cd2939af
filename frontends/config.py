"""One frozen dataclass per front end, in human units (ms, Hz). Stdlib only.

A field has the name, the meaning and the default of the layer's argument; see the layer's docstring. The sample rate
is not here: it belongs to the snapshot's card and is given to `frontends.build.build`.
"""

from dataclasses import dataclass
from typing import Literal

Compression = Literal["log", "power", "pcen", "spcen", "layer_norm"] | None
Pooling = Literal["gaussian", "max", "mean"]
Scale = Literal["mel", "bark", "erb", "linear", "random"]


@dataclass(frozen=True, kw_only=True)
class MelFilterbankConfig:
    """Mel filterbank energies; compression "spcen" makes it Mel-PCEN. See `frontends.MelFilterbank`."""

    kind: Literal["mel"] = "mel"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 60.0
    max_hz: float = 7800.0
    alignment: Literal["start", "centred"] = "start"
    compression: Compression = "log"
    learn_compression: bool = True

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class LeafConfig:
    """LEAF; see `frontends.Leaf`."""

    kind: Literal["leaf"] = "leaf"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 60.0
    max_hz: float = 7800.0
    scale: Scale = "mel"
    seed: int = 0
    parametrization: Literal["reference", "conditioned"] = "reference"
    precision: Literal["exact", "fast"] = "exact"
    pooling: Pooling = "gaussian"
    compression: Compression = "spcen"
    learn_filters: bool = True
    learn_pooling: bool = True
    learn_compression: bool = True

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class TimeDomainFilterbankConfig:
    """Free convolution kernels started from Gabor filters; see `frontends.TimeDomainFilterbank`."""

    kind: Literal["time_domain"] = "time_domain"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 60.0
    max_hz: float = 7800.0
    scale: Scale = "mel"
    seed: int = 0
    padding: Literal["same", "valid"] = "same"
    pooling: Literal["lowpass", "gaussian", "max", "mean"] = "lowpass"
    compression: Compression = "log"
    learn_filters: bool = True
    learn_pooling: bool = True
    learn_compression: bool = True

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class SincNetConfig:
    """Sinc band-pass filters, max pooling, layer normalisation; see `frontends.SincNet`."""

    kind: Literal["sincnet"] = "sincnet"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 50.0
    max_hz: float = 7900.0
    scale: Scale = "mel"
    seed: int = 0
    pooling: Pooling = "max"
    compression: Compression = "layer_norm"
    learn_filters: bool = True
    learn_pooling: bool = True
    learn_compression: bool = True

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class SincNetPlusConfig:
    """Sinc band-pass filters with LEAF's pooling and sPCEN; see `frontends.SincNetPlus`."""

    kind: Literal["sincnet_plus"] = "sincnet_plus"
    num_filters: int = 40
    window_ms: float = 25.0
    stride_ms: float = 10.0
    min_hz: float = 50.0
    max_hz: float = 7900.0
    scale: Scale = "mel"
    seed: int = 0
    pooling: Pooling = "gaussian"
    compression: Compression = "spcen"
    learn_filters: bool = True
    learn_pooling: bool = True
    learn_compression: bool = True

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True)
class WavegramConfig:
    """A learned stack of convolutions; see `frontends.Wavegram`. Its strides count samples, not milliseconds."""

    kind: Literal["wavegram"] = "wavegram"
    form: Literal["panns", "reference"] = "panns"


FrontendConfig = (
    MelFilterbankConfig | LeafConfig | TimeDomainFilterbankConfig | SincNetConfig | SincNetPlusConfig | WavegramConfig
)
_Filterbank = MelFilterbankConfig | LeafConfig | TimeDomainFilterbankConfig | SincNetConfig | SincNetPlusConfig


def _check(config: _Filterbank) -> None:
    rules = (
        ("num_filters >= 1", config.num_filters >= 1, config.num_filters),
        ("0 < stride_ms", config.stride_ms > 0, config.stride_ms),
        ("0 < window_ms", config.window_ms > 0, config.window_ms),
        ("0 <= min_hz < max_hz", 0 <= config.min_hz < config.max_hz, (config.min_hz, config.max_hz)),
    )
    for rule, holds, received in rules:
        if not holds:
            raise ValueError(f"Rule: {rule}. Received: {received!r} for the front end `{config.kind}`.")
