"""Every public front end in each form that is computed in its own way, small: what contract and laws are tried on."""

import pytest

from frontends import Leaf, MelFilterbank, SincNet, SincNetPlus, TimeDomainFilterbank, Wavegram

FORMS = {
    "leaf": (Leaf, {"num_filters": 6}),
    "leaf-fast": (Leaf, {"num_filters": 6, "sample_rate": 22050, "precision": "fast", "compression": "log"}),
    "leaf-conditioned": (Leaf, {"num_filters": 6, "parametrization": "conditioned", "compression": None}),
    "leaf-mean": (Leaf, {"num_filters": 6, "scale": "erb", "pooling": "mean", "compression": "power"}),
    "leaf-max": (Leaf, {"num_filters": 6, "scale": "random", "seed": 3, "pooling": "max", "compression": "pcen"}),
    "mel": (MelFilterbank, {"num_filters": 23, "sample_rate": 22050}),
    "mel-centred": (MelFilterbank, {"num_filters": 6, "alignment": "centred", "compression": None}),
    "mel-pcen": (MelFilterbank, {"num_filters": 6, "compression": "spcen", "stride_ms": 5.0}),
    "time-domain": (TimeDomainFilterbank, {"num_filters": 5}),
    "time-domain-valid": (TimeDomainFilterbank, {"num_filters": 5, "padding": "valid", "compression": "spcen"}),
    "sincnet": (SincNet, {"num_filters": 5}),
    "sincnet-mean": (SincNet, {"num_filters": 5, "pooling": "mean", "compression": "power", "scale": "linear"}),
    "sincnet-plus": (SincNetPlus, {"num_filters": 5, "sample_rate": 22050}),
    "wavegram": (Wavegram, {}),
    "wavegram-reference": (Wavegram, {"form": "reference", "sample_rate": 32000}),
}
FRONT_ENDS = [pytest.param(*form, id=name) for name, form in FORMS.items()]
FILTERBANKS = [pytest.param(*form, id=name) for name, form in FORMS.items() if form[0] is not Wavegram]
