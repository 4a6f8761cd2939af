"""Every reason for which a clip is not kept but damage, and that nothing else is rejected."""

import tracemalloc

import numpy as np
import psutil
import pytest

from pipelines import flac
from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig
from pipelines.decoding import read_clip


def test_a_kept_clip_says_what_it_was(tmp_path, noise, write_audio, decode):
    """The facts of the source and the levels of what is stored."""
    write_audio(tmp_path / "a.flac", np.stack([noise(44_100)] * 2, axis=1), 44_100)
    decoded = decode("a.flac")
    assert (decoded.status, decoded.reason) == ("kept", "")
    assert (decoded.source_rate, decoded.source_channels) == (44_100, 2)
    assert decoded.source_format == "FLAC/PCM_16"
    assert decoded.decoder.startswith("libsndfile 1.")
    assert decoded.samples.dtype == np.dtype("<i2")
    assert decoded.samples.shape == (16_000,)
    assert -15.0 < decoded.levels.peak_db < -10.0


def test_a_mono_16_bit_file_at_the_rate_is_stored_exactly(tmp_path, noise, write_audio, decode):
    """Sample for sample."""
    samples = (noise() * 32_768).astype(np.int16)
    write_audio(tmp_path / "a.wav", samples, subtype="PCM_16")
    np.testing.assert_array_equal(decode("a.wav").samples, samples)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", "empty", "0 bytes"),
        (b"hello, this is a note about the recordings\n" * 9, "unsupported", "hello"),
        ("Größe: ein Text mit Umlauten, und zwar ohne Ende, damit er den Kopf füllt\n".encode(), "unsupported", "text"),
        ("\ufeffnote".encode("utf-16"), "unsupported", "text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "unsupported", "Git LFS"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(900), "truncated", "moov"),
        (b"\x1a\x45\xdf\xa3" + bytes(range(1, 200)), "truncated", "cut off"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.wav\n", "unsupported", "EXTM3U"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "unsupported", "ffconcat"),
        (b"%PDF-1.7\n\xff\xfe\x00" + bytes(100), "unsupported", "25 50 44 46"),
        (np.random.default_rng(1).bytes(20_000), "unsupported", "bytes"),
        (bytes(5_000), "unsupported", "00 00"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "truncated", "data"),
        (b"fLaC\0\0\0\x22", "truncated", "STREAMINFO"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_what_is_not_audio_is_named(tmp_path, decode, content, status, words, name):
    """The reason says what the file is instead."""
    (tmp_path / name).write_bytes(content)
    decoded = decode(name)
    assert decoded.status == status
    assert words in decoded.reason
    assert decoded.samples is None


def test_missing_and_changed_files(tmp_path, write_audio, decode):
    """No file; and a file that is not the one that was listed."""
    assert decode("nothing.wav").status == "missing"
    write_audio(tmp_path / "a.wav")
    stamp = stamp_of(str(tmp_path / "a.wav"))
    with (tmp_path / "a.wav").open("ab") as stream:
        stream.write(b"more")
    decoded = decode("a.wav", stamp=stamp)
    assert decoded.status == "changed"
    assert "run again" in decoded.reason


def test_a_clip_without_a_label(tmp_path, write_audio, decode):
    """It is not decoded, and says what to do."""
    write_audio(tmp_path / "a.wav")
    decoded = decode("a.wav", labels=())
    assert decoded.status == "unlabelled"
    assert "class folder" in decoded.reason


SOUNDS = {
    "silent zeros": (np.zeros(8_000), "silent"),
    "silent constant": (np.full(8_000, 0.5), "silent"),
    "silent opposite phases": (
        np.stack([np.sin(np.arange(8_000)), -np.sin(np.arange(8_000))], 1) / 2,
        "silent",
    ),
    "silent two steps": (np.where(np.arange(8_000) % 2, 2.0, 0.0) / 32_768, "silent"),
    "quiet five steps": (np.where(np.arange(8_000) % 2, 10.0, 0.0) / 32_768, "kept"),
    "short": (np.sin(np.arange(399)) / 2, "too_short"),
    "short none": (np.zeros(0), "too_short"),
    "long enough": (np.sin(np.arange(400)) / 2, "kept"),
    "nan": (np.where(np.arange(8_000) == 77, np.nan, 0.1), "non_finite"),
    "infinite": (np.where(np.arange(8_000) == 77, -np.inf, 0.1), "non_finite"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_that_are_not_worth_keeping(tmp_path, write_audio, decode, name):
    """Silence by any cause, shorter than the shortest, not a number; and their nearest good neighbours."""
    waveform, status = SOUNDS[name]
    write_audio(tmp_path / "a.wav", waveform.astype(np.float32), subtype="FLOAT")
    decoded = decode("a.wav")
    assert decoded.status == status
    assert (decoded.samples is None) == (status != "kept")
    assert bool(decoded.reason) == (status != "kept")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_several_ogg_streams_in_a_row_are_read_to_the_last(tmp_path, noise, write_audio, decode, subtype):
    """The decoder alone returns the first of them and says nothing."""
    paths = [write_audio(tmp_path / f"{seed}.ogg", noise(48_000, seed), 48_000, subtype=subtype) for seed in (1, 2)]
    (tmp_path / "a.ogg").write_bytes(b"".join(path.read_bytes() for path in paths))
    joined = decode("a.ogg")
    assert joined.status == "kept"
    assert "2 Ogg streams" in joined.reason
    parts = [decode(path.name).samples for path in paths]
    assert len(joined.samples) == 32_000
    for half, part in zip(np.split(joined.samples, 2), parts, strict=True):
        np.testing.assert_allclose(half[200:-200], part[200:-200], atol=1)
    np.testing.assert_allclose(decode("a.ogg", start=1.25, end=1.5).samples[200:-200], parts[1][4_200:7_800], atol=1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("rate", "status"), [(16_000, "kept"), (44_100, "non_finite")])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_floats_near_the_end_of_their_range(tmp_path, write_audio, decode, rate, status, sign):
    """No warning, no level that is not a number, which would end the statistics and the whole job."""
    hot = np.where(np.arange(22_050) % 7 < 3, sign * 3.4e38, 0.0).astype(np.float32)
    write_audio(tmp_path / "a.wav", hot, rate, subtype="FLOAT")
    decoded = decode("a.wav")
    assert decoded.status == status
    assert status != "kept" or decoded.levels.peak_db == pytest.approx(770.6, abs=0.1)
    assert decoded.levels is None or np.isfinite(decoded.levels.rms_db)


@pytest.mark.filterwarnings("error")
def test_a_resampler_that_leaves_its_range_late_is_noticed(tmp_path, noise, write_audio, decode):
    """Its numbers that are none come with finite ones, blocks after the first."""
    long = noise(2_500_000)
    long[2_000_000:2_100_000] = 3.4e38 * np.sign(long[2_000_000:2_100_000])
    write_audio(tmp_path / "a.wav", long, 44_100, subtype="FLOAT")
    assert decode("a.wav").status == "non_finite"


def test_a_recording_that_ends_too_soon_was_measured(tmp_path, noise, write_audio, decode):
    """FLAC says how many samples there are; what there is of them is in the ledger."""
    path = write_audio(tmp_path / "a.flac", noise(10_000))
    path.write_bytes(b"".join(map(bytes, flac.with_samples(memoryview(path.read_bytes()), 15_000))))
    decoded = decode("a.flac")
    assert decoded.status == "truncated"
    assert decoded.quality.peak_db == pytest.approx(20 * np.log10(np.abs(noise(10_000)).max()), abs=0.01)


def test_a_rejected_recording_holds_nothing(tmp_path, write_audio):
    """Neither its samples nor its file, however many of them wait for the end of a few."""
    write_audio(tmp_path / "silent.wav", np.zeros(1_500_000), 16_000)
    write_audio(tmp_path / "slow.wav", np.zeros(1_000), 50)

    def read(name):
        stamp = stamp_of(str(tmp_path / name))
        clip = Clip(clip_id=name, source=name, labels=("a",), split="train", group=name, stamp=stamp)
        return read_clip(clip, folder=str(tmp_path), config=PrepareConfig(corpus="folder"))

    tracemalloc.start()
    files = psutil.Process().num_fds()
    found = [read(name) for name in ("silent.wav", "slow.wav") for _ in range(4)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [one.verdict.status for one in found] == ["silent"] * 4 + ["corrupt"] * 4
    assert held < 1_000_000
    assert psutil.Process().num_fds() == files


def test_a_recording_too_long_for_a_record(tmp_path, write_audio, decode, monkeypatch):
    """A record is a protobuf message of less than 2 GiB: one more sample would end the whole job."""
    monkeypatch.setattr("pipelines.sound._MOST_SAMPLES", 8_000)
    monkeypatch.setattr("pipelines.sound.BLOCK_SAMPLES", 0)  # so that it is a long one
    write_audio(tmp_path / "a.wav", np.sin(np.arange(4_000)) / 2, 8_000)
    assert decode("a.wav").status == "kept"
    write_audio(tmp_path / "a.wav", np.sin(np.arange(4_001)) / 2, 8_000)
    assert decode("a.wav").status == "unsupported"
    assert "8000 samples" in decode("a.wav").reason


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (22_050, 1), (11_025, 2)])
def test_an_mp3_without_a_frame_count_is_read_to_its_end(tmp_path, write_audio, decode, rate, channels, mode):
    """The decoder alone guesses from the first frame, and may return a tenth of it."""
    swell = np.linspace(0.0, 0.5, 8 * rate) * np.sin(np.arange(8 * rate) / 9.0)
    sound = np.repeat(swell[:, None], channels, axis=1)
    path = write_audio(
        tmp_path / "a.mp3", sound, rate, bitrate_mode=mode, compression_level=0.5, subtype="MPEG_LAYER_III"
    )
    content = path.read_bytes()
    second = content.index(content[:2], 4)
    assert b"Xing" in content[:second] or b"Info" in content[:second]
    path.write_bytes(content[second:])
    samples = decode("a.mp3").samples
    assert 8.0 <= len(samples) / PrepareConfig.sample_rate < 8.2
    path.write_bytes(content[second:] + b"no frame, no tag" + content[second:])
    twice = decode("a.mp3")
    assert "16 bytes between its frames" in twice.reason
    assert 2 * len(samples) - 3_000 <= len(twice.samples) <= 2 * len(samples) + 3_000
    path.write_bytes(content[second:] + bytes(range(256)) * (len(content) // 1_000) + content[second:])
    assert decode("a.mp3").status == "corrupt"


def test_chunks_and_tags_around_the_samples_do_no_harm(tmp_path, noise, write_audio, decode):
    """An odd chunk before the samples, bytes after them, ID3 tags at both ends of an MP3."""
    path = write_audio(tmp_path / "a.wav", noise(), subtype="PCM_16")
    content = path.read_bytes()
    path.write_bytes(content[:12] + b"LIST\x03\0\0\0abc\0" + content[12:] + b"trailing")
    assert decode("a.wav").status == "kept"
    path = write_audio(tmp_path / "a.mp3", noise(48_000), 48_000)
    tag = b"ID3\x03\0\0\0\0\x01\x00" + bytes(128)
    path.write_bytes(tag + path.read_bytes() + b"TAG" + bytes(125))
    assert decode("a.mp3").status == "kept"
    path = write_audio(tmp_path / "a.ogg", noise(48_000), 48_000)
    path.write_bytes(path.read_bytes() + b"\0\0\0")
    assert decode("a.ogg").status == "kept"


def test_the_name_does_not_decide_the_format(tmp_path, noise, write_audio, decode):
    """A FLAC called .mp3 is a FLAC."""
    write_audio(tmp_path / "a.mp3", noise(), format="FLAC")
    assert decode("a.mp3").source_format == "FLAC/PCM_16"


def test_a_span_of_a_recording(tmp_path, noise, write_audio, decode):
    """Seconds of the source; beyond its end there is nothing."""
    samples = (noise(16_000) * 32_768).astype(np.int16)
    write_audio(tmp_path / "a.flac", samples)
    np.testing.assert_array_equal(decode("a.flac", start=0.25, end=0.5).samples, samples[4_000:8_000])
    np.testing.assert_array_equal(decode("a.flac", start=0.75).samples, samples[12_000:])
    assert decode("a.flac", start=9.0, end=10.0).status == "too_short"
