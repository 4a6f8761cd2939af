"""The workflows that leafworks ships, and how one is read from a file."""

import runpy
from pathlib import Path

from frontends.config import (
    FrontendConfig,
    LeafConfig,
    MelFilterbankConfig,
    SincNetConfig,
    SincNetPlusConfig,
    TimeDomainFilterbankConfig,
    WavegramConfig,
)
from workflows import esc10, folder, fsdd, quickstart
from workflows.workflow import Workflow

MODULES = {"quickstart": quickstart, "fsdd": fsdd, "esc10": esc10, "folder": folder}

CORPORA: dict[str, str] = {
    "synthetic": "Eleven classes of sounds made from a seed; needs no source.",
    "folder": "Any folder of recordings: a class per sub-folder, or a table with path, label[, split][, group].",
    "fsdd": "Free Spoken Digit Dataset: 3,000 spoken digits of 6 speakers, 8 kHz.",
    "esc10": "ESC-10: 400 environmental sounds of 10 classes in 5 folds, 44.1 kHz (or those rows of ESC-50).",
    "audioset": "AudioSet: the published segment lists, 527 classes, and the audio one has of them, in any habit.",
}
FRONTENDS: dict[str, str] = {
    "mel": "Mel filterbank energies, logarithm or (mel_pcen) learned PCEN; fixed filters.",
    "leaf": "LEAF: learned Gabor filters, Gaussian pooling and PCEN; 7 parameters per filter.",
    "time_domain": "Time-domain filterbank: free kernels started from Gabor filters, a learned low-pass, logarithm.",
    "sincnet": "SincNet: learned sinc band-pass filters, max pooling, layer normalisation; 4 parameters per filter.",
    "sincnet_plus": "SincNet+: the same filters with LEAF's Gaussian pooling and PCEN; 7 parameters per filter.",
    "wavegram": "Wavegram: a learned stack of convolutions over the waveform.",
}
# What `inspect` and `featurize` know by name: the defaults of each, and mel with learned PCEN.
NAMED_FRONTENDS: dict[str, FrontendConfig] = {
    "mel": MelFilterbankConfig(),
    "mel_pcen": MelFilterbankConfig(compression="spcen"),
    "leaf": LeafConfig(),
    "time_domain": TimeDomainFilterbankConfig(),
    "sincnet": SincNetConfig(),
    "sincnet_plus": SincNetPlusConfig(),
    "wavegram": WavegramConfig(),
}
ENCODERS: dict[str, str] = {
    "conv_net": "The small ConvNet of the original LEAF code, with a width multiplier.",
    "efficientnet_b0": "EfficientNetB0 from scratch, its input unscaled.",
}


def load(name_or_file: str) -> Workflow:
    """The workflow called `name_or_file`, or the `WORKFLOW` of a Python file.

    Raises:
      ValueError: neither a name nor such a file.
    """
    if name_or_file in MODULES:
        shipped: Workflow = MODULES[name_or_file].WORKFLOW
        return shipped
    if not name_or_file.endswith(".py") or not Path(name_or_file).is_file():
        raise ValueError(
            f"A workflow is one of {sorted(MODULES)} or the path of a .py file. Received: {name_or_file!r}."
        )
    workflow = runpy.run_path(name_or_file).get("WORKFLOW")
    if not isinstance(workflow, Workflow):
        raise ValueError(f"{name_or_file} must define `WORKFLOW = Workflow(...)`. Received: {workflow!r}.")
    return workflow


def description(name: str) -> str:
    """The first line of a shipped workflow's file."""
    return (MODULES[name].__doc__ or "").splitlines()[0]
