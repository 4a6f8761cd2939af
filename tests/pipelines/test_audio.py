"""Laws of decoding, mixing, resampling and quantising."""

import os

import numpy as np
import psutil
import pytest
import soundfile

from pipelines import audio, sndfile
from pipelines.recording import Undecodable

LOSSLESS = [
    ("wav", "WAV", "PCM_16", 2**-15),
    ("wav", "WAV", "PCM_24", 2**-15),
    ("wav", "WAV", "PCM_32", 2**-15),
    ("wav", "WAV", "PCM_U8", 2**-7),
    ("wav", "WAV", "FLOAT", 0.0),
    ("wav", "WAV", "DOUBLE", 0.0),
    ("wav", "WAVEX", "PCM_24", 2**-15),
    ("wav", "RF64", "PCM_16", 2**-15),
    ("flac", "FLAC", "PCM_16", 2**-15),
    ("flac", "FLAC", "PCM_24", 2**-15),
    ("flac", "FLAC", "PCM_S8", 2**-7),
    ("aiff", "AIFF", "PCM_16", 2**-15),
    ("au", "AU", "PCM_16", 2**-15),
    ("w64", "W64", "PCM_16", 2**-15),
    ("caf", "CAF", "PCM_24", 2**-15),
]
LOSSY = [("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS"), ("mp3", "MP3", "MPEG_LAYER_III")]


def levels_of(waveform):
    """Of a whole waveform."""
    meter = audio.LevelMeter()
    audio.add_levels([meter], [waveform])
    return meter.levels()


def read_mono(path, **span):
    """What libsndfile makes of a file, and its samples as one array."""
    recording = sndfile.open_recording(path, **span)
    return recording, np.concatenate([*map(audio.mono, recording.blocks), np.zeros(0, np.float32)])


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize(("suffix", "container", "subtype", "step"), LOSSLESS)
def test_lossless_files_decode_to_the_mean_of_their_channels(
    tmp_path, noise, write_audio, suffix, container, subtype, step, channels
):
    """Every depth, format and number of channels gives back what was written, within its step."""
    written = np.stack([noise(70_001, seed=channel) for channel in range(channels)], axis=1)
    path = write_audio(tmp_path / f"a.{suffix}", written, 22_050, format=container, subtype=subtype)
    recording, waveform = read_mono(os.fsencode(path))
    assert (recording.rate, recording.channels) == (22_050, channels)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, written.mean(axis=1), atol=step + 1e-7, rtol=0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("suffix", "container", "subtype"), LOSSY)
