"""Recordings through libsndfile, block by block; a span is sought, and its samples are those of the whole."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from pipelines import audio
from pipelines.audio import Waveform
from pipelines.quality import QualityMeter
from pipelines.recording import BLOCK_SAMPLES, Recording, Undecodable
from pipelines.status import Rejected

DECODER = f"libsndfile {soundfile.__libsndfile_version__}"


def open_recording(source: bytes | BinaryIO, *, start: float | None = None, end: float | None = None) -> Recording:
    """Opens a file, given by path or open, from `start` to `end` seconds.

    Raises:
      Undecodable: libsndfile does not read it.
    """
    try:
        file = _Sequential(source)
        first = round((start or 0.0) * file.samplerate)
        if first:
            file.seek(min(first, file.frames))
    except soundfile.LibsndfileError as error:
        raise Undecodable(str(error.error_string)) from None
    left = file.frames - first
    kind = file.format
    wanted = left if end is None else max(0, round(end * file.samplerate) - first)
    meter = QualityMeter(file.samplerate)
    return Recording(
        rate=file.samplerate,
        channels=file.channels,
        format=f"{kind}/{file.subtype}",
        decoder=DECODER,
        blocks=_blocks(file, None if end is None else wanted, announced=left, kind=kind, meter=meter),
        meter=meter,
    )


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read on from where it is.

    soundfile seeks to where it already is after every read of a file that can: MP3 decodes wrongly behind such
    a seek, by up to 3 % of full scale, and Ogg and FLAC search for the place.
    """

    def seekable(self) -> bool:
        return False


def _blocks(
    file: soundfile.SoundFile, wanted: int | None, *, announced: int, kind: str, meter: QualityMeter
) -> Iterator[Waveform]:
    done, most = 0, max(min(BLOCK_SAMPLES // file.channels, announced + 1), 1024)  # one more shows where the end is
    buffer = np.empty((most, file.channels), np.float32)  # one for all: new memory is slower than decoding a WAV
    is_on = True
    with file:
        while is_on and (wanted is None or done < wanted):
            size = most if wanted is None else min(most, wanted - done)
            try:
                block = file.read(out=buffer[:size])
            except soundfile.LibsndfileError as error:
                raise Undecodable(str(error.error_string)) from None
            is_on = len(block) == size  # libsndfile returns less than it was asked for at the end alone
            done += len(block)
            if len(block):
                waveform = audio.mono(block)
                meter.add(block, waveform)
                yield waveform
        expected = announced if wanted is None else min(announced, wanted)
        if kind == "FLAC" and done < expected:
            raise Rejected("truncated", f"the file announces {announced} samples and has {done}")
