"""Long recordings: no more memory than a block and the result, and a span without what lies before it."""

import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

from pipelines import audio, frames, mpeg

ROOT = Path(__file__).parents[2]
SCRIPT = """if True:
    import json, sys
    from pathlib import Path
    from infra.memory import peak_bytes
    from pipelines.clip import Clip, stamp_of
    from pipelines.config import PrepareConfig
    from pipelines.decoding import decode_clip
    path = Path(sys.argv[1])
    clip = Clip(clip_id="a", source=path.name, labels=("a",), split="train", group="a", stamp=stamp_of(str(path)))
    decoded = decode_clip(clip, folder=str(path.parent), config=PrepareConfig(corpus="folder"))
    print(json.dumps([decoded.status, len(decoded.samples), peak_bytes()]))
"""


def write_wav(path: Path, *, seconds: int) -> None:
    """96 kHz stereo, a second of noise and then silence, which takes no room on the disk."""
    size, rate = 4 * 96_000 * seconds, 96_000
    noise = (3_000 * np.random.default_rng(0).normal(size=2 * rate)).astype("<i2").tobytes()
    form = struct.pack("<IHHIIHH", 16, 1, 2, rate, 4 * rate, 4, 16)
    with path.open("wb") as stream:
        stream.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size))
        stream.write(noise)
        stream.truncate(44 + size)


def test_the_memory_of_a_long_recording_is_that_of_what_is_stored(tmp_path):
    """Twenty minutes at 96 kHz in stereo have 920 MB of floats; 38 MB are stored."""
    peaks = {}
    for seconds in (10, 1_200):
        path = tmp_path / f"{seconds}.wav"
        write_wav(path, seconds=seconds)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        status, length, peaks[seconds] = json.loads(done.stdout)
        assert (status, length) == ("kept", 16_000 * seconds)
    assert peaks[1_200] - peaks[10] < 2.5 * 2 * 16_000 * 1_200
    assert peaks[1_200] < 300e6


@pytest.mark.parametrize("rate", [8_000, 24_414, 44_100, 96_000])
def test_blocks_change_no_sample(rate):
    """Any blocks give what soxr gives for the whole."""
    random = np.random.default_rng(0)
    waveform = random.normal(size=200_001).astype(np.float32)
    tail = np.zeros(-(-rate // 16_000), np.float32)
    whole = soxr.resample(np.concatenate([waveform, tail]), rate, 16_000, quality="HQ")
    for _ in range(3):
        resampler = audio.Resampler(source_rate=rate, target_rate=16_000)
        cuts = np.sort(random.integers(0, len(waveform), 20))
        parts = [*map(resampler.push, np.split(waveform, cuts)), resampler.end()]
        length = -(-len(waveform) * 16_000 // rate)
        np.testing.assert_array_equal(np.concatenate(parts), whole[:length])


@pytest.mark.parametrize("length", [1, 6_000, 2**15, 70_000])
def test_what_was_resampled_before_changes_no_sample(length):
    """Whether it came to its end, was given up, or was not finite."""
    waveform = np.random.default_rng(1).normal(size=length).astype(np.float32)
    whole = soxr.resample(np.concatenate([waveform, np.zeros(3, np.float32)]), 44_100, 16_000, quality="HQ")
    for before in (waveform, np.full(80_000, np.nan, np.float32), np.full(80_000, 1e38, np.float32)):
        audio.resample(before, source_rate=44_100, target_rate=16_000)
        audio.Resampler(source_rate=44_100, target_rate=16_000).push(np.ones(100_000, np.float32))
        other = audio.Resampler(source_rate=44_100, target_rate=16_000)  # takes turns with the next
        other.push(np.ones(50_000, np.float32))
        found = audio.resample(waveform, source_rate=44_100, target_rate=16_000)
        other.end()
        np.testing.assert_array_equal(found, whole[: -(-length * 16_000 // 44_100)])


@pytest.fixture
def decoded_samples(monkeypatch):
    """Counts what decoders hand out, in samples of each channel."""
    counts = []
    real = audio.mono

    def mono(block):
        counts.append(len(block))
        return real(block)

    monkeypatch.setattr(audio, "mono", mono)
    return counts


def repeated(stream: bytes, framing, *, skip: int, times: int) -> bytes:
    """The frames of a stream but for the first ones, again and again."""
    content = memoryview(stream)
    begin = frames.walk(content, framing).begin
    for _ in range(skip):
        begin += framing.length_at(content, begin)
    return bytes(content[begin:]) * times


def encoded(sound: np.ndarray, name: str) -> bytes:
    """Five minutes of a ten-second sound."""
    stream = io.BytesIO()
    if name == "MP3":
        soundfile.write(stream, sound, 48_000, format="MP3")
        return repeated(stream.getvalue(), mpeg.LAYER_3, skip=1, times=30)
    if name == "FLAC":
        soundfile.write(stream, np.tile(sound, 30), 48_000, format="FLAC")
        return stream.getvalue()
    with av.open(stream, "w", format="adts" if name == "ADTS" else "ipod") as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        for begin in range(0, 480_000 * (1 if name == "ADTS" else 30), 1024):
            block = np.resize(sound[begin % 480_000 :], 1024)
            frame = av.AudioFrame.from_ndarray(block[None].copy(), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, begin
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return stream.getvalue() * (30 if name == "ADTS" else 1)


@pytest.mark.parametrize("name", ["MP3", "FLAC", "ADTS", "M4A"])
def test_a_span_is_sought_and_not_decoded_to(tmp_path, noise, decode, decoded_samples, name):
    """Ten seconds near the end of five minutes, and less than two seconds more."""
    (tmp_path / "a").write_bytes(encoded(noise(480_000), name))
    span = decode("a", start=280.0, end=290.0)
    assert span.status == "kept", span
    assert len(span.samples) == 160_000
    assert 480_000 <= sum(decoded_samples) <= 12 * 48_000
