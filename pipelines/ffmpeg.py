"""Recordings through FFmpeg (PyAV), for what libsndfile does not read; resampling stays soxr's.

Encoders add samples in front and behind: what a container says of them is followed, by FFmpeg in front and here
behind. A span is sought to a packet a little before it; where a container has times in samples (MP4), or none at
all (ADTS), it is exact to the sample; WebM has milliseconds, which frames of one length make exact (Opus, AAC), and
others do not (Vorbis: to 1 ms).
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from pipelines import boxes, mpeg
from pipelines.audio import Block
from pipelines.contents import Content, Pieces
from pipelines.recording import BLOCK_SAMPLES, Recording, Undecodable
from pipelines.status import Rejected

DECODER = f"FFmpeg {av.ffmpeg_version_info} (PyAV {av.__version__})"
# None that opens other files or addresses (playlists), or that guesses (raw samples, subtitles).
_FORMATS = (
    "aac,ac3,adx,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,loas,matroska,webm,mov,mp4,m4a,"
    "3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,oga,ogg,rm,shn,smjpeg,sol,sox,swf,tak,tta,voc,w64,wav,"
    "wtv,wv,xwma"
)
_SAYS_LENGTH = ("mov", "matroska", "asf", "wav", "w64", "caf", "flac", "wv", "tta", "aiff", "ape", "nistsphere")
_ONE_FOR_ONE = ("flac", "aac", "alac", "opus", "mp3", "mp3float", "amrnb", "amrwb", "ac3", "eac3")  # packet, frame
_PREROLL_SECONDS = 0.5  # decoded before a span: codecs need the packets before for the first samples
_PREROLL_FRAMES, _ADTS_SAMPLES = 8, 1024
_ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_TOLERANCE_SECONDS = 0.1  # between what a container announces and what it holds


def open_recording(
    pieces: Sequence[Content | bytes], *, name: str | None, start: float | None = None, end: float | None = None
) -> Recording:
    """Opens what the pieces hold from `start` to `end` seconds; `name` is what we call its container.

    Raises:
      Undecodable: FFmpeg does not read it, or finds no sound in it.
    """
    skipped = Fraction(0)
    if name == "ADTS" and start:
        pieces, skipped = _from_frame(pieces, start)
    try:
        container = av.open(Pieces(pieces), options={"format_whitelist": _FORMATS}, metadata_errors="ignore", mode="r")
        stream = container.streams.best("audio")
        if stream is None:
            raise Rejected("unsupported", f"the file is {name or container.format.name} without sound")
        if stream.codec_context is None:
            raise Rejected("unsupported", f"the file is {name or container.format.name} in a coding without decoder")
        _configure(stream)
        frames = _frames(container, stream)
        first = next(frames, None)
        begin = first.samples if first else 0
        sought = bool(start) and not skipped and first is not None and _seek(container, stream, start or 0.0)
        if sought:
            frames = _frames(container, stream)
            first = next(frames, None)
    except av.FFmpegError as error:
        raise Undecodable(_words(error)) from None
    rate = first.sample_rate if first else stream.codec_context.sample_rate
    if not rate:
        raise Undecodable("it does not say how many samples a second has")
    total = _total(container, stream, pieces, rate, name)
    position = round(skipped * rate) if not (sought and first) else _position(first, stream, rate, begin)
    span = _Span(
        position=position,
        first=round((start or 0.0) * rate),
        stop=None if end is None else round(end * rate),
        total=total,
        rate=rate,
        tolerance=0 if container.format.name == "flac" else round(_TOLERANCE_SECONDS * rate),
    )
    codec = stream.codec_context.codec.canonical_name.upper()
    return Recording(
        rate=rate,
        channels=stream.codec_context.channels,
        format=f"{name or container.format.name}/{codec}",
        decoder=DECODER,
        blocks=span.blocks(first, frames),
    )


class _Span:
    """Cuts the frames that are decoded to the samples that are wanted, and joins them to blocks."""

    def __init__(
        self, *, position: int, first: int, stop: int | None, total: int | None, rate: int, tolerance: int
    ) -> None:
        self._position, self._first, self._total, self._rate = position, first, total, rate
        self._tolerance = tolerance
        self._stop = min((limit for limit in (stop, total) if limit is not None), default=None)

    def blocks(self, first: "av.AudioFrame | None", frames: "Iterator[av.AudioFrame]") -> Iterator[Block]:
        waiting: list[Block] = []
        for frame in _chained(first, frames):
            if frame.sample_rate != self._rate:
                raise Rejected(
                    "unsupported",
                    f"its rate changes from {self._rate} to {frame.sample_rate} Hz on the way: cut it there",
                )
            waiting.append(self._cut(_channels(frame)))
            if sum(block.size for block in waiting) >= BLOCK_SAMPLES:
                yield np.concatenate(waiting)
                waiting = []
            if self._stop is not None and self._position >= self._stop:
                break
        else:
            self._check_total()
        if sum(map(len, waiting)):
            yield np.concatenate(waiting)

    def _cut(self, block: Block) -> Block:
        begin = max(self._first - self._position, 0)
        end = len(block) if self._stop is None else max(self._stop - self._position, 0)
        self._position += len(block)
        return block[begin:end]

    def _check_total(self) -> None:
        if self._total is None or self._position >= self._total - self._tolerance:
            return
        if not self._tolerance:  # of frames with checksums, those that do not match are left out
            raise Undecodable(f"{self._position} of {self._total} samples are undamaged")
        raise Rejected("truncated", f"the file announces {self._total} samples and has {self._position}")


def _configure(stream: "av.AudioStream") -> None:
    stream.codec_context.thread_count = 1
    if stream.codec_context.name == "flac":
        stream.codec_context.options = {"err_detect": "crccheck+explode"}


def _seek(container: "av.container.InputContainer", stream: "av.AudioStream", start: float) -> bool:
    """Whether the container is now a little before `start`; without an index it stays at its beginning."""
    if not container.format.name.startswith(("mov", "matroska")) or start <= _PREROLL_SECONDS:
        return False
    target = (stream.start_time or 0) + int((start - _PREROLL_SECONDS) / stream.time_base)
    container.seek(target, stream=stream, backward=True)
    return True


def _frames(container: "av.container.InputContainer", stream: "av.AudioStream") -> "Iterator[av.AudioFrame]":
    """Decodes packet after packet. FFmpeg leaves out some that are damaged, and says nothing."""
    name, begun, hole = stream.codec_context.name, False, False
    try:
        for packet in container.demux(stream):
            found = packet.decode()
            hole |= begun and bool(packet.size) and not found and name in _ONE_FOR_ONE
            begun |= bool(found)
            if packet.is_corrupt or (hole and (found or name == "flac")) or any(frame.is_corrupt for frame in found):
                raise Undecodable(f"a packet is damaged, at byte {packet.pos}")
            yield from found
    except av.FFmpegError as error:
        raise Undecodable(_words(error)) from None


def _chained(first: "av.AudioFrame | None", frames: "Iterator[av.AudioFrame]") -> "Iterator[av.AudioFrame]":
    if first is not None:
        yield first
    yield from frames


def _position(frame: "av.AudioFrame", stream: "av.AudioStream", rate: int, begin: int) -> int:
    """Samples before this frame, by its time; where times are rounded, frames of one length say it exactly.

    The first frame has `begin` samples, less than the others where the encoder's own are left out.
    """
    if frame.pts is None:
        raise Undecodable("its packets have no times, so that no span can be found")
    seconds: Fraction = (frame.pts - (stream.start_time or 0)) * frame.time_base
    position = round(seconds * rate)
    exact = begin + round((position - begin) / frame.samples) * frame.samples
    return exact if abs(exact - position) <= frame.time_base * rate else position


def _total(
    container: "av.container.InputContainer",
    stream: "av.AudioStream",
    pieces: Sequence[Content | bytes],
    rate: int,
    name: str | None,
) -> int | None:
    """Samples that the container announces; None where it does not, or FFmpeg only guesses."""
    if name == "MP4" and len(pieces) == 1:
        edited = boxes.sound_seconds(memoryview(pieces[0]))
        if edited:
            return round(edited * rate)
    if not container.format.name.startswith(_SAYS_LENGTH):
        return None
    seconds: Fraction | None = None
    if stream.duration:
        seconds = stream.duration * stream.time_base
    elif container.duration:
        seconds = Fraction(container.duration, av.time_base) - (stream.start_time or 0) * stream.time_base
    return None if seconds is None else math.ceil(seconds * rate)


def _from_frame(pieces: Sequence[Content | bytes], start: float) -> tuple[list[Content], Fraction]:
    """The ADTS frames from a few before `start`, and the seconds before them."""
    content = memoryview(b"".join(pieces)) if len(pieces) > 1 else memoryview(pieces[0])
    rate = _ADTS_RATES[content[2] >> 2 & 15]
    skipped = max(int(start * rate / _ADTS_SAMPLES) - _PREROLL_FRAMES, 0)
    position = number = 0
    while number < skipped and (length := mpeg.ADTS.length_at(content, position)):
        position += length
        number += 1
    return [content[position:]], Fraction(number * _ADTS_SAMPLES, rate)


def _channels(frame: "av.AudioFrame") -> Block:
    samples = frame.to_ndarray()
    channels = len(frame.layout.channels)
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128.0) / np.float32(128.0)
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples.astype(np.float32) / np.float32(-float(np.iinfo(samples.dtype).min))
    block: Block = samples.astype(np.float32, copy=False).T
    return block


def _words(error: av.FFmpegError) -> str:
    return error.strerror or type(error).__name__
