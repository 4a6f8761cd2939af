"""The corpus that is made from a seed: sounds that differ in kind, at random pitch, level and noise."""

from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig

LICENCE = "Apache-2.0, as leafworks"
CITATION = "leafworks, synthetic corpus"
SOURCE_PAGE = "made by pipelines/synthesis.py"

CLASSES = (
    "am_tone",
    "chirp_down",
    "chirp_up",
    "clicks",
    "fm_tone",
    "harmonic_stack",
    "high_noise",
    "low_noise",
    "noise_bursts",
    "pure_tone",
    "two_tone",
)
URI_SCHEME = "synthetic:"


def list_clips(_source: Path, config: PrepareConfig) -> Listed:
    """Every class `clips_per_class` times; 60 % train, 20 % validation, 20 % test of each."""
    count = config.synthetic.clips_per_class
    clips = tuple(_clip(name, index, count) for name in CLASSES for index in range(count))
    return Listed(clips=clips, folder="")


def _clip(name: str, index: int, count: int) -> Clip:
    clip_id = f"{name}/{index:05d}"
    position = (index + 0.5) / count
    split = "train" if position < 0.6 else "validation" if position < 0.8 else "test"
    return Clip(clip_id=clip_id, source=f"{URI_SCHEME}{clip_id}", labels=(name,), split=split, group=clip_id)
