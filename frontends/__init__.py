"""Keras layers that turn waveforms into features: `from frontends import Leaf, MelFilterbank`.

Loaded lazily, so that `frontends.config` stays free of Keras.
"""

import lazy_loader  # type: ignore[import-untyped]

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "compression": ["PCEN"],
        "inspect": ["frequency_responses", "physical_parameters"],
        "leaf": ["Leaf"],
        "mel": ["MelFilterbank"],
        "sinc": ["SincNet", "SincNetPlus"],
        "time_domain": ["TimeDomainFilterbank"],
        "wavegram": ["Wavegram"],
    },
)
