"""What libsndfile does not read, and headers that lie: everything decodable is kept whole, the rest has its reason."""

import io
import struct

import av
import numpy as np
import pytest
import soundfile

from pipelines.config import PrepareConfig

RATE = PrepareConfig.sample_rate
TAG = b"ID3\x03\0\0\0\0\x01\x00" + bytes(128)
SECONDS = 3


@pytest.fixture(scope="module")
def sound():
    """Three seconds of a chirp in noise, float32 at 48 kHz."""
    time = np.arange(SECONDS * 48_000) / 48_000
    noise = 0.01 * np.random.default_rng(0).normal(size=len(time))
    return (0.3 * np.sin(2 * np.pi * (200 + 300 * time) * time) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def reference(sound):
    """The same at 16 kHz, as libsndfile and soxr have it."""
    from pipelines import audio

    return audio.resample(sound, source_rate=48_000, target_rate=RATE)


def by_soundfile(sound, container, subtype=None, rate=48_000, **kind):
    """The bytes of a file that libsndfile writes."""
    stream = io.BytesIO()
    soundfile.write(stream, sound, rate, format=container, subtype=subtype, **kind)
    return stream.getvalue()


def by_ffmpeg(sound, muxer, encoder, *, is_pipe=False, options=None):
    """The bytes of a file that FFmpeg writes; to a pipe it cannot go back and fill in lengths."""
    stream = io.BytesIO()
    target = type("Pipe", (), {"write": lambda self, content: stream.write(content)})() if is_pipe else stream
    with av.open(target, "w", format=muxer, options=options or {}) as container:
        track = container.add_stream(encoder, rate=48_000, layout="mono")
        kind = track.codec_context.codec.audio_formats[0].name
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        fifo = av.AudioFifo()
        resampler = av.AudioResampler(format=kind, layout="mono", rate=48_000)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            fifo.write(part)
        while part := fifo.read(track.codec_context.frame_size or 4096, partial=True):
            container.mux(track.encode(part))
        container.mux(track.encode(None))
    return stream.getvalue()


def similarity(found, reference, lag):
    """Correlation with the reference, `lag` samples later; the ends aside."""
    length = min(len(found) - lag, len(reference)) - 400
    return np.corrcoef(found[200 + lag : length + lag], reference[200:length])[0, 1]


FFMPEG = {
    "aac.m4a": ("ipod", "aac", {}),
    "aac.mp3": ("adts", "aac", {}),
    "alac.m4a": ("ipod", "alac", {}),
    "fragmented.mp4": ("mp4", "aac", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    "opus.webm": ("webm", "libopus", {}),
    "live.webm": ("webm", "libopus", {"is_pipe": True}),
    "aac.mkv": ("matroska", "aac", {}),
    "wavpack.wv": ("wv", "wavpack", {}),
    "ac3.ac3": ("ac3", "ac3", {}),
    "ts.ts": ("mpegts", "aac", {"is_pipe": True}),
    "mp3.avi": ("avi", "libmp3lame", {}),
    "pcm.sox": ("sox", "pcm_s32le", {}),
    "pipe.flac": ("flac", "flac", {"is_pipe": True}),
    "pipe.wav": ("wav", "pcm_s16le", {"is_pipe": True}),
    "pipe.w64": ("w64", "pcm_s16le", {"is_pipe": True}),
    "pipe.mp3": ("mp3", "libmp3lame", {"is_pipe": True}),
    "pipe.au": ("au", "pcm_s16be", {"is_pipe": True}),
}


@pytest.mark.parametrize("name", FFMPEG)
def test_a_format_is_decoded_whole(tmp_path, decode, sound, reference, name):
    """The sound that was written, in its place to a frame of its encoder, whatever the file is called."""
    muxer, encoder, how = FFMPEG[name]
    (tmp_path / name).write_bytes(by_ffmpeg(sound, muxer, encoder, **how))
    decoded = decode(name)
    assert decoded.status == "kept", decoded
    assert decoded.source_rate == 48_000
    assert len(reference) <= len(decoded.samples) <= len(reference) + RATE // 10
    assert max(similarity(decoded.samples, reference, lag) for lag in range(800)) > 0.98
    assert decoded.decoder.startswith(("FFmpeg ", "libsndfile "))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
@pytest.mark.parametrize("name", ["aac.m4a", "aac.mp3", "alac.m4a", "opus.webm", "aac.mkv", "wavpack.wv", "pipe.flac"])
def test_what_was_cut_off_is_not_kept(tmp_path, decode, sound, name, share):
    """FFmpeg alone reads the front of most of these and says nothing."""
    muxer, encoder, how = FFMPEG[name]
    content = by_ffmpeg(sound, muxer, encoder, **how)
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    decoded = decode(name)
    assert decoded.status in {"truncated", "corrupt"}, decoded
    assert decoded.status == "truncated" or name == "wavpack.wv"


def test_what_an_encoder_adds_is_left_out(tmp_path, decode, sound):
    """By the edit list of an MP4: 1024 samples in front, and some behind."""
    content = by_ffmpeg(sound, "ipod", "aac")
    begin = content.index(b"elst") + 12
    edited = content[:begin] + struct.pack(">Ii", 1000 * SECONDS, 1024) + content[begin + 8 :]
    (tmp_path / "a.m4a").write_bytes(edited)
    assert len(decode("a.m4a").samples) == SECONDS * RATE


def lying(sound):
    """Name -> (bytes, what the note says); every one of them is decodable to its end."""
    flac, wav = by_soundfile(sound, "FLAC"), by_soundfile(sound, "WAV", "PCM_16")
    mp3, adts = by_soundfile(sound, "MP3"), by_ffmpeg(sound, "adts", "aac")
    block = next(mp3.index(mark) for mark in (b"Xing", b"Info") if mark in mp3)
    frames = struct.unpack_from(">I", mp3, block + 8)[0]

    def announcing(number):
        return mp3[: block + 8] + struct.pack(">I", number) + mp3[block + 12 :]

    def of_size(number):
        return wav[:40] + struct.pack("<I", number) + wav[44:]

    junk = bytes(range(1, 200))
    return {
        "flac behind a tag": (TAG + flac, "138 bytes of tags before its FLAC"),
        "flac before a tag": (flac + b"TAG" + bytes(125), ""),
        "flac too short": (flac[:21] + bytes([flac[21] & 0xF0, 0, 0, 99, 0]) + flac[26:], "announces 25344 samples"),
        "wav behind a tag": (TAG + wav, "tags before its WAV"),
        "wav counts its header": (of_size(len(wav)), "44 bytes more than there are"),
        "wav counts too little": (of_size(1000), "announces 1000 bytes"),
        "mp3 behind two tags": (TAG + TAG + mp3, ""),
        "mp3 behind junk": (junk + mp3, "199 bytes before its frames"),
        "mp3 before junk": (mp3 + junk, "199 bytes behind its frames"),
        "mp3 before an APE tag": (mp3 + b"APETAGEX" + struct.pack("<III", 2000, 0, 0) + bytes(12), ""),
        "mp3 whose tag says 16 kB": (b"ID3\x03\0\0\0\0\x7f\x7f" + bytes(100) + mp3, "110 bytes before"),
        "mp3 of too few frames": (announcing(frames // 2), "MPEG frames, and it has"),
        "mp3 of too many frames": (announcing(2 * frames), "MPEG frames, and it has"),
        "aac behind junk": (junk + adts, "199 bytes before its frames"),
        "aac behind a tag": (TAG + adts, ""),
    }


@pytest.mark.parametrize("name", lying(np.zeros(4_000, np.float32)))
def test_a_header_that_lies_costs_nothing(tmp_path, decode, sound, reference, name):
    """All of the sound is kept, with a note of what was odd."""
    content, words = lying(sound)[name]
    (tmp_path / "a.mp3").write_bytes(content)
    decoded = decode("a.mp3")
    assert decoded.status == "kept", decoded
    assert words in decoded.reason
    assert bool(decoded.reason) == bool(words)
    assert len(reference) <= len(decoded.samples) <= len(reference) + 1_600
    assert max(similarity(decoded.samples, reference, lag) for lag in range(800)) > 0.98


@pytest.mark.parametrize("container", ["WAV", "FLAC", "NIST", "AIFF", "CAF"])
def test_eight_channels_at_a_rate_that_nobody_has(tmp_path, decode, sound, container):
    """24,414 Hz, as some speech has it."""
    content = by_soundfile(np.stack([sound] * 8, axis=1), container, "PCM_16", 24_414)
    (tmp_path / "a.wav").write_bytes(content)
    decoded = decode("a.wav")
    assert (decoded.status, decoded.source_channels, decoded.source_rate) == ("kept", 8, 24_414)
    assert len(decoded.samples) == -(-len(sound) * RATE // 24_414)


SPANS = {
    "WAV": lambda sound: by_soundfile(sound, "WAV", "PCM_16"),
    "FLAC": lambda sound: by_soundfile(sound, "FLAC"),
    "Vorbis": lambda sound: by_soundfile(sound, "OGG", "VORBIS"),
    "Opus": lambda sound: by_soundfile(sound, "OGG", "OPUS"),
    "MP3": lambda sound: by_soundfile(sound, "MP3"),
    "WebM": lambda sound: by_ffmpeg(sound, "webm", "libopus"),
    "ALAC": lambda sound: by_ffmpeg(sound, "ipod", "alac"),
    "M4A": lambda sound: by_ffmpeg(sound, "ipod", "aac"),
    "ADTS": lambda sound: by_ffmpeg(sound, "adts", "aac"),
}


@pytest.mark.parametrize("name", SPANS)
def test_a_span_is_sought_to_the_sample(tmp_path, decode, sound, name):
    """It is where it is in the whole. Some decoders remember what came before, so the values differ a little."""
    (tmp_path / "a").write_bytes(SPANS[name](sound))
    whole = decode("a").samples.astype(float)
    for start, end in [(0.0, 1.0), (0.7, 1.2), (2.0, 2.75)]:
        span = decode("a", start=start, end=end).samples.astype(float)
        expected = whole[round(start * RATE) : round(end * RATE)]
        assert len(span) == len(expected)
        errors = [np.mean(np.abs(np.roll(span, lag) - expected)[300:-300]) for lag in range(-40, 41)]
        assert np.argmin(errors) == 40
        assert errors[40] < 0.02 * np.std(expected)
