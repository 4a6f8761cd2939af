"""Corpora for measuring, from the real recordings below a folder; repeated under other names until there are enough."""

import shutil
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS = 44_100, 10


def as_they_are(source: Path, target: Path, clips: int) -> None:
    """WAV, FLAC and Ogg of all rates and lengths that there are."""
    for index, path in enumerate(islice(cycle(_recordings(source)), clips)):
        shutil.copyfile(path, _place(target, index, path.suffix))


def ogg(source: Path, target: Path, clips: int) -> None:
    """The Ogg Vorbis files among them: 5 s, 44.1 kHz, mono in ESC-50."""
    found = [path for path in _recordings(source) if path.suffix == ".ogg"]
    for index, path in enumerate(islice(cycle(found), clips)):
        shutil.copyfile(path, _place(target, index, path.suffix))


def mp3(source: Path, target: Path, clips: int) -> None:
    """10 s of 44.1 kHz, mono, encoded as MP3."""
    for index, (left, _) in enumerate(islice(_long(source), clips)):
        soundfile.write(_place(target, index, ".mp3"), left, RATE, format="MP3")


def flac(source: Path, target: Path, clips: int) -> None:
    """10 s of 44.1 kHz, stereo, 16-bit FLAC, as AudioSet is often kept."""
    for index, (left, right) in enumerate(islice(_long(source), clips)):
        stereo = np.stack([0.8 * left + 0.2 * right, 0.2 * left + 0.8 * right], axis=1)
        soundfile.write(_place(target, index, ".flac"), stereo, RATE, subtype="PCM_16")


# Name -> its maker, and the clips of it that make about as much work.
CORPORA: dict[str, tuple[Callable[[Path, Path, int], None], int]] = {
    "FLAC, 10 s, 44.1 kHz, stereo": (flac, 600),
    "Ogg Vorbis, 5 s, 44.1 kHz, mono": (ogg, 1200),
    "MP3, 10 s, 44.1 kHz, mono": (mp3, 800),
    "as they are, 1.1 s in the mean": (as_they_are, 8000),
}


def _recordings(source: Path) -> list[Path]:
    found = sorted(path for path in source.rglob("*") if path.suffix in {".wav", ".flac", ".ogg"})
    if not found:
        raise SystemExit(f"No recordings below {source}: name a folder with --recordings.")
    return found


def _long(source: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of 10 s, each a few of the recordings of 44.1 kHz one behind the other."""
    sounds = cycle(path for path in _recordings(source) if soundfile.info(path).samplerate == RATE)

    def long() -> np.ndarray:
        parts: list[np.ndarray] = []
        while sum(map(len, parts)) < RATE * SECONDS:
            parts.append(soundfile.read(next(sounds), dtype="float32", always_2d=True)[0][:, 0])
        return np.concatenate(parts)[: RATE * SECONDS]

    while True:
        yield long(), long()


def _place(target: Path, index: int, suffix: str) -> Path:
    path = target / f"class{index % 7}" / f"{index:06d}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
