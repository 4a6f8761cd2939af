"""Recordings through libsndfile, block by block; a span is sought, and its samples are those of the whole."""

import functools
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile
from soundfile import _ffi, _snd  # libsndfile itself: `SoundFile` around it takes longer than a short WAV to decode

from pipelines.audio import Block
from pipelines.recording import BLOCK_SAMPLES, Recording, Undecodable
from pipelines.status import Rejected

DECODER = f"libsndfile {soundfile.__libsndfile_version__}"


def open_recording(
    source: bytes | int | BinaryIO, *, start: float | None = None, end: float | None = None
) -> Recording:
    """Opens a file from `start` to `end` seconds.

    Args:
      source: its path; or it, open, as a descriptor that is closed with the recording, or as an object. Of a path,
        libsndfile takes a third longer to open a short WAV, looks for a second file beside it (Sound Designer keeps
        its header there), and believes in its suffix where it knows no beginning.
      start: None: from the beginning.
      end: None: to the end.

    Raises:
      Undecodable: libsndfile does not read it.
    """
    try:
        file = _File(source)
        first = round((start or 0.0) * file.rate)
        if first:
            file.seek(min(first, file.length))
    except soundfile.LibsndfileError as error:
        raise Undecodable(str(error.error_string)) from None
    left = file.length - first
    kind, coding = _names(file.format)
    wanted = None if end is None else max(0, round(end * file.rate) - first)
    return Recording(
        rate=file.rate,
        channels=file.channels,
        format=f"{kind}/{coding}",
        decoder=DECODER,
        blocks=_blocks(file, wanted, announced=left, kind=kind),
    )


class _File:
    """A file that is read on from where it is.

    soundfile's own class seeks to where it already is after every read: MP3 decodes wrongly behind such a seek, by up
    to 3 % of full scale, and Ogg and FLAC search for the place.
    """

    def __init__(self, source: bytes | int | BinaryIO) -> None:
        self._file, self._owner = _ffi.NULL, None
        if isinstance(source, bytes | int):
            info = _ffi.new("SF_INFO*")
            if isinstance(source, bytes):
                self._file = _snd.sf_open(source, _snd.SFM_READ, info)
            else:
                self._file = _snd.sf_open_fd(source, _snd.SFM_READ, info, True)
            if self._file == _ffi.NULL:
                raise soundfile.LibsndfileError(_snd.sf_error(_ffi.NULL))
        else:
            self._owner = soundfile.SoundFile(source)
            self._file, info = self._owner._file, self._owner._info
        self.rate, self.channels, self.length, self.format = info.samplerate, info.channels, info.frames, info.format

    def seek(self, position: int) -> None:
        _snd.sf_seek(self._file, position, 0)
        self._check()

    def read(self, block: Block) -> int:
        """Fills a block; returns how many samples of each channel there were."""
        found: int = _snd.sf_readf_float(self._file, _ffi.from_buffer("float[]", block), len(block))
        self._check()
        return found

    def close(self) -> None:
        if self._owner:
            self._owner.close()
        elif self._file != _ffi.NULL:
            _snd.sf_close(self._file)
        self._file = _ffi.NULL

    __del__ = close  # nobody may ask for the first block

    def _check(self) -> None:
        code = _snd.sf_error(self._file)
        if code:
            raise soundfile.LibsndfileError(code)


def _blocks(file: _File, wanted: int | None, *, announced: int, kind: str) -> Iterator[Block]:
    done, most = 0, max(min(BLOCK_SAMPLES // file.channels, announced + 1), 1024)  # one more shows where the end is
    is_on = True
    try:
        while is_on and (wanted is None or done < wanted):
            size = most if wanted is None else min(most, wanted - done)
            block = np.empty((size, file.channels), np.float32)
            found = file.read(block)
            is_on = found == size  # libsndfile returns less than it was asked for at the end alone
            done += found
            if found:
                yield block[:found]
        expected = announced if wanted is None else min(announced, wanted)
        if kind == "FLAC" and done < expected:
            raise Rejected("truncated", f"the file announces {announced} samples and has {done}")
    except soundfile.LibsndfileError as error:
        raise Undecodable(str(error.error_string)) from None
    finally:
        file.close()


@functools.cache
def _names(kind: int) -> tuple[str, str]:
    """What soundfile calls a file format and its coding."""
    return soundfile._format_str(kind & _snd.SF_FORMAT_TYPEMASK), soundfile._format_str(kind & _snd.SF_FORMAT_SUBMASK)
