"""The figures of LEAF's paper (Zeghidour et al., ICLR 2021), to stand beside ours.

Single figures were confirmed by secondary sources, the others are recalled; the paper's splits are not published. The
intervals fit 1.96 sqrt(p (1 - p) / n), from which the numbers of test clips were deduced.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from frontends.config import (
    FrontendConfig,
    LeafConfig,
    MelFilterbankConfig,
    SincNetConfig,
    SincNetPlusConfig,
    TimeDomainFilterbankConfig,
    WavegramConfig,
)
from infra.card import DatasetCard

PaperTable = Literal["none", "single_task", "multitask", "audioset"]

PARAMETERS_AT_64_FILTERS = {
    "mel": "0",
    "mel_pcen": "256",
    "wavegram": "300 k",
    "time_domain": "51 k",
    "sincnet": "256",
    "sincnet_plus": "448",
    "leaf": "448",
}
_FRONTENDS: dict[str, FrontendConfig] = {
    "mel": MelFilterbankConfig(),
    "mel_pcen": MelFilterbankConfig(compression="spcen"),
    "wavegram": WavegramConfig(form="reference"),
    "time_domain": TimeDomainFilterbankConfig(),
    "sincnet": SincNetConfig(),
    "sincnet_plus": SincNetPlusConfig(),
    "leaf": LeafConfig(),
}
_COLUMNS = ("mel", "time_domain", "sincnet", "leaf")
# Accuracy in percent and half of its interval.
_SINGLE_TASK = {
    "acoustic_scenes": ((99.2, 0.4), (99.5, 0.3), (96.7, 0.9), (99.1, 0.5)),
    "birdsong": ((78.6, 1.0), (80.9, 0.9), (78.0, 1.0), (81.4, 0.9)),
    "emotion": ((49.1, 2.4), (57.1, 2.4), (44.2, 2.4), (57.8, 2.4)),
    "speaker_id": ((31.9, 0.7), (25.3, 0.7), (43.5, 0.8), (33.1, 0.7)),
    "instrument": ((72.0, 0.6), (70.0, 0.6), (70.3, 0.6), (72.0, 0.6)),
    "pitch": ((91.5, 0.3), (91.3, 0.3), (83.8, 0.5), (92.0, 0.3)),
    "speech_commands": ((92.4, 0.4), (87.3, 0.4), (89.2, 0.4), (93.4, 0.3)),
    "language": ((76.5, 0.4), (71.6, 0.5), (78.9, 0.4), (86.0, 0.4)),
}
_MULTITASK = {
    "acoustic_scenes": (99.1, 98.3, 91.0, 98.9),
    "birdsong": (81.3, 82.3, 78.8, 81.9),
    "emotion": (24.1, 24.4, 26.2, 31.9),
    "instrument": (70.7, 66.3, 67.4, 70.2),
    "pitch": (88.5, 86.4, 81.2, 88.6),
    "speech_commands": (93.6, 89.5, 91.4, 93.6),
    "language": (64.9, 58.9, 60.8, 69.6),
}
# AUC and d' of EfficientNetB0, then of CNN14.
_AUDIOSET = {
    "mel": ((0.968, 2.61), (0.972, 2.71)),
    "mel_pcen": ((0.967, 2.60), (0.973, 2.72)),
    "wavegram": ((0.958, 2.44), (0.961, 2.50)),
    "time_domain": ((0.965, 2.57), (0.972, 2.70)),
    "sincnet": ((0.961, 2.48), (0.970, 2.66)),
    "sincnet_plus": ((0.966, 2.58), (0.973, 2.71)),
    "leaf": ((0.968, 2.63), (0.974, 2.74)),
}
_AUDIOSET_ENCODERS = ("efficientnet_b0", "cnn14")
_TEST_CLIPS = {
    "acoustic_scenes": (1560, 1690),
    "birdsong": (7111, 7160),
    "emotion": (1600, 1650),
    "speaker_id": (15100, 16800),
    "instrument": (24400, 25600),
    "pitch": (24400, 25600),
    "speech_commands": (21000, 22000),
    "language": (34100, 37800),
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What the paper says of one front end on one task.

    Attributes:
      metric: of ours that it stands beside: "accuracy" or "AUC".
      value: in [0, 1].
      half_width: of its interval; None where none is printed.
      d_prime: beside an AUC.
    """

    metric: str
    value: float
    half_width: float | None = None
    d_prime: float | None = None


def paper_name(config: FrontendConfig) -> str | None:
    """Which of the paper's front ends this is, whatever its number of filters; None: none of them."""
    for name, reference in _FRONTENDS.items():
        if type(config) is type(reference) and _same_but_size(config, reference):
            return name
    return None


def parameters(config: FrontendConfig) -> str | None:
    """The paper's column of learnable parameters, where this is one of its front ends with 64 filters."""
    name = paper_name(config)
    return PARAMETERS_AT_64_FILTERS[name] if name and getattr(config, "num_filters", 64) == 64 else None


def figure(table: PaperTable, *, task: str, encoder: str, frontend: FrontendConfig) -> Figure | None:
    """The paper's figure, if it has one for this task, encoder and front end."""
    name = paper_name(frontend)
    if table == "audioset" and task == "audioset" and name and encoder in _AUDIOSET_ENCODERS:
        area, d_prime = _AUDIOSET[name][_AUDIOSET_ENCODERS.index(encoder)]
        return Figure(metric="AUC", value=area, d_prime=d_prime)
    if name not in _COLUMNS or encoder != "efficientnet_b0":
        return None
    column = _COLUMNS.index(name)
    if table == "single_task" and task in _SINGLE_TASK:
        value, half = _SINGLE_TASK[task][column]
        return Figure(metric="accuracy", value=round(value / 100, 4), half_width=round(half / 100, 4))
    if table == "multitask" and task in _MULTITASK:
        return Figure(metric="accuracy", value=round(_MULTITASK[task][column] / 100, 4))
    return None


def note(table: PaperTable, *, task: str, card: DatasetCard) -> str:
    """Why the paper's figures are of other data; empty where the snapshot has all that an official list names."""
    here = f"{card.split('test').clips:,} test clips here"
    if table == "audioset":
        if card.corpus == "audioset" and card.kept == card.listed:
            return ""
        return (
            f"Not the same data: {here}, and {card.listed - card.kept:,} of {card.listed:,} listed clips are missing."
        )
    low, high = _TEST_CLIPS.get(task, (0, 0))
    theirs = f"about {low:,} to {high:,} there, by the width of the intervals; " if high else ""
    return f"Not the same data: {here}, {theirs}the paper's split is not published."


def _same_but_size(config: FrontendConfig, reference: FrontendConfig) -> bool:
    free = {name: getattr(config, name) for name in ("num_filters", "precision") if hasattr(config, name)}
    return config == dataclasses.replace(reference, **free)