def test_lossy_files_decode_to_their_length_and_sound(tmp_path, write_audio, suffix, container, subtype, channels):
    """A tone survives Vorbis, Opus and MP3 with its length, level and pitch."""
    tone = 0.3 * np.sin(2 * np.pi * 1000.0 * np.arange(96_000) / 48_000)
    stereo = np.repeat(tone[:, None], channels, axis=1)
    path = write_audio(tmp_path / f"a.{suffix}", stereo, 48_000, format=container, subtype=subtype)
    waveform = read_mono(os.fsencode(path))[1]
    assert len(waveform) == len(tone)
    middle = waveform[24_000:72_000]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 1000
    rms = np.sqrt(np.mean(middle**2))  # LAME turns everything down by 5 %
    assert rms == pytest.approx(0.3 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize(("suffix", "container", "subtype"), LOSSY)
def test_a_lossy_file_in_blocks_is_the_file_at_once(
    tmp_path, monkeypatch, noise, write_audio, suffix, container, subtype
):
    """A decoder keeps bits of what was before: a seek at the edge of a block would change the samples behind it."""
    path = write_audio(tmp_path / f"a.{suffix}", noise(400_000), 48_000, format=container, subtype=subtype)
    at_once, _ = soundfile.read(path, dtype="float32")
    monkeypatch.setattr(sndfile, "BLOCK_SAMPLES", 2**17)
    np.testing.assert_array_equal(read_mono(os.fsencode(path))[1], at_once)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_what_is_stored_does_not_depend_on_blocks(tmp_path, monkeypatch, noise, write_audio, decode, rate, channels):
    """A recording in one block waits for others like it, one in several is stored as it comes."""
    write_audio(tmp_path / "a.wav", np.stack([noise(70_000, seed=n) for n in range(channels)], axis=1), rate)
    at_once = decode("a.wav")
    monkeypatch.setattr(sndfile, "BLOCK_SAMPLES", 10_000)
    in_blocks = decode("a.wav")
    np.testing.assert_array_equal(in_blocks.samples, at_once.samples)
    assert in_blocks.levels.rms_db == pytest.approx(at_once.levels.rms_db, abs=1e-5)
    assert in_blocks.quality.dc_offset == pytest.approx(at_once.quality.dc_offset, abs=1e-7)


@pytest.mark.parametrize(("suffix", "container", "subtype"), [*(kind[:3] for kind in LOSSLESS), *LOSSY])
def test_an_open_file_is_the_one_at_its_path(tmp_path, noise, write_audio, suffix, container, subtype):
    """The same recording and the same samples, of a span as well; and the file is closed behind the last of them."""
    path = write_audio(tmp_path / f"a.{suffix}", noise(48_000), 48_000, format=container, subtype=subtype)
    opened = psutil.Process().num_fds()
    for span in ({}, {"start": 0.25, "end": 0.5}):
        by_path, expected = read_mono(os.fsencode(path), **span)
        by_descriptor, waveform = read_mono(os.open(path, os.O_RDONLY), **span)
        np.testing.assert_array_equal(waveform, expected)
        assert (by_descriptor.format, by_descriptor.rate) == (by_path.format, by_path.rate)
    assert psutil.Process().num_fds() == opened


@pytest.mark.parametrize(("suffix", "subtype"), [("gsm", "GSM610"), ("vox", "VOX_ADPCM")])
def test_what_only_a_name_tells_is_decoded(tmp_path, noise, decode, suffix, subtype):
    """Telephones' recordings have no header: libsndfile takes them at their suffix."""
    soundfile.write(tmp_path / f"a.{suffix}", noise(16_000), 8_000, format="RAW", subtype=subtype)
    decoded = decode(f"a.{suffix}")
    assert (decoded.status, decoded.source_format, decoded.source_rate) == ("kept", f"RAW/{subtype}", 8_000)
    assert len(decoded.samples) == 32_000


@pytest.mark.parametrize("content", [b"", b"RIFF\x10\0\0\0WAVEfmt junkjunkjunk"])
def test_a_file_that_cannot_be_read_is_closed(tmp_path, content):
    """A worker meets many of them, and may have so many files open and no more."""
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    opened = psutil.Process().num_fds()
    with pytest.raises(Undecodable):
        sndfile.open_recording(os.open(path, os.O_RDONLY))
    assert psutil.Process().num_fds() == opened


def test_a_span_is_the_slice_of_the_whole(tmp_path, noise, write_audio):
    """Start and end are seconds; the samples are those of the whole file there."""
    path = os.fsencode(write_audio(tmp_path / "a.wav", noise(16_000), 8_000, subtype="FLOAT"))
    whole = read_mono(path)[1]
    np.testing.assert_array_equal(read_mono(path, start=0.5, end=1.25)[1], whole[4_000:10_000])
    np.testing.assert_array_equal(read_mono(path, start=1.5)[1], whole[12_000:])
    assert len(read_mono(path, start=5.0)[1]) == 0


@pytest.mark.parametrize("rates", [(44_100, 16_000), (8_000, 16_000), (24_414, 16_000), (4_410, 22_050)])
@pytest.mark.parametrize("length", [1, 2, 3, 999, 44_101])
def test_resampled_length_is_the_ceiling(rates, length):
    """ceil(n * target / source), exactly, whatever the rates."""
    source, target = rates
    resampled = audio.resample(np.ones(length, np.float32), source_rate=source, target_rate=target)
    assert len(resampled) == -(-length * target // source)
    assert len(resampled) == audio.resampled_length(length, source_rate=source, target_rate=target)


@pytest.mark.parametrize("source", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_a_tone(source):
    """A 1 kHz tone stays itself in phase and level, away from the edges."""
    tone = np.sin(2 * np.pi * 1000.0 * np.arange(source) / source).astype(np.float32)
    expected = np.sin(2 * np.pi * 1000.0 * np.arange(16_000) / 16_000)
    resampled = audio.resample(tone, source_rate=source, target_rate=16_000)
    np.testing.assert_allclose(resampled[800:-800], expected[800:-800], atol=1e-3)


@pytest.mark.parametrize("source_rate", [100, 8_000, 11_025, 24_414, 44_100, 96_000])
def test_short_waveforms_resampled_together_are_as_each_alone(source_rate):
    """Bit for bit, whatever their lengths and loudness."""
    random = np.random.default_rng(source_rate)
    longest = min(8_192, source_rate // 2)
    waveforms = [
        (10.0**-power * random.standard_normal(length)).astype(np.float32)
        for power, length in enumerate((longest, longest - 1, longest // 3, 2, 1))
    ]
    rates = {"source_rate": source_rate, "target_rate": 16_000}
    together = audio.resample_together(waveforms, **rates)
    for waveform, found in zip(waveforms, together, strict=True):
        np.testing.assert_array_equal(found, audio.resample(waveform, **rates))


def test_resampling_removes_what_would_alias():
    """A 10 kHz tone leaves nothing at 16 kHz."""
    tone = np.sin(2 * np.pi * 10_000.0 * np.arange(48_000) / 48_000).astype(np.float32)
    resampled = audio.resample(tone, source_rate=48_000, target_rate=16_000)
    assert np.max(np.abs(resampled[800:-800])) < 1e-4


def test_sixteen_bits_are_stored_as_they_are(tmp_path, write_audio):
    """Every 16-bit value survives decoding and quantising."""
    every = np.arange(-32_768, 32_768).astype(np.int16)
    _, waveform = read_mono(os.fsencode(write_audio(tmp_path / "a.wav", every, subtype="PCM_16")))
    np.testing.assert_array_equal(audio.quantise(waveform), every)
    assert levels_of(waveform).clipped_share == 0.0


def test_what_exceeds_full_scale_is_clipped_and_counted():
    """Two of four samples lie outside 16 bits."""
    waveform = np.array([1.5, -2.0, 0.5, -1.0], np.float32)
    np.testing.assert_array_equal(audio.quantise(waveform), [32_767, -32_768, 16_384, -32_768])
    assert levels_of(waveform).clipped_share == 0.5


def test_levels_have_closed_forms():
    """A sine at half scale peaks at -6.02 dB, its root mean square lies 3.01 dB lower; silence has none."""
    sine = 0.5 * np.sin(2 * np.pi * 1000.0 * np.arange(16_000) / 16_000)
    levels = levels_of(sine.astype(np.float32))
    assert levels.peak_db == pytest.approx(-6.0206, abs=1e-3)
    assert levels.rms_db == pytest.approx(-9.0309, abs=1e-3)
    assert levels_of(np.zeros(10, np.float32)).peak_db is None
    assert audio.swing_db(np.full(10, 0.7, np.float32)) is None
