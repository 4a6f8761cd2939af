"""A clip to look at and listen to: its spectrogram and its sound, as data that an HTML page can hold."""

import base64
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from matplotlib import image

from pipelines import sndfile
from pipelines.audio import Samples, Waveform, mono
from pipelines.copies import Stored
from pipelines.ledger import Row
from pipelines.recording import Undecodable
from pipelines.status import Rejected

_SECONDS = 5.0
_RANGE_DB = 80.0
_LEVEL = 10.0 ** (-60.0 / 20.0)  # clips below are made as loud as this to be seen
_WIDTH, _HEIGHT = 400, 128
_NEVER_OPENED = {"crashed", "timed_out", "missing", "changed", "empty", "unsupported"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A clip on the page.

    Attributes:
      row: its line of the ledger.
      spectrogram: PNG as a data URI, low frequencies below; empty: it could not be decoded.
      sound: WAV as a data URI; empty: none.
      seconds: that are shown.
      top_hz: frequency of the upper edge.
    """

    row: Row
    spectrogram: str = ""
    sound: str = ""
    seconds: float = 0.0
    top_hz: float = 0.0


def some(rows: Iterable[Row], number: int, *, kinds: Sequence[str], kind: str) -> list[Row]:
    """Up to `number` rows, by a hash of their ids, a round of one per kind after the other.

    `kind` is "label" or "status"; `kinds` are in the order of a round.
    """
    queues: dict[str, list[Row]] = {name: [] for name in kinds}
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.clip_id.encode()).digest()):
        for name in row.labels if kind == "label" else (row.status,):
            if len(queues[name]) < number:
                queues[name].append(row)
    chosen: dict[str, Row] = {}
    for turn in range(number):
        for queue in queues.values():
            if turn < len(queue) and len(chosen) < number:
                chosen.setdefault(queue[turn].clip_id, queue[turn])
    return list(chosen.values())


def of_kept(clip: Stored) -> Picture:
    """From its record."""
    samples = clip.samples()[: round(_SECONDS * clip.rate)]
    return _picture(
        clip.row, samples.astype(np.float32) / np.float32(32_768), clip.rate, sound=_wav(samples, clip.rate)
    )


def of_rejected(row: Row, source: Path) -> Picture:
    """From its recording, as far as libsndfile reads it; what is in archives or endangers a decoder is left alone."""
    path = source / row.source
    if row.status in _NEVER_OPENED or getattr(row, "member", None) is not None or not path.is_file():
        return Picture(row=row)
    begin = row.start or 0.0
    blocks: list[Waveform] = []
    rate = 0
    try:
        end = min(begin + _SECONDS, row.end or np.inf)
        recording = sndfile.open_recording(os.fsencode(path), start=begin, end=end)
        rate = recording.rate
        blocks.extend(map(mono, recording.blocks))
    except (Undecodable, Rejected):  # it was rejected for something: what comes before it is shown
        pass
    if not blocks:
        return Picture(row=row)
    return _picture(row, np.nan_to_num(np.concatenate(blocks)), rate)


def _picture(row: Row, waveform: Waveform, rate: int, *, sound: str = "") -> Picture:
    return Picture(
        row=row,
        spectrogram=_png(_spectrogram(waveform)),
        sound=sound,
        seconds=len(waveform) / rate,
        top_hz=rate / 2.0,
    )


def _spectrogram(waveform: Waveform) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Power in dB, [bins, frames], about 400 frames of 512 samples."""
    window = 2 * _HEIGHT
    padded = np.pad(waveform, (0, max(0, window - len(waveform))))
    begins = np.linspace(0, len(padded) - window, min(_WIDTH, max(1, len(padded) // 64))).astype(int)
    frames = padded[begins[:, None] + np.arange(window)] * np.hanning(window)
    power = np.square(np.abs(np.fft.rfft(frames.astype(np.float32))[:, :_HEIGHT]))
    loudest = max(float(power.max()), _LEVEL)
    return np.asarray(10.0 * np.log10(np.maximum(power.T / loudest, 10.0 ** (-_RANGE_DB / 10.0))))


def _png(decibels: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> str:
    stream = io.BytesIO()
    image.imsave(stream, decibels, cmap="magma", vmin=-_RANGE_DB, vmax=0.0, origin="lower", format="png")
    return _uri("image/png", stream)


def _wav(samples: Samples, rate: int) -> str:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV")
    return _uri("audio/wav", stream)


def _uri(kind: str, stream: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
